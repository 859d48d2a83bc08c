"""Records what a docker CLI makes of every line: `python -m tests.run_args.record [CLI]`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.docker_cli import cli_version, oracles
from tests.run_args.cases import ENVIRON, all_lines
from tests.run_args.desk import Outcome, prepare, theirs

FIXTURES = Path(__file__).parents[2] / "fixtures"
RECORDED = FIXTURES / "docker-cli-28.2.2" / "run-lines.json"
"""What the newest CLI that was asked made of them."""


def recorded(path: Path = RECORDED) -> dict[tuple[str, ...], Outcome]:
    """Return what was recorded, by the words of a line."""
    entries = json.loads(path.read_text(encoding="utf-8"))["lines"]
    return {
        tuple(entry["argv"]): Outcome(entry.get("body"), entry.get("query", {}), entry.get("error", ""))
        for entry in entries
    }


def record(program: str) -> Path:
    """Ask a CLI about every line, and write down what it says."""
    version = ".".join(map(str, cli_version(program)))
    lines = all_lines()
    with (
        tempfile.TemporaryDirectory() as scratch,
        oracles(Path(scratch), 4, program, prepare=prepare, environ=ENVIRON) as ask,
    ):
        answers = [theirs(said, where) for said, where in ask([line.words for line in lines])]
    entries = []
    for line, outcome in zip(lines, answers, strict=True):
        entry: dict[str, object] = {"argv": line.words}
        if outcome.body is None:
            entry["error"] = outcome.error
        else:
            entry["body"] = outcome.body
            if outcome.query:
                entry["query"] = outcome.query
        entries.append(json.dumps(entry, ensure_ascii=False))
    path = FIXTURES / f"docker-cli-{version}" / "run-lines.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    joined = ",\n  ".join(entries)
    path.write_text(f'{{"cli": "{version}", "lines": [\n  {joined}\n]}}\n', encoding="utf-8")
    return path


if __name__ == "__main__":
    print(record(sys.argv[1] if len(sys.argv) > 1 else "docker"))
