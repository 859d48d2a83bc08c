"""How the peers agree on the next charter: Paxos, said as facts. Pure; time is an argument.

Each peer says where it stands (`Standing`), and nobody says it for it. For the charter after the one that it has, a
voter says the greatest ballot that it promised to follow, and what it accepted last. Who wants a change says a ballot
(`proposal` without a charter); when enough voters promised it, it proposes what the latest of them accepted, or else
what it wants itself. What enough voters accepted under one ballot is decided: any later ballot finds it, because two
such sets of voters have one in common. So however messages are lost, repeated or late, and however often peers end and
start again with what they had on the disk, there is only one charter of each number.

A voter that lost its memory begins a new *life*: it does not vote in the name of the old one, which counts as lost.

One class, longer than most files: whoever checks that it is right wants to see voter and proposer together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from weave_http.addresses import Network
from weave_http.records import replace
from weave_http.router.addresses import spans
from weave_http.router.addresses.charter import (
    ANY_LIFE,
    MOST_VOTERS,
    Charter,
    continues,
    give,
    needed,
    seeded,
    with_word,
)
from weave_http.router.addresses.standing import NO_BALLOT, Ballot, Memory, Standing
from weave_http.router.data.plan import GRACE
from weave_http.router.mesh.identity import PeerName

AWAY = 60.0
"""Seconds after which a peer out of reach loses its vote, not its share: others must be able to agree without it."""
TURN = 0.5
"""Seconds that each voter leaves to those before it to begin, so that they don't hinder each other."""
PATIENCE = 2.0
"""Seconds after which a ballot that came to nothing is followed by another one."""


class Agreement:
    """This peer's part.

    Args:
        me: name of this peer.
        ranges: what all may be handed out of.
        defaults: where a peer that comes gets its first blocks.
        memory: what was on the disk.
        count: of peers that there are at the beginning: the first charter needs the votes of more than half.
        observer: have no vote.
        seed: the peers that share the range from the beginning, without a vote.
        reclaim: seconds after which the share of a peer out of reach is taken back; None for never.
    """

    def __init__(
        self,
        me: PeerName,
        ranges: Sequence[Network],
        defaults: Sequence[Network],
        memory: Memory,
        *,
        count: int = 1,
        observer: bool = False,
        seed: Sequence[PeerName] = (),
        reclaim: float | None = None,
    ) -> None:
        self.me = me
        self.ranges = tuple(ranges)
        self.memory = memory
        self.wants: tuple[Network, ...] = ()
        self.gone: set[PeerName] = set()
        self.used = 0
        self._count = count
        self.founding_wanted = False
        """Whether the first charter is asked for though nothing is needed yet."""
        self._defaults = tuple(defaults)
        self._observer = observer
        self._reclaim = reclaim
        self.leaving = False
        """Whether this peer gives up its vote."""
        self._proposal: tuple[Ballot, Charter | None] | None = None
        self._facts: Mapping[PeerName, Standing] = {}
        self._present: Set[PeerName] = frozenset()
        self._away: dict[PeerName, float] = {}
        self._ballot = NO_BALLOT
        self._ballot_at = 0.0
        self._due: float | None = None
        self._share: tuple[Charter | None, tuple[Network, ...], tuple[Network, ...]] = (None, (), ())
        self._since: float | None = None
        """Since when there is something to change."""
        if memory.charter is None and seed:
            self.memory = replace(memory, charter=seeded(ranges, defaults, seed))

    # -- what this peer says -----------------------------------------------------------------------------------

    @property
    def charter(self) -> Charter | None:
        """The latest charter that is known."""
        return self.memory.charter

    @property
    def offers(self) -> tuple[Network, ...]:
        """Blocks of our share that we hand out nothing of any more."""
        return self.memory.offers

    def offer(self, blocks: Sequence[Network]) -> None:
        """Offer these too."""
        self.memory = replace(self.memory, offers=spans.joined((*self.offers, *blocks)))

    @property
    def share(self) -> tuple[Network, ...]:
        """What this peer may hand out."""
        if self._share[:2] != (self.charter, self.offers):
            charter = self.charter
            known = charter is not None and charter.lives.get(self.me) in (self.memory.life, ANY_LIFE)
            mine = charter.share(self.me) if charter and known and self.me not in charter.expired else ()
            blocks = spans.without(mine, self.offers)
            self._share = (self.charter, self.offers, blocks)
        return self._share[2]

    @property
    def is_alone(self) -> bool:
        """Whether nobody else has part in our charter, and we have handed out nothing."""
        charter = self.charter
        return charter is not None and not self.used and {*charter.voters, *charter.shares} <= {self.me}

    @property
    def standing(self) -> Standing:
        """What this peer says."""
        memory = self.memory
        return Standing(
            memory.life,
            self.ranges,
            memory.charter.number if memory.charter else 0,
            memory.charter.founding if memory.charter else "",
            self._observer or self.leaving,
            memory.promised,
            memory.accepted,
            self._proposal,
            self.wants,
            self.offers,
            tuple(sorted(self.gone)),
            self.used,
            self.is_alone,
        )

    @property
    def quorum(self) -> int:
        """How many votes the first charter needs."""
        return max(1, needed(self._count, min(self._count, len(self._gone()))))

    # -- what others say ---------------------------------------------------------------------------------------

    @property
    def rivals(self) -> list[PeerName]:
        """Peers in reach whose charter goes back to another first one."""
        if self.charter is None:
            return []
        return sorted(
            peer
            for peer in self._present
            if (fact := self._facts.get(peer)) and fact.number and self._fits(fact) and not self._is_kin(fact)
        )

    @property
    def strangers(self) -> list[PeerName]:
        """Peers in reach that hand out of another range."""
        facts = {peer: fact for peer, fact in self._facts.items() if peer in self._present and fact.ranges}
        return sorted(peer for peer, fact in facts.items() if not self._fits(fact))

    @property
    def absent(self) -> list[PeerName]:
        """Voters that an agreement waits for: those out of reach, if the others are too few."""
        if self.charter is None or self._are_enough(self._votes().keys() & self._present):
            return []
        return sorted(
            voter for voter in self.charter.voters if voter not in self._present and voter not in self._gone()
        )

    def learn(self, charter: Charter) -> bool:
        """Take over a later charter that a neighbour has; return whether we did.

        The neighbour may have come when we were away, and all whom we knew be gone.
        """
        mine = self.charter
        if not charter.is_sound(self.ranges) or (mine and not charter.follows(mine.number, mine.founding)):
            return False
        self._adopt(charter)
        return True

    def step(self, facts: Mapping[PeerName, Standing], present: Set[PeerName], now: float) -> float | None:
        """Conclude what follows from what all say.

        Args:
            facts: what others say, whether they are in reach or not.
            present: who is in reach, this peer included.
            now: the time, in seconds of any clock that only goes forward.

        Returns:
            When there will be more to conclude by itself.
        """
        self._facts, self._present = facts, present | {self.me}
        self._note_away(now)
        self._give_way()
        while self._vote() or self._decide():
            pass
        self._due = None
        if self._may_vote():
            self._advance(now)
            while self._vote() or self._decide():
                pass
        self._forget_gone()
        waits = (AWAY,) if self._reclaim is None else (AWAY, GRACE, self._reclaim)
        times = [at + wait for at in self._away.values() for wait in waits if at + wait > now]
        return min([*times, *([self._due] if self._due is not None else [])], default=None)

    def _fits(self, fact: Standing) -> bool:
        return fact.ranges == self.ranges

    def _is_kin(self, fact: Standing) -> bool:
        """Tell whether the charter of another one comes before or after ours."""
        mine = self.charter
        return mine is not None and (
            continues(fact.founding, mine.number, mine.founding) or continues(mine.founding, fact.number, fact.founding)
        )

    def _all(self) -> dict[PeerName, Standing]:
        return {**self._facts, self.me: self.standing}

    def _gone(self) -> set[PeerName]:
        """Peers that are gone for good, as people said here or elsewhere, and that really are out of reach."""
        said = {peer for name in self._present if (fact := self._facts.get(name)) for peer in fact.gone} | self.gone
        return said - self._present

    def _silent(self, now: float) -> Set[PeerName]:
        """Return whose share is taken back because they were not heard of for long; their votes still count.

        Nobody's, while somebody else went out of reach lately: frames still go there, and it could not say in time that
        it knows; its router may only be starting again.
        """
        limit, times = self._reclaim, {peer: now - since for peer, since in self._away.items()}
        if limit is None or any(away < min(limit, GRACE) for away in times.values()):
            return set()
        return {peer for peer, away in times.items() if away >= limit}

    def _votes(self) -> dict[PeerName, Standing]:
        """What those say who have a vote on the next charter."""
        charter = self.charter
        if charter is None:
            return {
                peer: fact
                for peer, fact in self._all().items()
                if fact.number == 0 and not fact.observer and self._fits(fact)
            }
        here = (charter.number, charter.founding)
        facts = {peer: fact for peer, fact in self._all().items() if (fact.number, fact.founding) == here}
        if self._lost() >= {*charter.voters}:  # nobody is left who voted before: all who are there do
            return {peer: fact for peer, fact in facts.items() if peer in self._present and not fact.observer}
        return {peer: fact for peer, fact in facts.items() if charter.voters.get(peer) in (fact.life, ANY_LIFE)}

    def _lost(self) -> set[PeerName]:
        """Voters that never vote again in the life in which they were given their votes."""
        charter, gone, everybody = self.charter, self._gone(), self._all()
        return {
            voter
            for voter, life in (charter.voters if charter else {}).items()
            if voter in gone
            or (voter in self._present and voter in everybody and life not in (everybody[voter].life, ANY_LIFE))
        }

    def _are_most(self, peers: Set[PeerName]) -> bool:
        """Tell whether those of the voters are more than half of all."""
        charter = self.charter
        if charter is None:
            return len(peers) >= self.quorum
        return not self._lost() >= {*charter.voters} and len(peers) > len(charter.voters) // 2

    def _are_enough(self, peers: Set[PeerName]) -> bool:
        """Tell whether those of the voters can agree: more than half of all, or all that are left.

        What one said that is not left counts for the former, not in the place of one that is left.
        """
        if self._are_most(peers):
            return True
        return self.charter is not None and peers >= (({*self.charter.voters} - self._lost()) or {*self._votes()})

    def _knows_more_than_others(self) -> bool:
        """Tell whether nobody is left who voted before, and some who are there have still to hear of our charter.

        Only what is in use there is left of what they knew, and the next charter has to know it.
        """
        charter = self.charter
        if charter is None or not self._lost() >= {*charter.voters}:
            return False
        here = [fact for peer, fact in self._facts.items() if peer in self._present and self._fits(fact)]
        return any(fact.number < charter.number and (not fact.number or self._is_kin(fact)) for fact in here)

    def _may_vote(self) -> bool:
        if self._observer:
            return False
        return self.charter is None or self.me in self._votes()

    # -- the steps of an agreement -----------------------------------------------------------------------------

    def _vote(self) -> bool:
        """Promise, or accept, what is proposed; return whether anything changed."""
        if not self._may_vote():
            return False
        votes = self._votes()
        proposals = [fact.proposal for fact in votes.values() if fact.proposal]
        if not proposals:
            return False
        ballot, charter = max(proposals, key=lambda proposal: (proposal[0], proposal[1] is not None))
        memory = self.memory
        if ballot > memory.promised:
            self.memory = replace(memory, promised=ballot)
            return True
        if charter is None or ballot < memory.promised or (memory.accepted and memory.accepted[0] >= ballot):
            return False
        if not self._is_fair(charter):
            return False
        self.memory = replace(memory, accepted=(ballot, charter))
        return True

    def _is_fair(self, charter: Charter) -> bool:
        """Tell whether a charter may follow ours: nothing of our share is given to another but what we offered."""
        before = self.charter
        if charter.number != (before.number + 1 if before else 1) or not charter.is_sound(self.ranges):
            return False
        if before is None:
            return True
        fits = charter.follows(before.number, before.founding)
        return fits and not spans.without(self.share, charter.share(self.me))

    def _decide(self) -> bool:
        """Take over what enough voters accepted; return whether there was such."""
        ballots: dict[Ballot, dict[PeerName, Charter]] = {}
        for peer, fact in self._votes().items():
            if fact.accepted is not None:
                ballots.setdefault(fact.accepted[0], {})[peer] = fact.accepted[1]
        for accepted in ballots.values():
            charter, *others = accepted.values()
            # Fewer than half agree on nothing but a network of their own: it was proposed to be one.
            apart = self.charter is not None and charter.founding != self.charter.founding
            enough = self._are_enough({*accepted}) if apart else self._are_most({*accepted})
            if enough and all(other == charter for other in others):
                self._adopt(charter)
                return True
        return False

    def _adopt(self, charter: Charter) -> None:
        mine = charter.share(self.me)
        offers = spans.joined(offer for offer in self.offers if spans.without([offer], mine) != (offer,))
        self.memory = Memory(self.memory.life, charter, offers=offers)
        self._proposal = None

    def _advance(self, now: float) -> None:
        """Begin a ballot, or propose what it is for, when it is our turn."""
        votes = self._votes()
        seen = max(max(fact.promised, fact.proposal[0] if fact.proposal else NO_BALLOT) for fact in votes.values())
        if seen != self._ballot:
            self._ballot, self._ballot_at = seen, now
        if self._proposal is not None and self._proposal[0] == seen and self._proposal[1] is None:
            promised = {peer: fact for peer, fact in votes.items() if fact.promised == seen}
            if self._are_enough({*promised}):
                accepted = [fact.accepted for fact in promised.values() if fact.accepted is not None]
                latest = max(accepted, key=lambda each: each[0])[1] if accepted else self._goal(now)
                if latest is None:  # what somebody else accepted keeps us asking: let it be decided
                    begun = [fact.accepted for fact in votes.values() if fact.accepted is not None]
                    latest = max(begun, key=lambda each: each[0])[1] if begun else None
                self._proposal = (seen, self._named(latest)) if latest is not None else None
                return
        pending = self.memory.accepted is not None or any(fact.accepted for fact in votes.values())
        if not pending and self._goal(now) is None:
            self._since = None
            return
        self._since = now if self._since is None else self._since
        here = sorted(peer for peer in votes if peer in self._present)
        if not self._are_enough({*here}) or self._knows_more_than_others():
            return
        turn = TURN * here.index(self.me)
        at = turn + (self._since if seen == NO_BALLOT else max(self._since, self._ballot_at + PATIENCE))
        if now < at:
            self._due = at
            return
        self._proposal = (Ballot(seen.round + 1, self.me), None)
        self._ballot, self._ballot_at = self._proposal[0], now
        self._due = now + PATIENCE + turn

    # -- what to want ------------------------------------------------------------------------------------------

    def _goal(self, now: float) -> Charter | None:
        """Return the charter that should come next, None if there is nothing to change."""
        old, facts = self.charter, self._all()
        here = {peer: fact for peer, fact in facts.items() if peer in self._present and self._fits(fact)}
        if old is None:
            if not (self.founding_wanted or any(fact.wants for fact in here.values())):
                return None
            voters = {peer: fact.life for peer, fact in here.items() if fact.number == 0 and not fact.observer}
            shares: dict[PeerName, tuple[Network, ...]] = {}
            number, founding = 1, f"{self._ballot.round}.{self.memory.life:x}"
            expired, floor = dict[PeerName, int](), 0
        else:
            lost, kin = self._lost(), {peer for peer, fact in here.items() if self._is_kin(fact)}
            here = {peer: fact for peer, fact in here.items() if fact.founding == old.founding}
            here = {peer: fact for peer, fact in here.items() if fact.number == old.number}
            voters = {
                peer: life
                for peer, life in old.voters.items()
                if peer not in lost and (peer in self._present or now - self._away.get(peer, now) < AWAY)
            }
            voters.update({peer: fact.life for peer, fact in here.items() if not fact.observer})
            voters = {peer: life for peer, life in voters.items() if peer not in here or not here[peer].observer}
            number, founding = old.number + 1, old.founding
            out = (self._gone() | self._silent(now) | {*old.expired}) & {*old.shares} - {*here}
            # All who are there know of it by now, so that nothing is held back between them.
            given_back = {*out} & {*old.expired} if kin <= {*here} else set()
            floor = max([old.floor, *(old.expired[peer] for peer in given_back)])
            expired = {peer: old.expired.get(peer, number) for peer in sorted(out - given_back)}
            shares = {peer: blocks for peer, blocks in old.shares.items() if peer not in given_back}
            for peer, fact in here.items():
                if fact.offers and peer in shares:
                    shares[peer] = spans.without(shares[peer], fact.offers)
        kept = sorted(voters, key=lambda peer: (old is None or peer not in old.voters, peer))[:MOST_VOTERS]
        voters = {peer: voters[peer] for peer in sorted(kept)}
        wants = [
            (peer, want)
            for peer, fact in sorted(here.items(), key=lambda each: (not each[1].wants, each[0]))
            for want in fact.wants or (self._defaults if not shares.get(peer) and not fact.observer else ())
            if spans.within(self.ranges, want)
        ]
        # First the single addresses: they may be in use there, by containers of a host that lost its disk.
        for peer, want in sorted(wants, key=lambda each: each[1].num_addresses > 1):
            # Never what it offers just now: a charter that gives it that back would be the one that there is.
            give(shares, peer, want, here[peer].offers)
        shares = {peer: blocks for peer, blocks in shares.items() if blocks}
        lives = {peer: here[peer].life if peer in here else old.lives[peer] for peer in shares}  # type: ignore[union-attr]
        charter = Charter(number, founding, voters, shares, lives, expired, floor)
        return None if old is not None and replace(charter, number=old.number) == old else charter

    def _named(self, charter: Charter) -> Charter:
        """Return a charter, as that of a network of its own if those who agree on it are not more than half."""
        old = self.charter
        if old is None or old.founding != charter.founding:
            return charter
        if 2 * (len(old.voters) - len(self._lost())) > len(old.voters):
            return charter
        return replace(charter, founding=with_word(old.founding, f"{charter.number}:{self.memory.life:x}"))

    def _note_away(self, now: float) -> None:
        known = {*self.charter.voters, *self.charter.shares} if self.charter else set()
        self._away = {peer: self._away.get(peer, now) for peer in known if peer not in self._present}

    def _give_way(self) -> None:
        """Join a network that was begun apart, if ours is only this peer, and nothing of it is used."""
        if not self.is_alone or self.charter is None:
            return
        for peer in self.rivals:
            fact = self._facts[peer]
            if not fact.alone or fact.founding < self.charter.founding:
                self.memory, self._proposal = Memory(self.memory.life), None
                return

    def _forget_gone(self) -> None:
        """Stop saying that peers are gone when no charter knows them any more, or they are back.

        Nor one that may come next: it may have been begun when they were there.
        """
        if self.charter is None:
            return
        begun = [pair[1] for fact in self._all().values() for pair in (fact.accepted, fact.proposal) if pair]
        known = {peer for each in (self.charter, *begun) if each for peer in (*each.voters, *each.shares)}
        self.gone &= known - self._present
