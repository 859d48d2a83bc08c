"""The tables of docs/run-arguments.md, from the tables of the code: `python -m tests.run_args.document` writes them."""

from __future__ import annotations

from pathlib import Path

from weave_http.engine.gates import GATES, Gate
from weave_http.engine.version import version_text
from weave_http.run_args.option import Option
from weave_http.run_args.table import CLIENT, GROUPS

DOCUMENT = Path(__file__).parents[2] / "docs" / "run-arguments.md"
_AROUND = {
    "detach": "nobody listens to the container's streams",
    "detach-keys": "the query of attach",
    "disable-content-trust": "nothing: accepted, so that old lines go on working",
    "help": "this page",
    "kernel-memory": "nothing, with a warning",
    "name": "the query of the create call",
    "platform": "the query of the create call, and of a pull",
    "pull": "whether the image is pulled first",
    "quiet": "whether a pull shows its progress",
    "sig-proxy": "whether signals are handed on, in the foreground",
}


def options_table() -> str:
    """Return the table of options."""
    lines = ["| option | value | field |", "| --- | --- | --- |"]
    for title, options in GROUPS.items():
        lines.append(f"| **{title}** | | |")
        lines += [_row(option) for option in sorted(options, key=lambda option: option.name)]
    return "\n".join(lines)


def _row(option: Option) -> str:
    names = [f"`-{option.short}`"] if option.short else []
    names += [f"`--{name}`" for name in (option.name, *option.aliases)]
    where = (
        _AROUND[option.name] if option in CLIENT else ", ".join(f"`{field}`" for field in (option.field, *option.also))
    )
    system = f" ({option.os.title()} only)" if option.os else ""
    return f"| {' '.join(names)} | {option.kind.value} | {where}{system} |"


def versions_table() -> str:
    """Return the table of fields that not every daemon knows."""
    lines = ["| field | API | where it is missing |", "| --- | --- | --- |"]
    lines += [
        f"| `{gate.words}` | {_span(gate)} | {'refused' if gate.refuse else 'left out, with a warning'} |"
        for gate in GATES
    ]
    return "\n".join(lines)


def _span(gate: Gate) -> str:
    return f"before {version_text(gate.until)}" if gate.until else f"from {version_text(gate.since)} on"


def filled(text: str) -> str:
    """Return the document with its tables anew."""
    for name, table in (("options", options_table()), ("versions", versions_table())):
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        assert found, f"{DOCUMENT.name} has no place for {name}"
        text = f"{before}{begin}{table}\n{end}{after}"
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
