"""Keys that leave a container running, in whatever pieces they come."""

import pytest

from weave_http.commands.detach_keys import Detached, KeyFilter
from weave_http.run_args import BadValue, RunArgumentError, key_codes, parse


@pytest.mark.parametrize(
    ("keys", "codes"),
    [
        ("ctrl-p,ctrl-q", b"\x10\x11"),
        ("ctrl-@", b"\0"),
        ("ctrl-a,a,ctrl-z", b"\x01a\x1a"),
        ("ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", b"\x1b\x1c\x1d\x1e\x1f"),
        ("DEL,a", b"\x7fa"),
        ("", b""),
    ],
)
def test_keys_are_the_bytes_that_a_terminal_sends(keys: str, codes: bytes) -> None:
    assert key_codes(keys) == codes


@pytest.mark.parametrize("keys", ["ctrl-", "ctrl-A", "ctrl-P", "ctrl-p,", "abc", "ctrl-1", "ä"])
def test_what_is_no_key_is_refused_by_name(keys: str) -> None:
    with pytest.raises(BadValue, match="unknown key"):
        key_codes(keys)
    with pytest.raises(RunArgumentError, match="unknown key"):
        parse([f"--detach-keys={keys}", "busybox"])


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_all_but_the_keys_goes_through_in_any_pieces(size: int) -> None:
    data = b"ab\x10c\x10\x10d\x11" + bytes(range(16)) + b"end"
    keys = KeyFilter(b"\x10\x11")
    assert b"".join(keys(data[at : at + size]) for at in range(0, len(data), size)) == data


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_the_keys_are_found_in_any_pieces(size: int) -> None:
    data = b"abc\x10\x10\x11"
    keys = KeyFilter(b"\x10\x11")
    *before, last = (data[at : at + size] for at in range(0, len(data), size))
    for piece in before:
        keys(piece)
    with pytest.raises(Detached):
        keys(last)


def test_a_beginning_of_the_keys_is_held_back_until_it_is_known_to_be_none() -> None:
    keys = KeyFilter(b"\x10\x11")
    assert keys(b"a\x10") == b"a"
    assert keys(b"b") == b"\x10b"
