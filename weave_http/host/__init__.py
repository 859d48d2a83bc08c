"""The host's side: what each operation does on the Docker host, over netlink, the engine's socket and the router's API.

    from weave_http.host import Host, perform
    from weave_http.operations import Attach

    perform(Host(os.environ), Attach.parse(["10.2.1.1/24", "web"]))      # Outcome(code=0, said=((1, b'10.2.1.1\\n'),))

There is no state beside `Host`, so a process may perform several operations at once, each with a `Host` of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module

from weave_http.errors import ExitCode, UsageError, WeaveError, own_fault
from weave_http.hints import TYPE_CHECKING, Any
from weave_http.host.host import Host
from weave_http.host.preconditions import check

if TYPE_CHECKING:
    from weave_http.operations import Operation
    from weave_http.operations.outcome import Outcome

__all__ = ["FUNCTIONS", "Host", "perform", "perform_words"]

FUNCTIONS = {
    "attach": "attach.run",
    "bridge-type": "bridge.bridge_type",
    "config": "plain.config",
    "connect": "peers.connect",
    "create-bridge": "bridge.create_bridge",
    "detach": "detach.run",
    "dns-add": "dns.add",
    "dns-args": "dns_args.run",
    "dns-lookup": "dns.lookup",
    "dns-remove": "dns.remove",
    "doctor": "doctor.run",
    "docker-bridge-ip": "bridge.docker_bridge_ip",
    "env": "plain.env",
    "expose": "expose.run",
    "forget": "peers.forget",
    "": "plain.gone",
    "help": "plain.help_",
    "hide": "expose.hide",
    "launch": "launch.run",
    "launch-dns": "launch_dns.run",
    "password": "password.run",
    "ping": "ping.run",
    "prime": "plain.prime",
    "rtt": "rtt.run",
    "ps": "ps.run",
    "report": "status.report",
    "reset": "reset.run",
    "restart": "start.restart",
    "rmpeer": "peers.rmpeer",
    "run": "run.run",
    "setup": "setup.run",
    "start": "start.run",
    "status": "status.run",
    "stop": "stop.run",
    "stop-dns": "plain.stop_dns",
    "upgrade": "upgrade.run",
    "version": "plain.version",
}
"""Module and function for each operation, by its name. The function takes host and operation; it returns an exit code,
or None for success."""
_SWEEP = frozenset({"attach", "detach", "launch", "restart", "run", "start", "stop", "upgrade"})
"""Operations that work with the engine, and first take away what earlier ones left; `reset` takes all there is."""


def perform(host: Host, operation: Operation) -> Outcome:
    """Do what is asked for. A failure is a line on stream 2 and an exit code, never an exception.

    Args:
        host: where; for this operation alone.
        operation: what is asked for.
    """
    return _outcome(host, lambda: operation, operation.name, as_json=getattr(operation, "json", False))


def perform_words(host: Host, words: Sequence[str]) -> Outcome:
    """Do what words ask for, as `perform`; words that make no operation are a failure, too.

    Args:
        host: where; for these words alone.
        words: name and arguments of an operation.
    """

    def parsed() -> Operation:
        from weave_http.operations import parse

        return parse(words)

    from weave_http.operations import asks_for_json

    return _outcome(host, parsed, words[0] if words else "", as_json=asks_for_json(words))


def _outcome(host: Host, ask: Callable[[], Operation], name: str, *, as_json: bool) -> Outcome:
    from weave_http.operations.outcome import Outcome

    code: int | None = ExitCode.FAILURE
    try:
        check(host)
        operation = ask()
        name = operation.name
        if name in _SWEEP:
            from weave_http.host import leftovers

            leftovers.sweep(host, unlabelled=name in ("launch", "stop", "upgrade"))
        module, _, function = FUNCTIONS[name].rpartition(".")
        run: Callable[[Host, Any], int | None] = getattr(import_module(f"{__name__}.{module}"), function)
        code = run(host, operation)
    except WeaveError as error:
        if isinstance(error, UsageError) and (expected := _expected(name)):
            error.hint = f"{error.hint}; {expected}" if error.hint else expected
        host.fail(error, as_json=as_json)
        code = error.exit_code
    except Exception as error:
        host.fail(WeaveError(own_fault(error, host.env)), as_json=as_json)
    finally:
        host.close()
    return Outcome(int(code or ExitCode.OK), tuple(host.said))


def _expected(name: str) -> str:
    """Return what would have made that operation, for the end of a line; nothing where there is none of that name."""
    from weave_http.operations import find

    operation = find(name)
    return f"expected: weave {name} {operation.usage()}".rstrip() if operation else ""
