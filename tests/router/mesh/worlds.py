"""What the router's tests share: names, facts, and strategies that make them."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

from weave_http.addresses import parse_ip
from weave_http.router.mesh.facts import GREATEST_VERSION, Fact, Stamp
from weave_http.router.mesh.identity import PeerName
from weave_http.router.mesh.membership import Facts, claim
from weave_http.router.mesh.messages import Hello, Message
from weave_http.router.mesh.neighbours import Neighbour
from weave_http.router.mesh.topic import Topic
from weave_http.router.mesh.topology import Address, Link, PeerFact, PeerInfo
from weave_http.router.names.register import Change, Name, Update


def name(number: int) -> PeerName:
    """The `number`-th peer name."""
    return PeerName(f"7a:00:00:00:{number >> 8:02x}:{number & 255:02x}")


def address(number: int) -> Address:
    """Where that peer listens."""
    return Address(parse_ip(f"192.0.2.{number}"), 6783)


def hello(number: int, *, uid: int = 1, connection: int = 1, features: tuple[str, ...] = ("names",)) -> Hello:
    """What that peer says first."""
    return Hello(name(number), f"host{number}", uid, 6783, connection, features)


def said(facts: Iterable[PeerFact]) -> Facts:
    """The message that tells some facts."""
    return Facts(tuple(map(claim, facts)))


def told(topic: Topic, neighbour: Neighbour, now: float) -> list[Message]:
    """What a topic tells a neighbour; it must have said that there may be something."""
    owed = topic.owes(neighbour)
    messages = topic.tell(neighbour, now)
    assert owed or not messages, f"not said to be owed: {messages}"
    return messages


names = st.integers(1, 9).map(name)
numbers = st.integers(0, 2**63 - 1)
uids = st.integers(0, 2**50)
versions = st.integers(0, GREATEST_VERSION)
ports = st.integers(1, 65535)
texts = st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=40)
addresses = st.builds(Address, st.ip_addresses(v=4), ports)
links = st.lists(st.builds(Link, names, addresses, st.booleans()), max_size=9, unique_by=lambda link: link.peer).map(
    lambda links: tuple(sorted(links))
)
infos = st.builds(PeerInfo, texts, ports, links)
stamps = st.builds(Stamp, uids, versions)
facts: st.SearchStrategy[PeerFact] = st.builds(Fact, names, stamps, infos)
hellos = st.builds(Hello, names, texts, uids, ports, numbers, st.lists(texts, max_size=4).map(tuple))
given_names = st.builds(
    Name,
    st.from_regex(r"[a-z0-9-]{1,9}\.weave\.local", fullmatch=True),
    st.ip_addresses(v=4),
    st.from_regex(r"[0-9a-f]{64}|weave:expose", fullmatch=True),
)


@st.composite
def _updates(draw: st.DrawFn) -> Update:
    base = draw(st.integers(0, 2**38))
    versions = sorted(draw(st.sets(st.integers(base + 1, base + 20), max_size=6)))
    changes = tuple(Change(version, draw(given_names), draw(st.booleans())) for version in versions)
    stamp = Stamp(draw(st.integers(1, 2**50)), base + 20)
    return Update(draw(names), stamp, base, changes)


updates = _updates()
