"""What people took from containers and from the host while no router ran: it is taken out of the state for good."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from weave_http.addresses import Cidr, ips
from weave_http.host.withdrawals import FILES, read
from weave_http.records import replace
from weave_http.router.addresses.service import EXPOSED
from weave_http.router.state import State
from weave_http.router.store import Store

logger = logging.getLogger(__name__)


async def heed(folder: Path, store: Store) -> None:
    """Bring the state in line with the notes in its folder, which go once that is on the disk.

    Args:
        folder: of the state.
        store: of it.
    """
    state, notes = store.state, sorted(folder.glob(FILES))
    for path in notes:
        try:
            owner, addresses = read(path.read_bytes())
        except (ValueError, OSError) as error:
            logger.warning("%s makes no sense: %s", path, error)
            continue
        logger.info("taken from %s while no router ran: %s", owner[:12], " ".join(map(str, addresses)))
        state = without(state, owner, addresses)
    if not notes:
        return
    await store.begin(attachments=state.attachments, exposed=state.exposed, names=state.names, kept=state.kept)
    if not store.trouble:
        for path in notes:
            path.unlink(missing_ok=True)


def without(state: State, owner: str, addresses: Collection[Cidr]) -> State:
    """Return a state in which an owner has some addresses no more, nor their names. Pure.

    Args:
        state: as it was.
        owner: full container id, or `weave:expose`.
        addresses: which.
    """
    gone = set(ips(addresses))
    kept = state.kept
    return replace(
        state,
        attachments=_left(state.attachments, owner, addresses),
        exposed={cidr: each for cidr, each in state.exposed.items() if owner != EXPOSED or cidr not in addresses},
        names=frozenset(name for name in state.names if name.owner != owner or name.address not in gone),
        kept=replace(kept, held=_left(kept.held, owner, addresses)) if kept is not None else None,
    )


def _left(
    held: Mapping[str, tuple[Cidr, ...]], owner: str, addresses: Collection[Cidr]
) -> Mapping[str, tuple[Cidr, ...]]:
    """Return who has which addresses when one has some of them no more; who has none is left out."""
    left = tuple(cidr for cidr in held.get(owner, ()) if cidr not in addresses)
    others = {each: theirs for each, theirs in held.items() if each != owner}
    return {**others, owner: left} if left else others
