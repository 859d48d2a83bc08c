"""`password`: the router takes another password, and tells the other hosts."""

from __future__ import annotations

from weave_http.errors import UsageError
from weave_http.host.host import Host
from weave_http.operations import Password, passwords


def run(host: Host, op: Password) -> None:
    """Change the password.

    Raises:
        UsageError: there is no new one, or it is none.
        HostError: no router runs, it has no password, or it can't keep the new one; nothing was changed.
    """
    given = host.env.get("WEAVE_PASSWORD")
    if not given:
        raise UsageError("no new password given", hint="expected --password-file FILE, or WEAVE_PASSWORD")
    new = passwords.check(given)
    if weak := passwords.warning(new):
        host.warn(weak)
    host.router.change_password(new, op.grace)
