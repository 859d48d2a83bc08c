"""What a router that encrypts was told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weave_http.addresses import IP, Network
from weave_http.errors import HostError
from weave_http.operations import passwords
from weave_http.records import dataclass
from weave_http.router.secrecy.keyring import Keyring, read


@dataclass(frozen=True, slots=True)
class SecrecyOptions:
    """How a router with a password treats peers.

    Args:
        keyring: the password, and the one before it.
        trusted: subnets whose peers' data may be in the clear.
    """

    keyring: Keyring
    trusted: tuple[Network, ...] = ()

    def trusts(self, address: IP) -> bool:
        """Return whether data to a peer of an address may be in the clear, as far as we are concerned."""
        return any(address in network for network in self.trusted)


def from_flags(values: Mapping[str, Any]) -> SecrecyOptions | None:
    """Return the options, None when there is no password in the router's state.

    Args:
        values: of the router's flags, by name.

    Raises:
        HostError: there may be one, and it can't be read: a router that was meant to encrypt doesn't go without.
    """
    path: Path = values["state-dir"] / passwords.FILE
    try:
        keyring = read(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else "") or str(error)
        hint = "set it anew: weave stop, weave launch --password-file FILE"
        raise HostError(f"can't read the password in {path}: {why}", hint=hint) from error
    return SecrecyOptions(keyring, values["trusted-subnets"]) if keyring else None
