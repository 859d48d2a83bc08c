"""What `launch` makes of its words and of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from weave_http.addresses import Network
from weave_http.errors import UsageError
from weave_http.hints import Any
from weave_http.operations import Launch, passwords
from weave_http.operations.flag_values import default_subnets
from weave_http.operations.flags import BY_NAME, variable
from weave_http.proxy.listening import NOWHERE, Listening, listening_of
from weave_http.proxy.settings import settings_of
from weave_http.records import dataclass, field


@dataclass(frozen=True, slots=True)
class Plan:
    """What `launch` makes of its words and of the environment.

    Args:
        port: TCP port for peers.
        http_addr: address and TCP port of the router's API.
        restart: whether the engine keeps the router running.
        dns: whether names are to be served.
        resident: whether there is to be a resident executor.
        ranges: out of what addresses are handed out, and whether that was asked for.
        arguments: for the router, the peers last.
        environ: variables that flags stand for.
        warnings: what is said beside, a line each.
        listening: where the Docker API is served by TCP.
        password: to begin with; empty for none, None for what the router has kept.
    """

    port: int
    http_addr: tuple[str, int]
    restart: bool
    dns: bool
    resident: bool
    ranges: Mapping[Network, bool]
    arguments: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    listening: Listening = NOWHERE
    password: str | None = field(default=None, repr=False)


def plan(op: Launch, env: Mapping[str, str]) -> Plan:
    """Return what is to be started.

    Args:
        op: what was asked for.
        env: what it does not say is taken from `WEAVE_PORT`, `WEAVE_HTTP_ADDR`, `WEAVE_DEBUG`, `WEAVE_PASSWORD`.

    Raises:
        UsageError: without a flag that there is no use for, the network would be another one.
        HostError: a variable makes no sense.
    """
    settings = op.settings()
    settings_of(settings.values)  # the router would refuse bad ones only after it was started
    if "resume" in settings.values and settings.peers:
        raise UsageError("--resume dials the targets of the last time", hint="leave out either it or the peers")
    given = settings.texts
    environ = {BY_NAME[name].variable: text for name, text in given.items() if BY_NAME[name].variable}
    env = {**env, **environ}
    texts = {"port": str(_value("port", env)), "nickname": os.uname().nodename}
    if env.get("WEAVE_HTTP_ADDR"):
        texts["http-addr"] = env["WEAVE_HTTP_ADDR"]
    if env.get("WEAVE_DEBUG") or "debug" in given:
        texts["log-level"] = "debug"
    texts |= {name: text for name, text in given.items() if BY_NAME[name].to == "router"}
    arguments: list[str] = []
    for name, text in texts.items():
        if BY_NAME[name].metavar:
            arguments += (BY_NAME[name].option, text)
        else:
            arguments.append(f"--{name}" if text == "true" else f"--{name}={text}")
    _value("mtu", env)  # the router would refuse a bad one only after it was started
    return Plan(
        port=_value("port", env),
        http_addr=_value("http-addr", env),
        restart="no-restart" not in given,
        dns="no-dns" not in given,
        resident="no-resident" not in given,
        ranges=_ranges(settings.values),
        arguments=(*arguments, *map(str, settings.peers)),
        environ=environ,
        warnings=settings.warnings,
        listening=listening_of(settings.values),
        password="" if "no-password" in given else _password(op, env),
    )


def _password(op: Launch, env: Mapping[str, str]) -> str | None:
    """Return the password that goes with a launch, None if none does. Raises `UsageError`: it is none."""
    password = op.password or env.get("WEAVE_PASSWORD")
    return passwords.check(password) if password else None


def _ranges(values: Mapping[str, Any]) -> dict[Network, bool]:
    """Return out of what addresses are handed out, and whether it was asked for. Raises `UsageError`."""
    name = "ipalloc-range"
    ranges: tuple[Network, ...] = values.get(name, BY_NAME[name].default)
    default_subnets(ranges, values.get("ipalloc-default-subnet", ()) if ranges else ())
    return dict.fromkeys(ranges, name in values)


def _value(name: str, env: Mapping[str, str]) -> Any:
    """Return what a flag's variable says, else the flag's default. Raises `HostError`."""
    value = variable(name, env)
    return BY_NAME[name].default if value is None else value
