"""`--mount`: one record of `key=value`, as a table of keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from weave_http.records import dataclass, field
from weave_http.run_args import csv_record, scalars
from weave_http.run_args.draft import Draft
from weave_http.run_args.kinds import FALSE, TRUE, pair
from weave_http.run_args.wrong import BadValue

_OCTAL = re.compile(r"[0-7]{1,16}")
GROUPS = {"BindOptions": "bind", "VolumeOptions": "volume", "ImageOptions": "image", "TmpfsOptions": "tmpfs"}
"""Objects of options, and the type of mount that each belongs to."""


@dataclass(slots=True)
class Mount:
    """A mount in the making.

    Args:
        fields: the API's object, without options.
        options: the objects of options by their names.
    """

    fields: dict[str, Any] = field(default_factory=lambda: {"Type": "volume"})
    options: dict[str, dict[str, Any]] = field(default_factory=dict)


Set = Callable[[Mount, str], None]


def _flag(text: str) -> bool:
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise BadValue("expected true or false")


def _lower(text: str) -> str:
    return text.lower()


def _text(text: str) -> str:
    return text


def _mode(text: str) -> int:
    if not _OCTAL.fullmatch(text):
        raise BadValue("tmpfs-mode is octal, as in 1777")
    return scalars.within(int(text, 8), 0, 2**32 - 1)


def _field(key: str, read: Callable[[str], Any]) -> Set:
    def set_(mount: Mount, text: str) -> None:
        mount.fields[key] = read(text)

    return set_


def _option(group: str, key: str, read: Callable[[str], Any]) -> Set:
    def set_(mount: Mount, text: str) -> None:
        mount.options.setdefault(group, {})[key] = read(text)

    return set_


def _pair(group: str, *way: str) -> Set:
    def set_(mount: Mount, text: str) -> None:
        holder = mount.options.setdefault(group, {})
        for step in way:
            holder = holder.setdefault(step, {})
        key, value = pair(text)
        if key:
            holder[key] = value

    return set_


def _driver(mount: Mount, text: str) -> None:
    mount.options.setdefault("VolumeOptions", {}).setdefault("DriverConfig", {})["Name"] = text


RECURSIVE = {
    "enabled": None,
    "disabled": "NonRecursive",
    "writable": "ReadOnlyNonRecursive",
    "readonly": "ReadOnlyForceRecursive",
}
"""Values of `bind-recursive`, and the options that they are."""


def _recursive(mount: Mount, text: str) -> None:
    if text not in RECURSIVE:
        raise BadValue("bind-recursive is enabled, disabled, writable or readonly")
    option = RECURSIVE[text]
    if option is not None:
        mount.options.setdefault("BindOptions", {})[option] = True


KEYS: dict[str, Set] = {
    "type": _field("Type", _lower),
    "source": _field("Source", _text),
    "src": _field("Source", _text),
    "target": _field("Target", _text),
    "dst": _field("Target", _text),
    "destination": _field("Target", _text),
    "readonly": _field("ReadOnly", _flag),
    "ro": _field("ReadOnly", _flag),
    "consistency": _field("Consistency", _lower),
    "bind-propagation": _option("BindOptions", "Propagation", _lower),
    "bind-recursive": _recursive,
    "bind-create-src": _option("BindOptions", "CreateMountpoint", _flag),
    "bind-nonrecursive": _option("BindOptions", "NonRecursive", _flag),  # the older word for it
    "volume-subpath": _option("VolumeOptions", "Subpath", _text),
    "volume-nocopy": _option("VolumeOptions", "NoCopy", _flag),
    "volume-label": _pair("VolumeOptions", "Labels"),
    "volume-driver": _driver,
    "volume-opt": _pair("VolumeOptions", "DriverConfig", "Options"),
    "image-subpath": _option("ImageOptions", "Subpath", _text),
    "tmpfs-size": _option("TmpfsOptions", "SizeBytes", scalars.size),
    "tmpfs-mode": _option("TmpfsOptions", "Mode", _mode),
}
SWITCHES = frozenset({"readonly", "ro", "volume-nocopy", "bind-create-src", "bind-nonrecursive"})
"""Keys that mean true when they stand alone."""


def mount(text: str) -> dict[str, Any]:
    """Return the API's object for one `--mount`; its source is not yet absolute."""
    made = Mount()
    for each in csv_record.fields(text):
        key, equals, value = each.partition("=")
        if key != key.strip() or value != value.strip():
            raise BadValue(f"blanks around {key.strip()!r} or its value")
        if equals and not value:
            raise BadValue(f"{key} has no value")
        key = key.lower()
        if key not in KEYS:
            raise BadValue(f"unknown key {key!r}")
        if not equals and key not in SWITCHES:
            raise BadValue(f"{key} needs a value")
        KEYS[key](made, value if equals else "true")
    _check(made)
    options = {name: _said(values) for name, values in made.options.items()}
    return _said({**made.fields, **options})


def _check(made: Mount) -> None:
    type_ = made.fields["Type"]
    for group in made.options:
        if GROUPS[group] != type_:
            raise BadValue(f"{GROUPS[group]}-… can't be mixed with type={type_}")
    bind = made.options.get("BindOptions", {})
    read_only = made.fields.get("ReadOnly")
    if bind.get("ReadOnlyNonRecursive") and not read_only:
        raise BadValue("bind-recursive=writable needs readonly")
    if bind.get("ReadOnlyForceRecursive") and not (read_only and bind.get("Propagation") == "rprivate"):
        raise BadValue("bind-recursive=readonly needs readonly and bind-propagation=rprivate")
    if not made.fields.get("Target"):
        raise BadValue("it has no target")


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object without what says nothing."""
    kept = {
        key: _said(value) if isinstance(value, dict) and key == "DriverConfig" else value
        for key, value in values.items()
    }
    return {key: value for key, value in kept.items() if value not in (False, 0, "", {})}


def build(draft: Draft) -> None:
    """Put mounts into `Mounts`, with absolute sources."""
    mounts: list[dict[str, Any]] = []
    for made in draft.given.get("mount", ()):
        source = made.get("Source", "")
        mounts.append({**made, "Source": draft.absolute(source, "--mount")} if source else made)
    draft.host.setdefault("Mounts", []).extend(mounts)


def mounts(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield mounts as `--mount` takes them."""
    for made in (body.get("HostConfig") or {}).get("Mounts") or ():
        yield csv_record.record(list(_fields(made)))


def _fields(made: Mapping[str, Any]) -> Iterator[str]:
    yield f"type={made.get('Type', 'volume')}"
    for key, name in (("Source", "source"), ("Target", "target"), ("Consistency", "consistency")):
        if made.get(key):
            yield f"{name}={made[key]}"
    if made.get("ReadOnly"):
        yield "readonly"
    bind = made.get("BindOptions") or {}
    if bind.get("Propagation"):
        yield f"bind-propagation={bind['Propagation']}"
    yield from (f"bind-recursive={word}" for word, key in RECURSIVE.items() if key and bind.get(key))
    if bind.get("CreateMountpoint"):
        yield "bind-create-src"
    volume = made.get("VolumeOptions") or {}
    if volume.get("Subpath"):
        yield f"volume-subpath={volume['Subpath']}"
    if volume.get("NoCopy"):
        yield "volume-nocopy"
    yield from (f"volume-label={key}={value}" for key, value in (volume.get("Labels") or {}).items())
    driver = volume.get("DriverConfig") or {}
    if driver.get("Name"):
        yield f"volume-driver={driver['Name']}"
    yield from (f"volume-opt={key}={value}" for key, value in (driver.get("Options") or {}).items())
    image = made.get("ImageOptions") or {}
    if image.get("Subpath"):
        yield f"image-subpath={image['Subpath']}"
    tmpfs = made.get("TmpfsOptions") or {}
    if tmpfs.get("SizeBytes"):
        yield f"tmpfs-size={scalars.size_text(tmpfs['SizeBytes'])}"
    if tmpfs.get("Mode"):
        yield f"tmpfs-mode={tmpfs['Mode']:o}"
