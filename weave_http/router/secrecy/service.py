"""The password of a running router: what it proves to others, how it is changed, and where it is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import time

from weave_http import atomic
from weave_http.addresses import IP
from weave_http.errors import HostError
from weave_http.operations import passwords
from weave_http.router.blocking import in_thread
from weave_http.router.secrecy.gossip import Change, PasswordGossip
from weave_http.router.secrecy.keyring import Candidate, Keyring
from weave_http.router.secrecy.options import SecrecyOptions

logger = logging.getLogger(__name__)
_MS = 1000
FAR_AHEAD = 2 * 86400.0
"""Seconds by which the clock of a host may be ahead: as for the stamps of facts."""


class Secrecy:
    """The password.

    Args:
        options: what the router was told, with the password that it kept.
        gossip: tells the peers of changes, and hears of theirs.
        folder: where the password is kept.
        changed: called when it is another one.
    """

    def __init__(
        self, options: SecrecyOptions, gossip: PasswordGossip, folder: Path, changed: Callable[[], None]
    ) -> None:
        self.options = options
        self._keyring = options.keyring
        self._kept = options.keyring
        self._gossip = gossip
        self._path = folder / passwords.FILE
        self._changed = changed
        self._lock = asyncio.Lock()
        self._keeping: asyncio.Task[None] | None = None
        gossip.changed = self._heard
        self._say()

    def candidates(self, now: float) -> tuple[Candidate, ...]:
        """Return the passwords to try with somebody, at a time in seconds since 1970."""
        return self._keyring.candidates(now)

    def trusts(self, address: IP) -> bool:
        """Return whether data to a peer of an address may be in the clear, as far as we are concerned."""
        return self.options.trusts(address)

    async def change(self, password: str, grace: float) -> None:
        """Change the password, here and at all peers that are in reach, now or later.

        Args:
            password: the new one.
            grace: seconds for which the one before it is taken, too.

        Raises:
            HostError: it could not be written; nothing was changed.
        """
        now = time()
        moment = max(round(now, 3), self._keyring.changed + 1 / _MS)
        after = self._keyring.replaced(password, moment, now + grace)
        try:
            await self._keep(after)
        except OSError as error:
            raise HostError(f"can't keep the password in {self._path}: {error.strerror}") from error
        self._use(after)

    def _heard(self) -> None:
        """Take over the latest change that peers speak of."""
        latest = max(self._gossip.said, key=lambda change: (change.changed, change.password), default=None)
        if latest is None or latest.changed > (time() + FAR_AHEAD) * _MS:
            return
        after = self._keyring.replaced(latest.password, latest.changed / _MS, latest.until / _MS)
        if after != self._keyring:
            logger.info("the password was changed by a peer")
            self._use(after)
            self._keeping = asyncio.get_running_loop().create_task(self._keep_what_counts())

    def _use(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._say()
        self._changed()

    def _say(self) -> None:
        it = self._keyring
        if it.changed:
            self._gossip.say(Change(it.password, round(it.changed * _MS), round(it.until * _MS)))

    async def _keep_what_counts(self) -> None:
        try:
            await self._keep(self._keyring)
        except OSError as error:
            # It counts all the same; when the router starts again, it is told anew while the old one is taken.
            logger.error("can't keep the new password in %s: %s", self._path, error.strerror)

    async def _keep(self, keyring: Keyring) -> None:
        async with self._lock:
            if keyring.changed >= self._kept.changed:
                await in_thread(partial(atomic.write, self._path, keyring.pack(), mode=0o600))
                self._kept = keyring
