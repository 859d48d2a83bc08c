"""The table of options, and what each does to the create request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from weave_http.run_args import values
from weave_http.run_args.grammar import Kind, Occurrence, Option, RunArgumentError, split


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """What `POST /containers/create` gets, and what is to be done around it.

    Args:
        config: the body.
        name: the query's `name`, or None.
        platform: the query's `platform`, as `linux/arm64`, or None; also that of a pull.
        pull: `always`, `missing` or `never`: when the image is pulled.
        quiet: show no progress of a pull.
        detach: `-d` was given.
        sig_proxy: in the foreground, hand signals on to the container.
        detach_keys: in the foreground, the keys that leave the container running; empty for the default.
        cidfile: path of a file that gets the container's id, or empty.
        warnings: what the user should know about the arguments, a line each.
    """

    config: Mapping[str, Any]
    name: str | None
    platform: str | None = None
    pull: str = "missing"
    quiet: bool = False
    detach: bool = False
    sig_proxy: bool = True
    detach_keys: str = ""
    cidfile: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Draft:
    """A request in the making."""

    environ: Mapping[str, str]
    directory: PurePosixPath
    name: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    host: dict[str, Any] = field(default_factory=dict)


ROOT = PurePosixPath("/")

Rule = Callable[[Draft, Occurrence], None]


def _set(key: str) -> Rule:
    def rule(draft: Draft, given: Occurrence) -> None:
        draft.config[key] = given.value

    return rule


def _flag(key: str) -> Rule:
    def rule(draft: Draft, given: Occurrence) -> None:
        draft.config[key] = given.on

    return rule


def _name(draft: Draft, given: Occurrence) -> None:
    draft.name = given.value or None


def _detach(draft: Draft, given: Occurrence) -> None:
    if not given.on:
        raise RunArgumentError("weave run always detaches", hint="leave --detach=false out")


def _environment(draft: Draft, given: Occurrence) -> None:
    item = values.environment(given.value, draft.environ)
    key = item.partition("=")[0]
    kept = [other for other in draft.config.get("Env", []) if other.partition("=")[0] != key]
    draft.config["Env"] = [*kept, item]


def _label(draft: Draft, given: Occurrence) -> None:
    key, text = values.label(given.value)
    draft.config.setdefault("Labels", {})[key] = text


def _entrypoint(draft: Draft, given: Occurrence) -> None:
    draft.config["Entrypoint"] = [given.value]


def _volume(draft: Draft, given: Occurrence) -> None:
    text, has_source = values.volume(given.value, draft.directory)
    if not has_source:
        draft.config.setdefault("Volumes", {})[text] = {}
    elif text not in draft.host.setdefault("Binds", []):
        draft.host["Binds"].append(text)


def _publish(draft: Draft, given: Occurrence) -> None:
    for port, binding in values.ports(given.value):
        draft.config.setdefault("ExposedPorts", {})[port] = {}
        draft.host.setdefault("PortBindings", {}).setdefault(port, []).append(binding)


def _dns(draft: Draft, given: Occurrence) -> None:
    draft.host.setdefault("Dns", []).append(values.address(given.value))


def _privileged(draft: Draft, given: Occurrence) -> None:
    draft.host["Privileged"] = given.on


def _restart(draft: Draft, given: Occurrence) -> None:
    draft.host["RestartPolicy"] = values.restart_policy(given.value)


TABLE: tuple[tuple[Option, Rule], ...] = (
    (Option("detach", Kind.SWITCH, "d"), _detach),
    (Option("dns", Kind.VALUE), _dns),
    (Option("entrypoint", Kind.VALUE), _entrypoint),
    (Option("env", Kind.VALUE, "e"), _environment),
    (Option("hostname", Kind.VALUE, "h"), _set("Hostname")),
    (Option("interactive", Kind.SWITCH, "i"), _flag("OpenStdin")),
    (Option("label", Kind.VALUE, "l"), _label),
    (Option("name", Kind.VALUE), _name),
    (Option("privileged", Kind.SWITCH), _privileged),
    (Option("publish", Kind.VALUE, "p"), _publish),
    (Option("restart", Kind.VALUE), _restart),
    (Option("tty", Kind.SWITCH, "t"), _flag("Tty")),
    (Option("volume", Kind.VALUE, "v"), _volume),
)

OPTIONS = tuple(option for option, _ in TABLE)
RULES = {option.name: rule for option, rule in TABLE}


def parse(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    directory: PurePosixPath = ROOT,
) -> CreateRequest:
    """Turn the words after `docker run` into a create request.

    Args:
        argv: options, image, and the container's own words.
        environ: where `-e NAME` without a value looks.
        directory: what a volume's source that starts with a dot is relative to.

    Raises:
        RunArgumentError: an unknown option, a bad value, or no image.
    """
    words = split(argv, OPTIONS)
    if not words.rest:
        raise RunArgumentError("weave run needs an image", hint="weave run CIDR… [OPTIONS] IMAGE [COMMAND…]")
    draft = Draft(environ or {}, directory)
    for given in words.options:
        RULES[given.name](draft, given)
    image, *command = words.rest
    if not image:
        raise RunArgumentError("the image's name is empty")
    draft.config["Image"] = image
    if command:
        draft.config["Cmd"] = command
    if draft.host:
        draft.config["HostConfig"] = draft.host
    return CreateRequest(draft.config, draft.name)
