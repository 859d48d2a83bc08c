"""The file of hosts, and how hosts are chosen: by name, pattern, label, docker context or endpoint.

The file is TOML under the user's folder of configuration, a table a host::

    [hosts.db1]
    endpoint = "ssh://admin@db1.example"
    labels = ["db", "zone=a"]
    advertise = "10.0.0.5"
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from weave_http import atomic
from weave_http.docker_config import home_of_user
from weave_http.errors import UsageError, WeaveError
from weave_http.records import dataclass, values

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_WORD = re.compile(r"[^\s,\x00-\x1f*?\[\]]{1,200}")


@dataclass(frozen=True, slots=True)
class KnownHost:
    """A Docker host that has a name.

    Args:
        name: for results and choices.
        endpoint: as `DOCKER_HOST` takes it; or
        context: the docker context that has it.
        labels: words by which it is chosen together with others.
        advertise: name or address at which other hosts' routers reach it; empty if the endpoint is to say.
    """

    name: str
    endpoint: str = ""
    context: str = ""
    labels: tuple[str, ...] = ()
    advertise: str = ""


def hosts_path(environ: Mapping[str, str]) -> Path:
    """Return where the file is: `$XDG_CONFIG_HOME/weave/hosts.toml`, with `~/.config` where that is not set."""
    folder = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME") or home_of_user(), ".config")
    return Path(folder) / "weave" / "hosts.toml"


def read_hosts(path: Path) -> list[KnownHost]:
    """Return the hosts of a file, in its order; none if there is no file.

    Raises:
        WeaveError: it can't be read, or is no such file; the message says where in it.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("hosts", {})
    except FileNotFoundError:
        return []
    except OSError as error:
        raise WeaveError(f"{path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise WeaveError(f"{path} is no TOML: {error}", hint="mend it, or remove it and add the hosts again") from error
    if not isinstance(tables, dict):
        raise WeaveError(f"{path}: hosts is no table", hint="write a table for each host: [hosts.NAME]")
    try:
        return [_host(name, table) for name, table in tables.items()]
    except UsageError as error:
        raise WeaveError(f"{path}: {error.message}", hint=error.hint) from error


def _host(name: str, table: Any) -> KnownHost:
    texts = {"endpoint", "context", "advertise"}
    if not isinstance(table, dict) or (unknown := sorted(set(table) - texts - {"labels"})):
        what = f"{unknown[0]!r} is unknown" if isinstance(table, dict) else "it is no table"
        raise UsageError(f"host {name!r}: {what}", hint="expected endpoint or context, labels and advertise")
    labels = table.get("labels", [])
    if not isinstance(labels, list) or not all(isinstance(value, str) for value in labels):
        raise UsageError(f"host {name!r}: labels is no list of texts", hint='as in labels = ["db"]')
    if wrong := next((key for key in sorted(texts & set(table)) if not isinstance(table[key], str)), ""):
        raise UsageError(f"host {name!r}: {wrong} is no text", hint="put it between quotes")
    return checked(KnownHost(name=name, labels=tuple(labels), **{key: table[key] for key in texts & set(table)}))


def checked(host: KnownHost) -> KnownHost:
    """Return a host whose parts make sense. Raises `UsageError`."""
    if not _NAME.fullmatch(host.name):
        raise UsageError(
            f"{host.name!r} is no name of a host", hint="expected letters, digits, dots, dashes and underscores"
        )
    if bool(host.endpoint) == bool(host.context):
        raise UsageError(f"host {host.name!r} has to have an endpoint or a context", hint="give one of them")
    for label in host.labels:
        if not _WORD.fullmatch(label):
            raise UsageError(f"{label!r} is no label", hint="expected a word, as db or zone=a")
    return host


def write_hosts(path: Path, hosts: Iterable[KnownHost]) -> None:
    """Write the file anew, as a whole. Raises `OSError`."""
    lines = ["# Docker hosts, as `weave hosts add` writes them. Passwords and keys have no place here.\n"]
    for host in hosts:
        lines.append(f"\n[hosts.{json.dumps(host.name)}]\n")
        given = {key: value for key, value in values(host).items() if value and key != "name"}
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in given.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write(path, "".join(lines).encode(), mode=0o600)


def terms(text: str) -> list[str]:
    """Return the terms of a choice, which commas or blanks divide."""
    return text.replace(",", " ").split()


def is_pattern(text: str) -> bool:
    """Tell whether a text has characters that stand for others: `*`, `?`, `[`."""
    return any(mark in text for mark in "*?[")


def select(chosen: Sequence[str], known: Sequence[KnownHost], contexts: Sequence[str] = ()) -> list[KnownHost]:
    """Return the hosts that are meant, each once, in the order of the terms.

    Args:
        chosen: terms: a name or a pattern of names of the file, `label=LABEL`, `context=NAME` or a pattern of these,
            an endpoint (with `://`), or `NAME=ENDPOINT`.
        known: the hosts of the file.
        contexts: names of docker contexts.

    Raises:
        UsageError: a term means no host, or two hosts have one name.
    """
    found: dict[str, KnownHost] = {}
    for term in chosen:
        for host in _meant(term, known, contexts):
            if found.setdefault(host.name, host) != host:
                raise UsageError(
                    f"two hosts are called {host.name!r}",
                    hint="name one of them as NAME=ENDPOINT, or by `weave hosts add`",
                )
    return list(found.values())


def _meant(term: str, known: Sequence[KnownHost], contexts: Sequence[str]) -> list[KnownHost]:
    if "://" in term:
        name, equals, endpoint = term.partition("=")
        named = bool(equals) and "://" not in name
        return [checked(KnownHost(name, endpoint))] if named else [KnownHost(endpoint_name(term), term)]
    kind, equals, rest = term.partition("=")
    if kind == "label" and equals:
        found = [host for host in known if rest in host.labels]
    elif kind == "context" and equals:
        found = [KnownHost(name, context=name) for name in matching(rest, contexts)]
    else:
        found = [host for host in known if fnmatchcase(host.name, term)]
    if not found:
        names = ", ".join(host.name for host in known)
        there = f"the file of hosts has {names}" if names else "the file of hosts is empty: weave hosts add"
        raise UsageError(f"no host is meant by {term!r}", hint=f"{there}; an endpoint has :// in it")
    return found


def matching(pattern: str, contexts: Sequence[str]) -> list[str]:
    """Return the docker contexts that a pattern means. Raises `UsageError`: none."""
    if not is_pattern(pattern):
        return [pattern]
    found = [name for name in contexts if fnmatchcase(name, pattern)]
    if not found:
        raise UsageError(f"no docker context is like {pattern!r}", hint="docker context ls lists them")
    return found


def endpoint_name(text: str) -> str:
    """Return what a host is called that was given by its endpoint only: its own name or address in it."""
    rest = text.partition("://")[2] or text
    if text.startswith("unix:"):
        return rest or text
    authority = rest.partition("/")[0].rpartition("@")[2]
    host = authority.partition("]")[0].lstrip("[") if authority.startswith("[") else authority.partition(":")[0]
    return host or text


def distinct(hosts: Sequence[KnownHost]) -> Iterator[KnownHost]:
    """Yield hosts, each endpoint and context once."""
    seen: set[tuple[str, str]] = set()
    for host in hosts:
        if (key := (host.endpoint, host.context)) not in seen:
            seen.add(key)
            yield host
