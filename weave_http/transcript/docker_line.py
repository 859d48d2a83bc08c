"""A create call as the `docker run` line that sends the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weave_http.transcript import secrets


def docker_run(
    config: Mapping[str, Any], name: str, *, how: Sequence[str] = ("run", "-d"), show_secrets: bool = False
) -> list[str]:
    """Return the words of a `docker run` line.

    Args:
        config: body of the create call.
        name: the container's name, or empty.
        how: docker's command and its first options.
        show_secrets: leave passwords as they are.
    """
    shown: Mapping[str, Any] = config if show_secrets else secrets.masked(config)
    return [
        "docker",
        *how,
        *(["--name", name] if name else []),
        *_options(shown, shown.get("HostConfig") or {}),
        str(shown["Image"]),
        *(shown.get("Entrypoint") or ())[1:],  # the option takes one word
        *shown.get("Cmd", ()),
    ]


def _options(config: Mapping[str, Any], host: Mapping[str, Any]) -> Iterator[str]:
    yield from _each("-v", [*config.get("Volumes", ()), *host.get("Binds", ())])
    yield from _each("-e", config.get("Env", ()))
    yield from _each("-l", [f"{key}={value}" for key, value in (config.get("Labels") or {}).items()])
    yield from _each("-p", _ports(host.get("PortBindings") or {}))
    yield from _each("--dns", host.get("Dns", ()))
    yield from _each("--volumes-from", host.get("VolumesFrom", ()))
    for option, value in (
        ("-h", config.get("Hostname")),
        ("--entrypoint", "".join((config.get("Entrypoint") or ())[:1])),
        ("--net", host.get("NetworkMode")),
        ("--restart", _restart(host.get("RestartPolicy") or {})),
    ):
        if value:
            yield from (option, value)
    for option, on in (
        ("--privileged", host.get("Privileged")),
        ("-i", config.get("OpenStdin")),
        ("-t", config.get("Tty")),
    ):
        if on:
            yield option


def _each(option: str, values: Sequence[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)


def _ports(bindings: Mapping[str, Sequence[Mapping[str, str]]]) -> list[str]:
    ports = []
    for port, outside in bindings.items():
        inside = port.removesuffix("/tcp")
        for binding in outside:
            ip, number = binding.get("HostIp", ""), binding.get("HostPort", "")
            address = f"[{ip}]:" if ":" in ip else f"{ip}:" if ip else ""
            ports.append(f"{address}{number}:{inside}" if address or number else inside)
    return ports


def _restart(policy: Mapping[str, Any]) -> str:
    count = policy.get("MaximumRetryCount")
    return f"{policy.get('Name', '')}:{count}" if count else str(policy.get("Name", ""))


def wrapped(words: Sequence[str], width: int) -> list[str]:
    """Return a command as lines of the shell, continued by backslashes, cut before options where there is a choice."""
    lines: list[str] = []
    line = ""
    for chunk in _chunks(words):
        if line and len(line) + len(chunk) + 3 > width:
            lines.append(f"{line} \\")
            line = f"  {chunk}"
        else:
            line = f"{line} {chunk}" if line else chunk
    return [*lines, line]


def _chunks(words: Sequence[str]) -> Iterator[str]:
    """Yield words, short options together with their values."""
    waiting = ""
    for word in words:
        quoted = shlex.quote(word)
        if waiting:
            yield f"{waiting} {quoted}" if not word.startswith("-") else waiting
            waiting = quoted if word.startswith("-") else ""
            continue
        if word.startswith("-") and "=" not in word and word not in ("--rm", "-d", "--privileged", "-i", "-t"):
            waiting = quoted
        else:
            yield quoted
    if waiting:
        yield waiting
