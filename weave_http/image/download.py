"""Files over HTTP(S), whole and of a limited size. The environment's proxy and certificates are used."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from weave_http import __version__
from weave_http.errors import WeaveError

_SECONDS = 60.0
"""For which a server may be silent."""
_PROXIES = {"http_proxy", "https_proxy", "all_proxy"}
"""Variables that name one, in small letters or large ones."""


@contextmanager
def open_download() -> Iterator[Callable[[str, int], bytes]]:
    """Return a function `(url, most bytes) → bytes`, which threads may share.

    It raises `WeaveError` when the server can't be reached, refuses, or sends more.

    Raises:
        WeaveError: the environment names certificates or a proxy that are no such thing.
    """
    import httpx

    agent = {"User-Agent": f"weave-http/{__version__}"}
    try:
        made = httpx.Client(timeout=_SECONDS, follow_redirects=True, headers=agent)
    except OSError as error:  # ssl.SSLError among them
        reason = error.strerror or error
        raise WeaveError(
            f"fetching over HTTPS: the certificates that SSL_CERT_FILE names can't be used: {reason}"
        ) from error
    except (ValueError, ImportError, httpx.InvalidURL) as error:  # what it says may hold a password
        found = " and ".join(sorted(name for name in os.environ if name.lower() in _PROXIES))
        raise WeaveError(f"fetching over HTTPS: the proxy that {found} names can't be used") from error
    with made as client:

        def get(url: str, most: int) -> bytes:
            data = bytearray()
            try:
                with client.stream("GET", url) as response:
                    if response.status_code != 200:
                        raise WeaveError(f"fetching {url}: the server answers {response.status_code}")
                    if url.startswith("https:") and response.url.scheme != "https":
                        raise WeaveError(f"fetching {url}: the server leads away from TLS, to {response.url}")
                    for chunk in response.iter_bytes():
                        data += chunk
                        if len(data) > most:
                            raise WeaveError(f"fetching {url}: more than {most >> 20} MiB")
            except httpx.HTTPError as error:
                raise WeaveError(
                    f"fetching {url}: {error or type(error).__name__}", hint="check the network"
                ) from error
            return bytes(data)

        yield get
