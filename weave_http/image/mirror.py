"""Debian packages where there is no apt, for any architecture: chosen from an archive's index and fetched over HTTPS.

The index of packages is checked against the archive's Release file, and each package against the index, by SHA-256. Who
wrote the Release file is vouched for by TLS alone, because nothing here checks OpenPGP signatures; so an archive
must be `https://`, or be on this machine.
"""

from __future__ import annotations

import hashlib
import lzma
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from urllib.parse import urlsplit

from weave_http import atomic
from weave_http.errors import WeaveError
from weave_http.image.apt import Machine
from weave_http.image.download import open_download
from weave_http.image.result import Report
from weave_http.records import dataclass

ARCHIVE = "https://deb.debian.org/debian"
RELEASE = "bookworm"
ARCHITECTURES = frozenset({"amd64", "arm64"})
"""What an image is made for in this way, in Debian's names, which are Docker's."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_WORD = re.compile(r"\s*([a-z0-9][a-z0-9+.-]*)")
_MOST = 64 << 20
"""Bytes that one file of the archive may have."""


@dataclass(frozen=True, slots=True)
class Package:
    """One package of an index."""

    name: str
    version: str
    needs: tuple[tuple[str, ...], ...]
    """What it depends on; of each group one is enough."""
    provides: tuple[str, ...]
    url: str
    sha256: str

    @property
    def file(self) -> str:
        """Name of its .deb file, as apt calls it."""
        return self.url.rpartition("/")[2]


def fetch(
    wanted: Sequence[str],
    folder: Path,
    *,
    system: Machine,
    archive: str,
    skipped: frozenset[str] = frozenset(),
    release: str = RELEASE,
    report: Report,
) -> list[Path]:
    """Download packages of a release and all that they depend on, without recommendations.

    Args:
        wanted: names.
        folder: where downloads are kept; files that are there and whole are not fetched again.
        system: whose architecture they are for.
        archive: URL of the archive, as `ARCHIVE`; that of the security updates has `-security` behind it.
        skipped: packages of which nothing is wanted, nor of what only they depend on.
        release: of Debian, by its name.
        report: told what is being done.

    Returns:
        The .deb files, in the order of their names.

    Raises:
        WeaveError: the archive can't be trusted or reached, a package is unknown, or a file is not what was promised.
    """
    url = urlsplit(archive)
    if url.scheme != "https" and url.hostname not in _LOOPBACK:
        raise WeaveError(f"{archive} is no https:// address", hint="signatures are not checked, so TLS has to vouch")
    folder.mkdir(parents=True, exist_ok=True)
    with open_download() as get:
        report(f"fetching the package lists of {archive}")
        known = _known(archive.rstrip("/"), release, system.architecture, get)
        chosen = choose(wanted, known, skipped)
        report(f"fetching {len(chosen)} Debian packages")

        def bring(package: Package) -> Path:
            place = folder / package.file
            if not (place.is_file() and hashlib.sha256(place.read_bytes()).hexdigest() == package.sha256):
                atomic.write(place, _checked(get, package.url, package.sha256))
            return place

        with ThreadPoolExecutor(8) as pool:
            return sorted(pool.map(bring, chosen))


def choose(wanted: Iterable[str], known: Mapping[str, Package], skipped: frozenset[str]) -> list[Package]:
    """Return the packages that are asked for, and what they depend on, in the order of their names.

    Versions in dependencies are not looked at: a release of Debian holds together.

    Raises:
        WeaveError: the archive has no such package.
    """
    providers: dict[str, str] = {}
    for package in known.values():
        for name in package.provides:
            providers.setdefault(name, package.name)
    found: dict[str, Package] = {}
    waiting: list[tuple[str, ...]] = [(name,) for name in wanted]
    while waiting:
        group = waiting.pop()
        if any(name in skipped or name in found for name in group):
            continue
        real = next((name for name in group if name in known), None)
        real = real or next((providers[name] for name in group if name in providers), None)
        if real is None:
            raise WeaveError(f"the Debian archive has no package {group[0]} for this release")
        if real not in found and real not in skipped:
            found[real] = known[real]
            waiting += known[real].needs
    return [found[name] for name in sorted(found)]


def parse_index(text: str, archive: str) -> Iterator[Package]:
    """Yield the packages of an index file (`Packages`).

    Args:
        text: of the file.
        archive: URL that file names are relative to.

    Raises:
        WeaveError: a package has no name, version, file or digest.
    """
    for paragraph in text.split("\n\n"):
        fields = dict(re.findall(r"(?m)^([A-Za-z0-9-]+): ?(.*)$", paragraph))
        if not fields:
            continue
        try:
            needs = ", ".join(fields[key] for key in ("Pre-Depends", "Depends") if key in fields)
            yield Package(
                fields["Package"],
                fields["Version"],
                tuple(tuple(_names(group, "|")) for group in needs.split(",") if group.strip()),
                tuple(_names(fields.get("Provides", ""), ",")),
                f"{archive}/{fields['Filename']}",
                fields["SHA256"],
            )
        except KeyError as missing:
            raise WeaveError(f"the package list of {archive} lacks a field: {missing.args[0]}") from None


def version_key(version: str) -> tuple[str | int, ...]:
    """Return what Debian versions are sorted by: epoch, upstream version and revision (deb-version(7))."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return (int(epoch) if epoch.isdigit() else 0, *_parts(upstream), *_parts(revision))


def _parts(text: str) -> Iterator[str | int]:
    """Yield a version's letters and numbers in turn; letters so that `~` comes before the end, and signs last."""
    for letters, digits in zip_longest(re.split(r"\d+", text), re.findall(r"\d+", text), fillvalue="0"):
        yield "".join("\0" if sign == "~" else sign if sign.isalpha() else f"\x7f{sign}" for sign in letters) + "\1"
        yield int(digits)


def _names(text: str, separator: str) -> list[str]:
    return [match[1] for part in text.split(separator) if (match := _WORD.match(part))]


def _known(archive: str, release: str, architecture: str, get: Callable[[str, int], bytes]) -> dict[str, Package]:
    """Return the newest version of every package, of the release and its security updates."""
    known: dict[str, Package] = {}
    for top, suite in ((archive, release), (f"{archive}-security", f"{release}-security")):
        index = f"main/binary-{architecture}/Packages.xz"
        lists = get(f"{top}/dists/{suite}/Release", _MOST).decode("utf-8", "replace")
        sums = lists.partition("\nSHA256:")[2]
        listed = re.search(rf"(?m)^ ([0-9a-f]{{64}}) +\d+ {re.escape(index)}$", sums)
        if listed is None:
            raise WeaveError(f"{top} has no packages of {suite} for {architecture}")
        packed = _checked(get, f"{top}/dists/{suite}/{index}", listed[1])
        try:
            text = lzma.decompress(packed).decode("utf-8", "replace")
        except lzma.LZMAError as error:
            raise WeaveError(f"the package list of {top} is damaged: {error}") from None
        for package in parse_index(text, top):
            before = known.get(package.name)
            if before is None or version_key(before.version) < version_key(package.version):
                known[package.name] = package
    return known


def _checked(get: Callable[[str, int], bytes], url: str, sha256: str) -> bytes:
    data = get(url, _MOST)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise WeaveError(f"{url} is not what the archive's lists promise", hint="try again; a mirror may be changing")
    return data
