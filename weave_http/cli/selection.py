"""Which Docker hosts a command goes to, where several may be meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weave_http.hints import TYPE_CHECKING
from weave_http.records import dataclass, replace

if TYPE_CHECKING:
    from weave_http.cli.options import Globals
    from weave_http.commands.fleet import Member
    from weave_http.commands.inventory import KnownHost

_PATTERN = frozenset("*?[")
"""Characters that stand for others; the file of hosts is not imported for a command to one host."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Several Docker hosts, as they were asked for.

    Args:
        hosts: endpoints of `-H`.
        contexts: docker contexts of `--context`, or patterns.
        terms: of `--hosts`, or of `WEAVE_HOSTS`, see `weave_http.commands.inventory.select`.
        typed: by options, rather than by the variable.
    """

    hosts: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    typed: bool = True


def selected(
    hosts: Sequence[str], contexts: Sequence[str], terms: str | None, environ: Mapping[str, str]
) -> Selection | None:
    """Return what was asked for; None where it is one host, as docker would find it.

    It depends on what was typed alone, not on how many hosts that means: a script sees one form of output.

    Args:
        hosts: values of `-H`.
        contexts: values of `--context`.
        terms: the value of `--hosts`.
        environ: its `WEAVE_HOSTS` counts where none of them is given.
    """
    more = terms is not None or len(hosts) > 1 or len(contexts) > 1 or any(map(_PATTERN.intersection, contexts))
    if not more and (hosts or contexts or not environ.get("WEAVE_HOSTS", "").strip(" ,")):
        return None
    from weave_http.commands.inventory import terms as divided

    if more:
        return Selection(tuple(hosts), tuple(contexts), tuple(divided(terms or "")))
    return Selection(terms=tuple(divided(environ["WEAVE_HOSTS"])), typed=False)


def chosen(options: Globals, more: Sequence[str] = ()) -> list[KnownHost]:
    """Return the hosts of a selection.

    Args:
        options: before the command; without a selection in them, all hosts of the file are meant.
        more: terms that count instead.

    Raises:
        UsageError: no host is meant.
    """
    import os

    from weave_http.commands.inventory import (
        KnownHost,
        distinct,
        endpoint_name,
        hosts_path,
        matching,
        read_hosts,
        select,
    )
    from weave_http.docker_config import config_dir
    from weave_http.engine.contexts import names
    from weave_http.engine.endpoint import read_file
    from weave_http.errors import UsageError

    known = read_hosts(hosts_path(os.environ))
    contexts = names(options.config or config_dir(os.environ), read_file)
    selection = options.selection
    if more:
        return select(more, known, contexts)
    if selection is None:
        return known
    given = [KnownHost(endpoint_name(text), text) for text in dict.fromkeys(selection.hosts)]
    shared = {host.name for host in given if [other.name for other in given].count(host.name) > 1}
    found = [replace(host, name=host.endpoint) if host.name in shared else host for host in given]
    found += [KnownHost(name, context=name) for each in selection.contexts for name in matching(each, contexts)]
    found = list(distinct([*found, *select(selection.terms, known, contexts)]))
    if not found:
        raise UsageError("no host is chosen", hint="as in --hosts web,label=db")
    for host in found:
        if [other.name for other in found].count(host.name) > 1:
            raise UsageError(f"two hosts are called {host.name!r}", hint="give one of them a name: weave hosts add")
    return found


def members(options: Globals, hosts: Sequence[KnownHost]) -> list[Member]:
    """Return hosts with their endpoints, by docker's rules. Raises `EndpointError`."""
    from weave_http.cli.session import endpoint_of
    from weave_http.commands.opening import member

    return [member(host, lambda *, host, context: endpoint_of(options, host, context)) for host in hosts]


def one_of(options: Globals, name: str) -> Globals:
    """Return the options for one host among those that are chosen. Raises `UsageError`."""
    from weave_http.errors import UsageError

    found = [host for host in chosen(options) if host.name == name] or chosen(options, [name])
    if len(found) != 1:
        raise UsageError(f"{name!r} means {len(found)} hosts", hint="name one of them")
    return replace(options, host=found[0].endpoint or None, context=found[0].context or None, selection=None)
