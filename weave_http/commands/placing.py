"""On which hosts a container runs: `--on` one of them, `--spread` over several. There is no scheduler."""

from __future__ import annotations

from collections.abc import Sequence

from weave_http.addresses import Subnet, Wanted
from weave_http.errors import UsageError
from weave_http.operations.operation import Operation
from weave_http.operations.run import Run
from weave_http.records import replace

_OF_ONE = frozenset({"run", "attach", "start", "restart", "expose"})
"""Operations whose addresses only one host may have."""


def spread(run: Run, hosts: Sequence[str]) -> dict[str, Operation]:
    """Return what to run on which hosts: the first ones, with names and addresses that count up.

    Args:
        run: with `spread`.
        hosts: names of all hosts, in their order.

    Raises:
        UsageError: there are fewer hosts, a subnet has fewer addresses, or it is to be in the foreground.
    """
    if run.on:
        raise UsageError("--on and --spread exclude each other", hint="leave one of them out")
    if run.foreground:
        raise UsageError("--foreground is for one container", hint="leave out --spread")
    if run.spread > len(hosts):
        raise UsageError(
            f"--spread {run.spread} takes more hosts than the {len(hosts)} that are chosen", hint="choose more of them"
        )
    return {
        host: replace(run, spread=0, number=index + 1, addresses=tuple(_later(cidr, index) for cidr in run.addresses))
        for index, host in enumerate(hosts[: run.spread])
    }


def _later(cidr: Wanted, count: int) -> Wanted:
    """Return the address of the same subnet so many further on. Raises `UsageError`: it has no more.

    Of a subnet each host hands out an address of its own.
    """
    if isinstance(cidr, Subnet):
        return cidr
    address = cidr.ip + count
    last = cidr.network.broadcast_address
    if address not in cidr.network or (count and address == last):
        raise UsageError(f"the subnet of {cidr} has no {count} addresses after it", hint="begin with an earlier one")
    return type(cidr)(f"{address}/{cidr.network.prefixlen}")


def check(operation: Operation, hosts: Sequence[str]) -> None:
    """Raise `UsageError` for what would give several hosts the same address, or one terminal to several containers."""
    addresses = [each for each in getattr(operation, "addresses", ()) if not isinstance(each, Subnet)]
    if len(hosts) > 1 and operation.name in _OF_ONE and addresses:
        hint = "choose the host by --on, or use --spread" if operation.name == "run" else "name one by -H or --context"
        raise UsageError(f"{addresses[0]} can be on one host only, and {len(hosts)} are chosen", hint=hint)
    if len(hosts) > 1 and getattr(operation, "foreground", False):
        raise UsageError("--foreground is for one container", hint="choose the host by --on")
