"""Images: `/images/…`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weave_http.engine.body_streams import ByteStream, ObjectStream
from weave_http.engine.credentials import auth_header, build_header, registry_of
from weave_http.engine.errors import InvalidReference
from weave_http.engine.progress import Progress, progress
from weave_http.engine.reference import image_path, json_filters, split_image
from weave_http.engine.wire.contract import Patience

if TYPE_CHECKING:
    from weave_http.engine.client import Engine

_TAR = (("Content-Type", "application/x-tar"),)


class Images:
    """The calls on images. A reference is `name[:tag]`, `name@digest` or an id."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def inspect(self, reference: str) -> dict[str, Any]:
        """`GET /images/{name}/json`."""
        return self._engine.call_json("GET", f"/images/{image_path(reference)}/json")

    def pull(self, reference: str, *, platform: str | None = None) -> ObjectStream[Progress]:
        """`POST /images/create?fromImage=…&tag=…`: let the daemon pull an image; read the progress to its end.

        The daemon gets the credentials for the registry, if the client was given a way to find some.

        Args:
            reference: without tag or digest it means `latest`.
            platform: `OS/ARCH`; None for the daemon's own.

        Raises:
            StreamError: while reading, if the pull fails after its begin.
        """
        name, tag = split_image(reference)
        query = (("fromImage", name), ("tag", tag)) + ((("platform", platform),) if platform else ())
        credentials = self._engine.credentials(registry_of(name))
        headers = (("X-Registry-Auth", auth_header(credentials)),) if credentials else ()
        response = self._engine.send("POST", "/images/create", query=query, headers=headers, patience=Patience.LONG)
        return ObjectStream(response, progress)

    def push(self, reference: str) -> ObjectStream[Progress]:
        """`POST /images/{name}/push`: let the daemon bring an image to its registry; read the progress to its end.

        Args:
            reference: `name[:tag]`; without a tag `latest`. Its name says which registry.

        Raises:
            StreamError: while reading, if the registry does not take it.
        """
        name, tag = split_image(reference)
        if ":" in tag:
            raise InvalidReference(f"{reference!r} can't be pushed: it is a digest", hint="give it a tag first")
        # Without any credentials the header is there as well: older daemons insist on it.
        header = auth_header(self._engine.credentials(registry_of(name)))
        response = self._engine.send(
            "POST",
            f"/images/{image_path(name)}/push",
            query=(("tag", tag),),
            headers=(("X-Registry-Auth", header),),
            patience=Patience.LONG,
        )
        return ObjectStream(response, progress)

    def save(self, references: Sequence[str]) -> ByteStream:
        """`GET /images/get?names=…`: an image archive (tar) as `load` takes it, with all of the images.

        Args:
            references: one or more; those by name keep their tags.

        Raises:
            InvalidReference: there is none, and nothing to save.
        """
        for reference in references or [""]:
            image_path(reference)
        query = tuple(("names", reference) for reference in references)
        return ByteStream(self._engine.send("GET", "/images/get", query=query, patience=Patience.LONG))

    def build(
        self,
        context: Iterable[bytes],
        *,
        tags: Sequence[str] = (),
        dockerfile: str = "Dockerfile",
        arguments: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        target: str = "",
        platform: str = "",
        cache: bool = True,
        pull: bool = False,
        registries: Sequence[str] = (),
    ) -> ObjectStream[Progress]:
        """`POST /build`: build an image with the daemon's classic builder; read the progress to its end.

        The last result has the image's id as `ID`.

        Args:
            context: a tar archive, may be compressed, as it comes.
            tags: names of the image.
            dockerfile: its path in the archive.
            arguments: of the build (`ARG`).
            labels: of the image.
            target: the stage to build; empty for the last.
            platform: `OS/ARCH`; empty for the daemon's own.
            cache: whether layers of earlier builds may be used.
            pull: whether base images are looked for anew.
            registries: hosts whose credentials the build needs, as `registry.example`, or `DOCKER_HUB`.

        Raises:
            StreamError: while reading, if a step fails; the output of the step came before.
        """
        for tag in tags:
            split_image(tag)
        options = [*(("t", tag) for tag in tags), ("dockerfile", dockerfile), ("rm", "1"), ("forcerm", "1")]
        if arguments:
            options.append(("buildargs", json.dumps(dict(arguments))))
        if labels:
            options.append(("labels", json.dumps(dict(labels))))
        given = (("target", target), ("platform", platform), ("nocache", "" if cache else "1"))
        options += [(key, value) for key, value in (*given, ("pull", "1" if pull else "")) if value]
        found = {server: self._engine.credentials(server) for server in registries}
        known = {server: credentials for server, credentials in found.items() if credentials}
        response = self._engine.send(
            "POST",
            "/build",
            query=tuple(options),
            headers=(*_TAR, ("X-Registry-Config", build_header(known))),
            body=context,
            patience=Patience.LONG,
        )
        return ObjectStream(response, progress)

    def import_root(
        self, chunks: Iterable[bytes], reference: str, *, changes: Sequence[str] = (), message: str = ""
    ) -> ObjectStream[Progress]:
        """`POST /images/create?fromSrc=-`: make an image of a root file system; the last text is its id.

        Args:
            chunks: a tar archive, may be compressed, as it comes.
            reference: the image's `name[:tag]`; without a tag `latest`.
            changes: lines of a Dockerfile, as `CMD ["sh"]`.
            message: what its history says.

        Raises:
            StreamError: while reading, if the archive is none.
        """
        name, tag = split_image(reference)
        query = (("fromSrc", "-"), ("repo", name), ("tag", tag), *(("changes", change) for change in changes))
        response = self._engine.send(
            "POST",
            "/images/create",
            query=(*query, ("message", message)) if message else query,
            headers=_TAR,
            body=chunks,
            patience=Patience.LONG,
        )
        return ObjectStream(response, progress)

    def load(self, chunks: Iterable[bytes], *, quiet: bool = False) -> ObjectStream[Progress]:
        """`POST /images/load`: send an image archive (tar, may be compressed), as it comes; returns once it is sent.

        Args:
            chunks: the archive; what it raises ends the call as it is.
            quiet: no progress of the layers, only the names loaded.

        Raises:
            StreamError: while reading, if the archive is not what the daemon expects.
        """
        response = self._engine.send(
            "POST",
            "/images/load",
            query=(("quiet", "1" if quiet else "0"),),
            headers=_TAR,
            body=chunks,
            patience=Patience.LONG,
        )
        return ObjectStream(response, progress)

    def tag(self, reference: str, target: str) -> None:
        """`POST /images/{name}/tag`: give an image another name.

        Args:
            target: `name[:tag]`; without a tag `latest`.
        """
        name, tag = split_image(target)
        self._engine.call(
            "POST",
            f"/images/{image_path(reference)}/tag",
            query=(("repo", name), ("tag", tag)),
            patience=Patience.LONG,
        )

    def remove(self, reference: str, *, force: bool = False) -> list[dict[str, Any]]:
        """`DELETE /images/{name}`: returns what was untagged and deleted.

        Args:
            force: also if stopped containers use it.
        """
        return self._engine.call_list(
            "DELETE",
            f"/images/{image_path(reference)}",
            query=(("force", "1"),) if force else (),
            patience=Patience.LONG,
        )

    def list(self, *, all: bool = False, filters: Mapping[str, list[str]] | None = None) -> list[dict[str, Any]]:
        """`GET /images/json`.

        Args:
            all: also intermediate ones.
            filters: as `{"reference": ["weavehttp/weave"]}`.
        """
        query = ((("all", "1"),) if all else ()) + json_filters(filters)
        return self._engine.call_list("GET", "/images/json", query=query)
