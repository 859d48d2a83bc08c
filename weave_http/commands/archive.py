"""A docker archive, as `weave image build` and `docker save` write it: what is in it, and its bytes."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weave_http.commands.caller import Caller
from weave_http.errors import WeaveError

CHUNK = 256 * 1024


def archive_identity(source: Path) -> tuple[list[str], str]:
    """Return the tags and the image id that a docker archive holds.

    Args:
        source: path of the archive.

    Raises:
        WeaveError: it can't be read, or is no docker archive with one image in it.
    """
    try:
        with tarfile.open(source) as archive:
            member = archive.extractfile("manifest.json")
            if member is None:
                raise KeyError("manifest.json")
            (image,) = json.load(member)
            tags, config = image["RepoTags"] or [], str(image["Config"])
    except OSError as error:
        hint = "it must be a file, which can be read twice" if source.exists() and not source.is_file() else ""
        raise WeaveError(f"can't read {source}: {error.strerror or error}", hint=hint) from error
    except (tarfile.TarError, KeyError, ValueError, TypeError, EOFError) as error:
        raise WeaveError(
            f"{source} is not a docker archive with one image in it",
            hint="make one with `weave image build` or `docker save`",
        ) from error
    return [str(tag) for tag in tags], "sha256:" + config.removesuffix(".json").rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Archive:
    """The chunks of a file, metered; whoever shows the request can tell which file it is.

    Args:
        path: of the file.
        caller: whose meter is told.
    """

    path: Path
    caller: Caller

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks, from the beginning."""
        total, sent = self.path.stat().st_size, 0
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
                sent += len(chunk)
                self.caller.meter.update(self.path.name, "loading", sent, total)
