"""WireGuard: what has to change, and how that is said to the program and to the kernel."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weave_http.errors import HostError
from weave_http.net.wireguard import FRESH, Change, Endpoint, Seen, State, TunnelPeer, changes
from weave_http.net.wireguard_kernel import messages
from weave_http.net.wireguard_kernel import parse as parse_message
from weave_http.net.wireguard_user import UserSpaceDevice, parse, text
from weave_http.records import replace

A, B = bytes([1]) * 32, bytes([2]) * 32
SECRET, OTHER = b"s" * 32, b"o" * 32
AT_A, AT_B = ip_address("240.0.0.1"), ip_address("240.0.0.2")
THERE: Endpoint = (ip_address("192.0.2.1"), 6783)
MAPPED: Endpoint = (ip_address("192.0.2.1"), 40_000)
PEER = TunnelPeer(A, AT_A, SECRET, THERE)
NOW = 1e9


def applied(state: State, change: Change, now: float = NOW) -> State:
    """Return what a device does with a change."""
    peers = {key: seen for key, seen in state.peers.items() if key not in change.remove}
    for peer in change.peers:
        seen = peers.get(peer.key, Seen(frozenset(), b"", None))
        addresses = seen.addresses if peer.address is None else frozenset({peer.address})
        others = {key: replace(each, addresses=each.addresses - addresses) for key, each in peers.items()}
        peers = others | {peer.key: Seen(addresses, peer.secret, peer.endpoint or seen.endpoint, seen.handshake)}
    return State(change.private or state.private, change.port or state.port, peers)


ADDRESSES = st.integers(1, 5).map(lambda number: ip_address(f"240.0.0.{number}"))
SECRETS = st.sampled_from([SECRET, OTHER])
ENDPOINTS = st.sampled_from([THERE, MAPPED, None])
KEYS = st.integers(1, 5).map(lambda number: bytes([number]) * 32)
SEEN = st.dictionaries(
    KEYS, st.builds(Seen, st.frozensets(ADDRESSES, max_size=1), SECRETS, ENDPOINTS, st.sampled_from([0.0, NOW]))
)
WANTED = st.lists(
    st.builds(TunnelPeer, KEYS, ADDRESSES, SECRETS, ENDPOINTS),
    unique_by=(lambda each: each.key, lambda each: each.address),
)


@given(SEEN, WANTED)
def test_a_change_leaves_exactly_what_is_wanted_and_then_nothing_to_do(
    there: dict[bytes, Seen], wanted: list[TunnelPeer]
) -> None:
    before = State(b"", 6783, there)
    after = applied(before, changes(before, wanted, {}, now=NOW))
    assert {key: (seen.addresses, seen.secret) for key, seen in after.peers.items()} == {
        peer.key: (frozenset({peer.address}), peer.secret) for peer in wanted
    }
    told = {peer.key: peer.endpoint for peer in wanted if peer.endpoint}
    assert not changes(after, wanted, told, now=NOW)


def state(endpoint: Endpoint | None, handshake: float = NOW) -> State:
    return State(b"", 6783, {A: Seen(frozenset({AT_A}), SECRET, endpoint, handshake)})


def test_a_peer_whose_packets_come_from_elsewhere_is_followed() -> None:
    assert not changes(state(MAPPED), [PEER], {A: THERE}, now=NOW)
    elsewhere = replace(PEER, endpoint=(ip_address("192.0.2.7"), 6783))
    (change,) = changes(state(MAPPED), [elsewhere], {A: THERE}, now=NOW).peers
    assert (change.endpoint, change.address) == (elsewhere.endpoint, None), "the peer itself is somewhere else now"


def test_an_endpoint_of_an_earlier_router_stays_as_long_as_it_works() -> None:
    assert not changes(state(MAPPED), [PEER], {}, now=NOW + FRESH - 1)
    assert changes(state(MAPPED), [PEER], {}, now=NOW + FRESH).peers == (replace(PEER, address=None),)


def test_another_secret_is_said_without_the_address_which_would_be_gone_for_a_moment() -> None:
    (change,) = changes(state(THERE), [replace(PEER, secret=OTHER)], {A: THERE}, now=NOW).peers
    assert change == TunnelPeer(A, None, OTHER, None)
    assert "allowed_ip" not in text(Change(peers=(change,)))


def test_peers_that_nobody_knows_by_name_stay_as_long_as_frames_go_there() -> None:
    assert changes(state(THERE), [], {}, now=NOW).remove == (A,)
    assert not changes(state(THERE), [], {}, kept=[AT_A], now=NOW)


CHANGE = Change(
    private=bytes(range(32)),
    port=6783,
    remove=(b"r" * 32,),
    peers=(PEER, TunnelPeer(B, AT_B, OTHER, (ip_address("2001:db8::1"), 6783))),
)


def test_the_program_is_told_in_its_words_and_what_it_says_is_read() -> None:
    said = text(CHANGE)
    assert said.splitlines()[:5] == [
        "set=1",
        f"private_key={CHANGE.private.hex()}",
        "listen_port=6783",
        f"public_key={b'r'.hex() * 32}",
        "remove=true",
    ]
    assert "endpoint=192.0.2.1:6783" in said
    assert "endpoint=[2001:db8::1]:6783" in said
    assert said.endswith("\n\n")
    shown = said.replace("set=1\n", "").replace(f"public_key={b'r'.hex() * 32}\nremove=true\n", "")
    assert parse(f"{shown.strip()}\nlast_handshake_time_sec=7\nerrno=0\n\n") == State(
        CHANGE.private,
        6783,
        {A: Seen(frozenset({AT_A}), SECRET, THERE), B: Seen(frozenset({AT_B}), OTHER, CHANGE.peers[1].endpoint, 7.0)},
    )


@pytest.mark.parametrize("said", ["public_key=zz\n", "listen_port=x\n", "public_key=00\nallowed_ip=nowhere/32\n"])
def test_what_makes_no_sense_is_an_error_of_one_line(said: str) -> None:
    with pytest.raises(HostError):
        parse(said)


def test_no_program_is_an_error_of_one_line() -> None:
    with pytest.raises(HostError, match="wireguard-go does not answer: No such file"):
        UserSpaceDevice("/nowhere/weave-wg.sock").read()


def encoded(message: Any) -> Any:
    message["header"] = {"type": 30, "flags": 1, "sequence_number": 1, "pid": 0}
    message.encode()
    decoded = type(message)(message.data)
    decoded.decode()
    return decoded


def test_the_kernel_is_told_the_same_in_messages_of_netlink() -> None:
    (message,) = map(encoded, messages("weave-wg", CHANGE))
    assert message.get_attr("WGDEVICE_A_IFNAME") == "weave-wg"
    found = parse_message(message)
    assert (found.private, found.port) == (CHANGE.private, 6783)
    assert found.peers[A] == Seen(frozenset({AT_A}), SECRET, THERE)
    assert found.peers[B] == Seen(frozenset({AT_B}), OTHER, CHANGE.peers[1].endpoint)
    flags = {
        bytes(key): peer.get_attr("WGPEER_A_FLAGS") for key, peer in zip(found.peers, _peers(message), strict=True)
    }
    assert flags == {b"r" * 32: 1, A: 2, B: 2}, "removed, and addresses replaced"


def _peers(message: Any) -> list[Any]:
    return list(message.get_attr("WGDEVICE_A_PEERS"))


def test_many_peers_are_told_in_several_messages_and_the_key_in_the_first() -> None:
    peers = tuple(replace(PEER, key=bytes([number]) * 32) for number in range(100))
    found = [parse_message(encoded(each)) for each in messages("weave-wg", Change(private=A, peers=peers))]
    assert sum(len(each.peers) for each in found) == 100
    assert [bool(each.private) for each in found] == [True, *[False] * (len(found) - 1)]


def test_keys_are_in_no_text_that_might_be_logged() -> None:
    assert "private" not in repr(CHANGE)
    assert SECRET.hex() not in repr(CHANGE)
    assert repr(SECRET)[2:-1] not in repr(CHANGE)
