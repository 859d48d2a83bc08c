"""An image from one daemon to another, as a stream through the caller: no file, no registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from weave_http.engine.client import Engine
from weave_http.engine.progress import Progress


def copy_image(
    source: Engine, target: Engine, reference: str, *, on_bytes: Callable[[int], None] = lambda _count: None
) -> list[Progress]:
    """Copy an image with its tags: `GET /images/get` of one daemon is the body of `POST /images/load` of the other.

    Args:
        source: has the image.
        target: gets it; layers that it has already are sent all the same.
        reference: as `name:tag`; an id copies the image without its tags.
        on_bytes: told after each piece how many bytes have gone over so far.

    Returns:
        What the target says: which image it loaded.

    Raises:
        NotFound: the source has no such image; the target has not been asked for anything.
        StreamError: the target does not take it.
        TransportError: one of the two connections broke off; the message names its endpoint.
    """
    with source.images.save([reference]) as archive, target.images.load(_counted(archive, on_bytes)) as steps:
        return list(steps)


def _counted(chunks: Iterable[bytes], on_bytes: Callable[[int], None]) -> Iterator[bytes]:
    count = 0
    for chunk in chunks:
        yield chunk
        count += len(chunk)
        on_bytes(count)
