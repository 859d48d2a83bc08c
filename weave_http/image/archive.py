"""Docker's archive format (`docker save`): one tar that `POST /images/load` takes, on Docker and on Podman.

manifest.json       [{"Config": …, "RepoTags": [tag], "Layers": […]}]
HASH.json           the image's configuration; its SHA-256 is the image's id
HASH.tar            a layer, uncompressed; its SHA-256 is the layer's "diff id"
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from weave_http import atomic
from weave_http.records import dataclass, field

INPUTS_LABEL = "works.weave.image.inputs"
"""Label with the digest of all that an image was made from: equal inputs, nothing to build."""

MAX_DESCRIPTION = 4 << 20
"""Bytes that manifest or configuration may have; Docker's own limit for a manifest."""
_ARCHITECTURES = {"armhf": ("arm", "v7"), "armel": ("arm", "v5"), "i386": ("386", ""), "ppc64el": ("ppc64le", "")}


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: an uncompressed tar, and what is said of it in the image's history."""

    tar: bytes
    comment: str

    @property
    def digest(self) -> str:
        """SHA-256 of the tar, in hex."""
        return hashlib.sha256(self.tar).hexdigest()


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What the engine is told about an image besides its files."""

    architecture: str
    """Debian's name."""
    created: int
    """Seconds since 1970."""
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()

    def json(self, layers: Sequence[tuple[str, str]]) -> bytes:
        """Return the configuration file.

        Args:
            layers: digest and comment of each layer, the lowest first.
        """
        architecture, variant = _ARCHITECTURES.get(self.architecture, (self.architecture, ""))
        created = datetime.fromtimestamp(self.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        process: dict[str, object] = {
            "Env": [f"{name}={value}" for name, value in self.env.items()],
            "Labels": dict(self.labels),
            "WorkingDir": "/",
        }
        if self.entrypoint:
            process["Entrypoint"] = list(self.entrypoint)
        if self.cmd:
            process["Cmd"] = list(self.cmd)
        whole = {
            "architecture": architecture,
            **({"variant": variant} if variant else {}),
            "os": "linux",
            "created": created,
            "config": process,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest, _ in layers]},
            "history": [{"created": created, "created_by": comment} for _, comment in layers],
        }
        return json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()


def write_archive(out: Path, *, tag: str, config: ImageConfig, layers: Sequence[Layer]) -> None:
    """Write the archive; `out` is there whole or not at all.

    Raises:
        OSError: the file can't be written.
    """
    digests = [layer.digest for layer in layers]
    description = config.json([(digest, layer.comment) for digest, layer in zip(digests, layers, strict=True)])
    config_name = f"{hashlib.sha256(description).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [tag], "Layers": [f"{digest}.tar" for digest in digests]}]
    members = [("manifest.json", json.dumps(manifest).encode()), (config_name, description)]
    members += [(f"{digest}.tar", layer.tar) for digest, layer in zip(digests, layers, strict=True)]
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        atomic.replacing(out) as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), config.created
            archive.addfile(member, io.BytesIO(data))


def inputs_of(out: Path) -> str:
    """Return what `INPUTS_LABEL` of an archive says; empty when there is no such archive or label."""
    try:
        if not out.is_file():  # a device or a pipe may never end
            return ""
        with tarfile.open(out) as opened:
            manifest = _json(opened, "manifest.json")
            label = _json(opened, str(manifest[0]["Config"]))["config"]["Labels"][INPUTS_LABEL]
    except (OSError, EOFError, tarfile.TarError, zlib.error, lzma.LZMAError):  # no archive
        return ""
    except (ValueError, LookupError, TypeError, RecursionError):  # not one of ours
        return ""
    return label if isinstance(label, str) else ""


def _json(archive: tarfile.TarFile, name: str) -> Any:
    member = archive.getmember(name)
    content = archive.extractfile(member)
    if content is None or member.size > MAX_DESCRIPTION:
        raise ValueError(name)
    return json.loads(content.read())
