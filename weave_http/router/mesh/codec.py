"""The peers' protocol in bytes. Sans-I/O: bytes in, messages out, or `Malformed`.

A connection opens with a prelude in each direction: the literal `weave-http` and two bytes, the lowest and the highest
protocol version that the sender speaks. After it come frames: four bytes of length, most significant first, and that
many bytes of one msgpack map with the key `t` that names the kind of message. The keys that its kind needs are checked
for type, size and range before they are used, so what comes out can be trusted to be well-formed. Nothing else about
it can: it is what a stranger says. Further keys are ignored.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from time import time

import msgpack

from weave_http.router.mesh.facts import greatest_uid
from weave_http.router.mesh.fields import Malformed, a_map, a_text
from weave_http.router.mesh.messages import KINDS, Kind, Message, Unknown

MAGIC = b"weave-http"
PRELUDE_SIZE = len(MAGIC) + 2
ORIGINAL_MAGIC = b"weave"
ORIGINAL_PRELUDE_SIZE = len(ORIGINAL_MAGIC) + 2
"""An original Weave router sends so many bytes and then waits for the other side's."""
VERSIONS = (1, 1)
"""Lowest and highest protocol version spoken here."""
HEADER_SIZE = 4
HANDSHAKE_LIMIT = 8 * 1024
"""Most bytes of a frame from a peer that has not been accepted yet."""
LIMIT = 512 * 1024
"""Most bytes of any other frame."""
UNKNOWN_LIMIT = 64 * 1024
"""Most bytes of a message of a kind that we don't know."""
_MOST_ITEMS = 4096
_MOST_KEYS = 64
_HEADER = struct.Struct(">I")


def prelude(versions: tuple[int, int] = VERSIONS) -> bytes:
    """Return what is sent before anything else."""
    return MAGIC + bytes(versions)


def check_prelude(data: bytes) -> None:
    """Look at the beginning of a prelude, `ORIGINAL_PRELUDE_SIZE` bytes or more.

    Raises:
        Malformed: whatever follows, it is none of ours.
    """
    if data[: len(MAGIC)] == MAGIC[: len(data)]:
        return
    if data.startswith(ORIGINAL_MAGIC):
        raise Malformed("the other side is an original Weave router, which speaks another protocol")
    raise Malformed("the other side does not speak the weave-http protocol")


def read_prelude(data: bytes) -> tuple[int, int]:
    """Return the lowest and the highest version of a prelude of `PRELUDE_SIZE` bytes.

    Raises:
        Malformed: it is something else.
    """
    check_prelude(data)
    low, high = data[len(MAGIC) :]
    if low > high:
        raise Malformed("the other side speaks no version of the protocol at all")
    return low, high


def frame_size(header: bytes, limit: int = LIMIT) -> int:
    """Return how many bytes follow a frame's four bytes of length.

    Raises:
        Malformed: none, or more than the limit.
    """
    (size,) = _HEADER.unpack(header)
    if not 0 < size <= limit:
        raise Malformed(f"a frame of {size} bytes, of 1 to {limit} that are allowed")
    return int(size)


class Codec:
    """Messages as frames.

    Args:
        kinds: kinds of message beside those that every router understands.
        clock: tells the time, in seconds since 1970: stamps far ahead of it are malformed.
    """

    def __init__(self, kinds: Iterable[Kind] = (), clock: Callable[[], float] = time) -> None:
        known = [*KINDS, *kinds]
        self._by_name = {kind.name: kind for kind in known}
        self._by_class = {kind.message: kind for kind in known}
        assert len(self._by_name) == len(self._by_class) == len(known), "two kinds of message are one"
        self._clock = clock

    def encode(self, message: Message) -> bytes:
        """Return a message as a frame."""
        kind = self._by_class[type(message)]
        payload: bytes = msgpack.packb({"t": kind.name, **kind.pack(message)})
        return _HEADER.pack(len(payload)) + payload

    def decode(self, payload: bytes) -> Message:
        """Return the message in a frame (its length apart), `Unknown` when it is of no kind that we know.

        Raises:
            Malformed: no map, missing keys, or a value out of bounds.
        """
        try:
            value = msgpack.unpackb(payload, max_array_len=_MOST_ITEMS, max_map_len=_MOST_KEYS, max_ext_len=0)
        except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
            raise Malformed(f"no message: {error}") from error
        fields = a_map(value)
        name = a_text(fields.get("t"))
        kind = self._by_name.get(name)
        if kind is None:
            if len(payload) > UNKNOWN_LIMIT:
                raise Malformed(f"a message of the unknown kind {name!r} with more than {UNKNOWN_LIMIT} bytes")
            return Unknown(name)
        try:
            return kind.parse(fields, greatest_uid(self._clock()))
        except KeyError as error:
            raise Malformed(f"a message {name} without {error}") from error
