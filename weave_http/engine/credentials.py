"""Credentials for registries, from the docker configuration, as `docker login` left them.

The first that has something for a registry counts:

1. `DOCKER_AUTH_CONFIG`, a configuration of its own in a variable, of which only `auths` counts;
2. `credHelpers` of `config.json`: a program for this registry;
3. `credsStore`: a program for all registries;
4. `auths`: user and password in the file itself. As in docker it counts where there is no program, or where the program
   is missing or fails; not where the program knows of no credentials.

The program is `docker-credential-NAME get`, with the registry on stdin. What it writes is shown to nobody: it may be a
secret. The daemon gets the credentials with each call,
as base64url JSON in `X-Registry-Auth`, and keeps nothing.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping

from weave_http import docker_config
from weave_http.docker_config import ReadFile, Warn, config_dir, field, home_of_user, silent
from weave_http.engine.endpoint import read_file
from weave_http.records import dataclass, replace

DOCKER_HUB = "https://index.docker.io/v1/"
"""What Docker Hub is called in configurations."""
_TOKEN_USER = "<token>"  # noqa: S105  the name that says that the secret is an identity token
_HELPER_SECONDS = 60
_NOT_FOUND = "credentials not found in native keychain"
"""All that a helper says when it has nothing for a registry."""

RunHelper = Callable[[str, str], str]
"""Runs `docker-credential-NAME get` (name, registry) and returns its output; raises `HelperFailure`."""


class HelperFailure(Exception):
    """A credential helper is missing or failed; why, as one line."""


class NothingStored(HelperFailure):
    """A credential helper has nothing for the registry."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a registry wants to know.

    Args:
        server: the registry, as images name it.
        username, password: or
        identity_token: a token to get tokens with, or
        registry_token: a token as it is shown to the registry.
    """

    server: str
    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""

    @property
    def document(self) -> dict[str, str]:
        """The API's `AuthConfig`; it has all that there is, and the daemon prefers tokens."""
        fields = {
            "username": self.username,
            "password": self.password,
            "identitytoken": self.identity_token,
            "registrytoken": self.registry_token,
        }
        return {**{name: value for name, value in fields.items() if value}, "serveraddress": self.server}

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
    warn: Warn = silent,
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
        variable, content = "DOCKER_AUTH_CONFIG", environ.get("DOCKER_AUTH_CONFIG", "")
        if content.strip():
            try:
                ours = docker_config.parsed(content.encode(errors="replace"))
            except ValueError as error:
                warn(f"{variable} {error}; going on without it")
            else:
                found = _in_auths(field(ours, "auths"), registry, variable, warn)
                if found is not None:
                    return found
        directory = config_dir(environ, home_of_user)
        path = docker_config.config_file(directory)
        config = docker_config.load(directory, read, warn)
        in_file = _in_auths(field(config, "auths"), registry, path, warn)
        helpers = field(config, "credHelpers")
        own = isinstance(helpers, dict) and isinstance(helpers.get(registry), str)
        helper = helpers[registry] if own else field(config, "credsStore")
        if not isinstance(helper, str) or not helper:
            return in_file
        try:
            stored = _from_helper((run or run_helper)(helper, registry), registry)
        except NothingStored:
            return None
        except HelperFailure as failure:
            warn(f"docker-credential-{helper} has no credentials for {registry}: {failure}; going on with {path}")
            return in_file
        return replace(stored, registry_token=in_file.registry_token) if in_file else stored

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
    except PermissionError as error:
        raise HelperFailure("it may not be executed") from error
    except OSError as error:
        raise HelperFailure(f"it can't be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise HelperFailure(f"it gave no answer within {_HELPER_SECONDS} s") from error
    if done.returncode:
        if done.stdout.strip() == _NOT_FOUND.encode():
            raise NothingStored
        raise HelperFailure(f"its `get` ended with {done.returncode}")
    return done.stdout.decode(errors="replace")


def _from_helper(output: str, registry: str) -> Credentials:
    try:
        value = docker_config.parsed(output.encode())
    except ValueError:
        value = {}
    user, secret = field(value, "Username"), field(value, "Secret")
    if not isinstance(user, str) or not isinstance(secret, str):
        raise HelperFailure("its answer is no credentials")
    if user == _TOKEN_USER:
        return Credentials(registry, identity_token=secret)
    return Credentials(registry, user, secret)


def _in_auths(auths: object, registry: str, origin: str, warn: Warn) -> Credentials | None:
    if not isinstance(auths, dict):
        return None
    entry = auths.get(registry, next((auths[key] for key in auths if _host(key) == registry), None))

    def text(name: str) -> str:
        value = field(entry, name)
        return value if isinstance(value, str) else ""

    user, password = text("username"), text("password")
    if text("auth"):
        try:
            user, password = _decoded(text("auth"))
        except ValueError:
            warn(f"the auth of {registry} in {origin} is not USER:PASSWORD in base64; going on without it")
            return None
    found = Credentials(registry, user, password, text("identitytoken"), text("registrytoken"))
    return found if any((user, found.identity_token, found.registry_token)) else None


def _decoded(auth: str) -> tuple[str, str]:
    """Return user and password; raise `ValueError` if it has none. Ends of lines are no matter."""
    content = base64.b64decode(re.sub(r"[\r\n]", "", auth), validate=True)
    user, colon, password = content.decode(errors="replace").partition(":")
    if not user or not colon:
        raise ValueError("no user")
    return user, password.strip("\0")


def _host(key: str) -> str:
    """Return the host of a key of `auths`, which may be a URL as old versions wrote them."""
    match = re.match(r"(?:[A-Za-z][\w+.-]*://(?:[^/]*@)?)?([^/]*)", key)
    return match[1] if match else key
