"""Which API version client and daemon speak with each other."""

from __future__ import annotations

from weave_http.engine.errors import VersionError

OLDEST = (1, 40)
"""Docker 19.03; older daemons lack calls and fields that every command needs."""
NEWEST = (1, 55)
"""Docker 29.7. Up to it two things changed in the calls used here: a container's addresses are told per network only,
and the MAC address is asked for there as well (`gates`)."""

Version = tuple[int, int]


def parse_version(text: str) -> Version:
    """Return `1.41` as (1, 41).

    Raises:
        VersionError: it is no version.
    """
    major, dot, minor = text.strip().removeprefix("v").partition(".")
    if not (dot and all(part.isascii() and part.isdigit() and len(part) < 5 for part in (major, minor))):
        raise VersionError(f"{text!r} is no API version", hint="as in 1.41")
    return int(major), int(minor)


def version_text(version: Version) -> str:
    """Return (1, 41) as `1.41`."""
    return f"{version[0]}.{version[1]}"


def pinned_version(text: str) -> Version:
    """Return the version that `DOCKER_API_VERSION` asks for.

    Raises:
        VersionError: it is none, or the client does not speak it.
    """
    version = parse_version(text)
    if not OLDEST <= version <= NEWEST:
        raise VersionError(
            f"DOCKER_API_VERSION asks for {version_text(version)}, and weave speaks {_ours()}", hint="unset it"
        )
    return version


def negotiated_version(offered: str, where: str) -> Version:
    """Return the newest version that both sides speak.

    Args:
        offered: the newest that the daemon speaks, from the `Api-Version` header of `/_ping`.
        where: the daemon, for the message.

    Raises:
        VersionError: there is none.
    """
    theirs = parse_version(offered)
    if theirs < OLDEST:
        raise VersionError(
            f"{where} speaks the Docker API up to {version_text(theirs)}, and weave {_ours()}",
            hint="it takes Docker 19.03 or later",
        )
    return min(theirs, NEWEST)


def refused_version(words: str, where: str) -> VersionError:
    """Return what to raise when the daemon refuses our version; its own words name its range."""
    return VersionError(f"{where} says: {words.rstrip('.')}; weave speaks {_ours()}")


def _ours() -> str:
    return f"{version_text(OLDEST)} to {version_text(NEWEST)}"
