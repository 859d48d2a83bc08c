"""From the words after `docker run` to a create request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from weave_http.printable import is_text
from weave_http.records import dataclass, replace
from weave_http.run_args.draft import Draft, Surroundings, bad_value
from weave_http.run_args.environment import build_env
from weave_http.run_args.files import Files, NoFiles
from weave_http.run_args.grammar import split
from weave_http.run_args.kinds import ValueKind
from weave_http.run_args.option import Build, Option
from weave_http.run_args.platforms import platform
from weave_http.run_args.streams import STREAMS, build_streams
from weave_http.run_args.table import OPTIONS_BY_NAME, ORDER
from weave_http.run_args.wrong import BadValue, HelpRequested, RunArgumentError

ROOT = PurePosixPath("/")


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

    def detached(self) -> CreateRequest:
        """Return the request as `-d` would have made it: nobody listens to the container's streams."""
        config = {key: value for key, value in self.config.items() if key not in (*STREAMS.values(), "StdinOnce")}
        return replace(self, config=config, detach=True)


def parse(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    directory: PurePosixPath = ROOT,
    os_type: str = "linux",
    files: Files | None = None,
    remote: bool = False,
    daemon: str = "",
    machine: str = "",
) -> CreateRequest:
    """Turn the words after `docker run` into a create request.

    Args:
        argv: options, image, and the container's own words.
        environ: where `-e NAME` without a value looks, and `DOCKER_DEFAULT_PLATFORM` is.
        directory: what a path that starts with a dot is relative to.
        os_type: the daemon's system, as its ping says.
        files: reads env-files and the like, and docker's configuration (proxies, keys to detach); None for nothing.
        remote: the daemon does not see this machine's files: warn of paths that were meant to be here.
        daemon: the daemon's address, as in `DOCKER_HOST`, for proxies of its own.
        machine: this machine's architecture, for a platform without one; empty to ask the system.

    Raises:
        RunArgumentError: an unknown option, a bad value, options that exclude each other, or no image. Names the
            option.
    """
    if strange := [word for word in argv if not is_text(word)]:
        raise RunArgumentError(f"{strange[0]!r} is no UTF-8, which JSON can't say")
    words = split(argv, OPTIONS_BY_NAME)
    reader = files or NoFiles()
    draft = Draft(
        Surroundings(environ or {}, directory, os_type, reader, remote, daemon, config=reader.docker_config())
    )
    options: dict[str, Option] = {}
    for occurrence in words.options:
        option = occurrence.option
        options[option.name] = option
        _take(draft, option, occurrence.value)
    if draft.given.get("help"):
        raise HelpRequested("docker run's options are in docs/run-arguments.md")
    if not words.rest or not words.rest[0]:
        raise RunArgumentError("there is no image", hint="expected [OPTIONS] IMAGE [COMMAND…]")
    draft.config["Image"], *command = words.rest
    _check(draft, options.values())
    _build(draft, options)
    if command:
        draft.config["Cmd"] = command
    # Also when it is empty: without the object, engines leave out defaults that belong into it.
    draft.config["HostConfig"] = draft.host
    return _request(draft, machine)


def _take(draft: Draft, option: Option, text: str) -> None:
    """Read one value and keep it."""
    name = option.name
    if option.os and option.os != draft.around.os_type:
        raise RunArgumentError(f"--{name} is for daemons on {option.os}, and this one runs on {draft.around.os_type}")
    draft.shown[name] = option.shown
    try:
        value = option.reader(text)
    except BadValue as error:
        raise bad_value(option.shown, text, error) from error
    if option.kind is ValueKind.LIST:
        draft.given.setdefault(name, []).append(value)
    elif option.kind is ValueKind.MAP:
        draft.given.setdefault(name, {}).update([value])
    else:
        draft.given[name] = value
        draft.last[name] = text


def _check(draft: Draft, options: Iterable[Option]) -> None:
    """Check what is only to be right in the end: the last of several values."""
    for option in options:
        if option.check is not None:
            try:
                draft.given[option.name] = option.check(draft.given[option.name])
            except BadValue as error:
                raise bad_value(option.shown, draft.last[option.name], error) from error


def _build(draft: Draft, options: Mapping[str, Option]) -> None:
    """Put everything into the body, in the order of the table."""
    built: set[Build] = {build_streams, build_env}
    build_streams(draft)
    build_env(draft)  # docker's configuration may have proxies
    for name in sorted(options, key=ORDER.__getitem__):
        option = options[name]
        if option.build is None:
            option.put(draft)
        elif option.build not in built:
            built.add(option.build)
            option.build(draft)


def _request(draft: Draft, machine: str) -> CreateRequest:
    given = draft.given
    around = draft.around
    wanted = given.get("platform", around.environ.get("DOCKER_DEFAULT_PLATFORM", ""))
    configured = around.config.get("detachKeys")
    return CreateRequest(
        config=draft.config,
        name=given.get("name") or None,
        platform=draft.one("platform", wanted, lambda text: platform(text, machine)) if wanted else None,
        pull=given.get("pull", "missing"),
        quiet=given.get("quiet", False),
        detach=given.get("detach", False),
        sig_proxy=given.get("sig-proxy", True),
        detach_keys=given.get("detach-keys") or (configured if isinstance(configured, str) else ""),
        cidfile=given.get("cidfile", ""),
        warnings=tuple(draft.warnings),
    )
