"""Environment and labels: from options, from files, from the caller's environment, from docker's configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from weave_http.docker_config import field
from weave_http.printable import is_text
from weave_http.run_args.draft import Draft
from weave_http.run_args.kinds import pair
from weave_http.run_args.wrong import BadValue, RunArgumentError

_BLANKS = " \t"
_BOM = b"\xef\xbb\xbf"
_LONGEST_LINE = 64 * 1024 - 1
"""Bytes of a line that docker's reader takes."""
_PROXIES = {
    "HTTP_PROXY": "httpProxy",
    "HTTPS_PROXY": "httpsProxy",
    "NO_PROXY": "noProxy",
    "FTP_PROXY": "ftpProxy",
    "ALL_PROXY": "allProxy",
}
"""Variables, and what docker's configuration calls them."""


def env(text: str) -> str:
    """Check `NAME=value` or `NAME`."""
    if not text.partition("=")[0]:
        raise BadValue("the variable has no name")
    return text


def build_env(draft: Draft) -> None:
    """Put `--env-file`, then proxies, then `--env` into `Env`; of several values of a variable the last counts."""
    environ = draft.around.environ
    items: dict[str, str] = {}
    for text in draft.texts("env-file"):
        for line in draft.one("env-file", text, lambda path: list(lines(draft.around.files.read(path)))):
            if "=" in line or line in environ:
                _set(items, _looked_up(line, environ))
    given: dict[str, str] = {}
    for text in draft.texts("env"):
        _set(given, _looked_up(text, environ))
    for name, value in _proxies(draft.around.config, draft.around.daemon):
        for variable in (name, name.lower()):
            if variable not in given:
                _set(items, f"{variable}={value}")
    for item in given.values():
        _set(items, item)
    if items:
        draft.config["Env"] = list(items.values())


def _set(items: dict[str, str], item: str) -> None:
    """Take a variable up, at the end."""
    name = item.partition("=")[0]
    items.pop(name, None)
    items[name] = item


def _looked_up(text: str, environ: Mapping[str, str]) -> str:
    """Return `NAME` with the caller's value, or bare where there is none: the daemon then removes the image's."""
    if "=" in text or text not in environ:
        return text
    value = environ[text]
    if not is_text(value):
        raise RunArgumentError(f"--env {text}: its value is no UTF-8, which JSON can't say")
    return f"{text}={value}"


def _proxies(config: Mapping[str, Any], daemon: str) -> Iterator[tuple[str, str]]:
    proxies = field(config, "proxies")
    if not isinstance(proxies, dict):
        return
    ours = proxies.get(daemon) or proxies.get("default")
    if isinstance(ours, dict):
        for variable, key in _PROXIES.items():
            value = field(ours, key)
            if isinstance(value, str) and value:
                yield variable, value


def label(text: str) -> tuple[str, str]:
    """Return key and value of `key[=value]`."""
    key, value = pair(text)
    name = key.lstrip(_BLANKS)
    if not name or any(blank in name for blank in _BLANKS):
        raise BadValue("a label's key is one word")
    return key, value


def build_labels(draft: Draft) -> None:
    """Put `--label-file`, then `--label` into `Labels`; a line of the file without `=` is none."""
    labels: dict[str, str] = {}
    for text in draft.texts("label-file"):
        found = draft.one("label-file", text, lambda path: list(lines(draft.around.files.read(path))))
        labels.update(pair(line) for line in found if "=" in line)
    labels.update(draft.given.get("label", {}))
    if labels:
        draft.config["Labels"] = labels


def lines(content: bytes) -> Iterable[str]:
    """Yield the lines of an env-file that say something, each `NAME=value` or `NAME`.

    There are neither quotes nor variables in it: a value goes on to the end of its line, blanks included.
    """
    for number, raw in enumerate(content.removeprefix(_BOM).split(b"\n"), 1):
        if len(raw) > _LONGEST_LINE:
            raise BadValue(f"line {number} of the file is too long")
        try:
            line = raw.removesuffix(b"\r").decode().lstrip()
        except UnicodeDecodeError as error:
            raise BadValue(f"line {number} of the file is not UTF-8") from error
        if not line or line.startswith("#"):
            continue
        name = line.partition("=")[0]
        if not name:
            raise BadValue(f"line {number} of the file has no name")
        if any(blank in name for blank in _BLANKS):
            raise BadValue(f"line {number} of the file has a blank in its name")
        yield line
