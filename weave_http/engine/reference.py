"""Checks and escapes ids, names, image references and filters for use in a route."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from weave_http.engine.errors import InvalidReference

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
"""What the engine takes for a container's or a volume's name; anything else could only change the route."""
_IMAGE = re.compile(r"[a-zA-Z0-9_./:@+\[\]-]+")
"""What names, tags, digests and ids of images are made of; a host may be an IPv6 address in brackets."""


def segment(reference: str, kind: str) -> str:
    """Return an id or a name, which is one segment of a path as it is.

    Args:
        reference: id or name of a container or a volume.
        kind: what it is, for the message: `container`.

    Raises:
        InvalidReference: it is blank, or would change the path.
    """
    _refuse_blank(reference, kind)
    if not NAME.fullmatch(reference):
        raise InvalidReference(f"{reference!r} is no {kind}'s name or id")
    return reference


def image_path(reference: str) -> str:
    """Return an image reference as it stands in a path: slashes and the like are part of the route.

    Raises:
        InvalidReference: it is blank, or would change the path.
    """
    _refuse_blank(reference, "image")
    if not _IMAGE.fullmatch(reference) or any(part in ("", ".", "..") for part in reference.split("/")):
        raise InvalidReference(f"{reference!r} is no image reference", hint="as in busybox:latest")
    return quote(reference, safe="/:@")


def split_image(reference: str) -> tuple[str, str]:
    """Split an image reference into what `fromImage` and `tag` of a pull take.

    Args:
        reference: `name`, `name:tag`, `name@sha256:…` or `name:tag@sha256:…`; the name may have a registry with a port.

    Returns:
        The name, and the digest, the tag or `latest`. Without a tag a daemon would pull every tag there is.

    Raises:
        InvalidReference: a part is missing.
    """
    _refuse_blank(reference, "image")
    name, at, digest = reference.partition("@")
    head, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    name = head + slash + last
    malformed = not last or (slash and not head) or (colon and not tag) or (at and ":" not in digest)
    if malformed or any(character.isspace() for character in reference):
        raise InvalidReference(f"{reference!r} is no image reference", hint="as in busybox:latest")
    return name, digest or tag or "latest"


def _refuse_blank(reference: str, kind: str) -> None:
    if not reference.strip():
        raise InvalidReference(f"the {kind} has an empty name", hint=f"give the {kind}'s name or id")
    if reference in (".", ".."):
        raise InvalidReference(f"{reference!r} is no name of a {kind}")


def json_filters(filters: Mapping[str, list[str]] | None) -> tuple[tuple[str, str], ...]:
    """Return the `filters` parameter of list and event calls: a JSON object of lists."""
    import json

    return (("filters", json.dumps(filters, separators=(",", ":"))),) if filters else ()
