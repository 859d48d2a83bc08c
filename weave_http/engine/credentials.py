"""Credentials for registries, from the docker configuration, as `docker login` left them.

The first that has something for a registry counts:

1. `DOCKER_AUTH_CONFIG`, a configuration of its own in a variable, of which only `auths` counts;
2. `credHelpers` of `config.json`: a program for this registry;
3. `credsStore`: a program for all registries;
4. `auths`: user and password in the file itself. Not asked when there is a program, as in docker.

The program is `docker-credential-NAME get`, with the registry on stdin. The daemon gets the credentials with each call,
as base64url JSON in `X-Registry-Auth`, and keeps nothing.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from weave_http.engine.endpoint import ReadFile, config_dir, read_file

DOCKER_HUB = "https://index.docker.io/v1/"
"""What Docker Hub is called in configurations."""
_TOKEN_USER = "<token>"  # noqa: S105  the name that says that the secret is an identity token
_HELPER_SECONDS = 60
_NOT_FOUND = "credentials not found"

RunHelper = Callable[[str, str], str]
"""Runs `docker-credential-NAME get` (name, registry) and returns its output; raises `HelperFailure`."""


class HelperFailure(Exception):
    """A credential helper is missing or failed; its words, as one line."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a registry wants to know.

    Args:
        server: the registry, as the configuration names it.
        username, password: or
        identity_token: a token to get tokens with, instead of both.
    """

    server: str
    username: str = ""
    password: str = ""
    identity_token: str = ""

    @property
    def document(self) -> dict[str, str]:
        """The API's `AuthConfig`."""
        if self.identity_token:
            return {"identitytoken": self.identity_token, "serveraddress": self.server}
        return {"username": self.username, "password": self.password, "serveraddress": self.server}

    def __repr__(self) -> str:
        """Show no secret, in whatever trace it appears."""
        return f"Credentials({self.server!r}, {self.username!r}, …)"


FindCredentials = Callable[[str], Credentials | None]
"""Returns the credentials for a registry (as `registry_of` names it), or None to come as nobody."""


def auth_header(credentials: Credentials | None) -> str:
    """Return the value of `X-Registry-Auth`."""
    return _encoded(credentials.document if credentials else {})


def build_header(credentials: Mapping[str, Credentials]) -> str:
    """Return the value of `X-Registry-Config`: a build may need several registries."""
    return _encoded({server: each.document for server, each in credentials.items()})


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def registry_of(reference: str) -> str:
    """Return the registry that an image reference means, as `registry.example:5000`, or `DOCKER_HUB`."""
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        return DOCKER_HUB if first in ("docker.io", "index.docker.io") else first
    return DOCKER_HUB


def docker_credentials(
    environ: Mapping[str, str],
    *,
    read: ReadFile = read_file,
    run: RunHelper | None = None,
    warn: Callable[[str], None] = lambda _line: None,
) -> FindCredentials:
    """Return what finds credentials in the docker configuration; nothing is read before it is asked.

    Args:
        environ: the environment (`DOCKER_AUTH_CONFIG`, `DOCKER_CONFIG`, `HOME`).
        read: returns a file's content, or None when it is missing.
        run: runs a credential helper; None for a real process.
        warn: takes one line when a helper or a configuration is of no use. As with docker, that is no failure: public
            images need no credentials.
    """

    def find(registry: str) -> Credentials | None:
        path = os.path.join(config_dir(environ), "config.json")
        ours = _object(environ.get("DOCKER_AUTH_CONFIG", "").encode(), "DOCKER_AUTH_CONFIG", warn)
        found = _in_auths(ours.get("auths"), registry)
        if found is not None:
            return found
        config = _object(read(path) or b"", path, warn)
        helpers = config.get("credHelpers")
        helper = (helpers.get(registry) if isinstance(helpers, dict) else None) or config.get("credsStore")
        if not isinstance(helper, str) or not helper:
            return _in_auths(config.get("auths"), registry)
        try:
            return _from_helper((run or run_helper)(helper, registry), registry)
        except HelperFailure as failure:
            if _NOT_FOUND not in str(failure):
                warn(f"docker-credential-{helper} has no credentials for {registry}: {failure}")
            return None

    return find


def run_helper(name: str, registry: str) -> str:
    """Run a credential helper.

    Raises:
        HelperFailure: it is not there, fails, or takes longer than a minute.
    """
    import subprocess

    try:
        done = subprocess.run(
            [f"docker-credential-{name}", "get"],
            input=registry.encode(),
            capture_output=True,
            timeout=_HELPER_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise HelperFailure("it is not installed") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HelperFailure(" ".join(str(error).split())) from error
    if done.returncode:
        # Helpers tell their failures on stdout.
        said = (done.stdout or done.stderr).decode(errors="replace")
        raise HelperFailure(" ".join(said.split())[:200] or f"it ended with {done.returncode}")
    return done.stdout.decode(errors="replace")


def _from_helper(output: str, registry: str) -> Credentials:
    try:
        value = json.loads(output)
        user, secret = str(value["Username"]), str(value["Secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise HelperFailure("its answer is no credentials") from error
    if user == _TOKEN_USER:
        return Credentials(registry, identity_token=secret)
    return Credentials(registry, user, secret)


def _in_auths(auths: object, registry: str) -> Credentials | None:
    if not isinstance(auths, dict):
        return None
    wanted = _host(registry)
    key = registry if registry in auths else next((key for key in auths if _host(key) == wanted), None)
    entry = auths.get(key) if key is not None else None
    if not isinstance(entry, dict):
        return None
    if isinstance(token := entry.get("identitytoken"), str) and token:
        return Credentials(registry, identity_token=token)
    user, password = entry.get("username"), entry.get("password")
    if isinstance(auth := entry.get("auth"), str) and auth:
        user, _, password = _decoded(auth).partition(":")
    if isinstance(user, str) and user and isinstance(password, str):
        return Credentials(registry, user, password.strip("\0"))
    return None


def _decoded(auth: str) -> str:
    try:
        return base64.b64decode(auth, validate=True).decode()
    except ValueError:
        return ""


def _host(key: str) -> str:
    """Return the host of a key of `auths`, which may be a URL as old versions wrote them."""
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _object(content: bytes, origin: str, warn: Callable[[str], None]) -> dict[str, Any]:
    if not content.strip():
        return {}
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        warn(f"{origin} holds no JSON object; there may be credentials missing")
        return {}
    return value
