"""Devices: `--device` (also by CDI names), `--gpus`, and limits of block devices."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from weave_http.run_args import csv_record, scalars
from weave_http.run_args.draft import Draft
from weave_http.run_args.kinds import pair
from weave_http.run_args.wrong import BadValue

_CDI = re.compile(
    r"[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?/[A-Za-z](?:[A-Za-z0-9_-]*[A-Za-z0-9])?"
    r"=[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?"
)
"""vendor/class=name of the Container Device Interface."""
_RULE = re.compile(r"[acb] (?:[0-9]+|\*):(?:[0-9]+|\*) [rwm]{1,3}")
CDI_DRIVER = "cdi"
ALL_PERMISSIONS = "rwm"
MIN_WEIGHT, MAX_WEIGHT = 10, 1000


def is_permissions(text: str) -> bool:
    """Tell whether a text is some of r, w and m, each at most once."""
    return bool(text) and set(text) <= set(ALL_PERMISSIONS) and len(set(text)) == len(text)


def device(text: str) -> dict[str, str]:
    """Return the mapping of `source[:target][:permissions]`."""
    parts = text.split(":")
    if len(parts) > 3 or not parts[0]:
        raise BadValue("expected source[:target][:permissions]")
    source, target, permissions = parts[0], "", ALL_PERMISSIONS
    if len(parts) == 3:
        target, permissions = parts[1:]
        if not is_permissions(permissions):
            raise BadValue("permissions are some of r, w and m")
    elif len(parts) == 2 and is_permissions(parts[1]):
        permissions = parts[1]
        source = _clean(source)
    elif len(parts) == 2:
        target = _clean(parts[1])
    else:
        source = _clean(source)
    if not (target or (source if len(parts) < 3 else "")).startswith("/"):
        raise BadValue("the path in the container is not absolute")
    return {"PathOnHost": source, "PathInContainer": target or source, "CgroupPermissions": permissions}


def _clean(path: str) -> str:
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def build(draft: Draft) -> None:
    """Put devices into `Devices`, or `DeviceRequests` where a CDI name was given; GPUs are requests, too."""
    requests: list[dict[str, Any]] = list(draft.given.get("gpus", ()))
    names: list[str] = []
    devices: list[dict[str, str]] = []
    if draft.around.os_type == "windows":
        devices = [{"PathOnHost": text} for text in draft.texts("device")]
    else:
        for text in draft.texts("device"):
            if _CDI.fullmatch(text):
                names.append(text)
            else:
                devices.append(draft.one("device", text, device))
    if names:
        requests.append({"Driver": CDI_DRIVER, "DeviceIDs": names})
    if devices:
        draft.host["Devices"] = devices
    if requests:
        draft.host["DeviceRequests"] = requests


def gpus(text: str) -> dict[str, Any]:
    """Return the request of one `--gpus`: `all`, a number, or a record of driver, count, device, …"""
    request: dict[str, Any] = {}
    seen: set[str] = set()
    for field in csv_record.fields(text):
        key, equals, value = field.partition("=")
        if key in seen:
            raise BadValue(f"{key!r} is given twice")
        seen.add(key)
        if not equals:
            seen.add("count")
            request["Count"] = _count(key)
        elif key == "driver":
            request["Driver"] = value
        elif key == "count":
            request["Count"] = _count(value)
        elif key == "device":
            request["DeviceIDs"] = value.split(",")
        elif key == "capabilities":
            request["Capabilities"] = [[*value.split(","), "gpu"]]
        elif key == "options":
            request["Options"] = dict(map(pair, csv_record.fields(value)))
        else:
            raise BadValue(f"unknown key {key!r}")
    if "count" not in seen and "DeviceIDs" not in request:
        request["Count"] = 1
    request.setdefault("Capabilities", [["gpu"]])
    return {key: value for key, value in request.items() if value not in (0, "", [], {})}


def _count(text: str) -> int:
    return -1 if text == "all" else scalars.decimal_integer(text)


def cgroup_rule(text: str) -> str:
    """Check a rule of the devices cgroup: `c 1:* rw`."""
    if not _RULE.fullmatch(text):
        raise BadValue("expected TYPE MAJOR:MINOR MODE, as in 'c 1:* rwm'")
    return text


def _of_device(read: Callable[[str], int], key: str) -> Callable[[str], dict[str, Any]]:
    def of_device(text: str) -> dict[str, Any]:
        path, colon, value = text.partition(":")
        if not colon or not path.startswith("/dev/"):
            raise BadValue("expected /dev/DEVICE:VALUE")
        return {"Path": path, key: read(value)}

    return of_device


def weight(text: str) -> int:
    """Return a weight of block I/O: 0, or 10 to 1000."""
    value = scalars.decimal_integer(text, 0, 2**16 - 1)
    if value and not MIN_WEIGHT <= value <= MAX_WEIGHT:
        raise BadValue(f"a weight is 0, or {MIN_WEIGHT} to {MAX_WEIGHT}")
    return value


device_weight = _of_device(weight, "Weight")
bytes_per_second = _of_device(scalars.size, "Rate")
operations_per_second = _of_device(lambda text: scalars.decimal_integer(text, 0, 2**64 - 1), "Rate")


# -- back from a body -------------------------------------------------------------------------------------


def _host(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return body.get("HostConfig") or {}


def devices(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield devices as `--device` takes them."""
    for each in _host(body).get("Devices") or ():
        parts = (each.get("PathOnHost"), each.get("PathInContainer"), each.get("CgroupPermissions"))
        if parts[0] == parts[1]:
            parts = (parts[0], None, None if parts[2] == ALL_PERMISSIONS else parts[2])
        elif parts[2] == ALL_PERMISSIONS:
            parts = (*parts[:2], None)
        yield ":".join(part for part in parts if part)
    for request in _host(body).get("DeviceRequests") or ():
        if request.get("Driver") == CDI_DRIVER:
            yield from request.get("DeviceIDs") or ()


def gpu_requests(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield requests as `--gpus` takes them."""
    for request in _host(body).get("DeviceRequests") or ():
        if request.get("Driver") != CDI_DRIVER:
            yield csv_record.record(list(_gpu_fields(request)))


def _gpu_fields(request: Mapping[str, Any]) -> Iterator[str]:
    count = request.get("Count", 0)
    ids = request.get("DeviceIDs")
    if count or not ids:
        yield f"count={'all' if count == -1 else count}"
    if request.get("Driver"):
        yield f"driver={request['Driver']}"
    if ids:
        yield f"device={','.join(ids)}"
    words = [word for words in request.get("Capabilities") or () for word in words]
    if words not in ([], ["gpu"]):
        yield f"capabilities={','.join(words[:-1])}"
    if request.get("Options"):
        yield "options=" + csv_record.record([f"{key}={value}" for key, value in request["Options"].items()])


def of_device(field: str, key: str) -> Callable[[Mapping[str, Any]], Iterable[str]]:
    """Return what finds limits of devices as the values of an option."""

    def back(body: Mapping[str, Any]) -> Iterator[str]:
        for each in _host(body).get(field) or ():
            yield f"{each['Path']}:{each[key]}"

    return back
