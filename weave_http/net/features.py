"""What a device leaves to others, or does for them: checksums, cutting packets up, joining them (`ethtool -k`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from weave_http.errors import HostError


def active(device: str, feature: str) -> bool:
    """Tell whether a device of the calling thread's namespace has a feature on; one that it does not know is off.

    Args:
        device: name of the device.
        feature: as the kernel calls it, `tx-udp-segmentation` for example.

    Raises:
        HostError: there is no such device, or it can't tell.
    """
    with _opened(device) as opened:
        found = opened.get_features()
        return feature in found and bool(found[feature])


def switch(device: str, *, on: Iterable[str] = (), off: Iterable[str] = ()) -> None:
    """Switch features of a device on and off. Converges.

    Args:
        device: name of the device, of the calling thread's namespace.
        on: names of features.
        off: names of others.

    Raises:
        HostError: there is no such device, or no such feature, or it can't be switched.
    """
    with _opened(device) as opened:
        found = opened.get_features()
        wanted = {**dict.fromkeys(on, True), **dict.fromkeys(off, False)}
        if missing := [name for name in wanted if name not in found]:
            raise HostError(f"{device}: this kernel has no {', '.join(missing)}")
        for name, value in wanted.items():
            found[name] = value
        opened.set_features(found)


@contextmanager
def _opened(device: str) -> Iterator[Any]:
    from pyroute2.ethtool.ioctl import EthtoolError, IoctlEthtool  # 40 ms, for those alone who have a tunnel

    try:
        with closing(IoctlEthtool(device)) as opened:
            yield opened
    except (EthtoolError, OSError) as error:
        raise HostError(f"{device}: its features can't be read or switched: {error or type(error).__name__}") from error
