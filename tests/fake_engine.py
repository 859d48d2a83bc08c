"""A fake Docker daemon on a real socket: for tests of our own logic, not of what Docker does.

It keeps just enough state (containers, images, volumes, events) for a command's calls to make sense, records every
request, counts connections, and can be told to misbehave. `program` says what a container writes and how it exits::

    with FakeEngine(tmp_path / "docker.sock") as fake:
        fake.images["busybox:latest"] = {"Id": "sha256:…"}
        fake.program = lambda config: Run(output=[(1, b"hello\\n")], code=3)
        with connect(fake.endpoint) as engine:
            ...
        assert fake.calls() == ["HEAD /_ping", …]

`fake.on("GET", "/containers/x/json", handler)` replaces a route.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import queue
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.engine.fake_server import FakeServer, Recorded, Reply
from weave_http import constants
from weave_http.engine.address import TLSFiles
from weave_http.records import dataclass, field
from weave_http.transcript.routes import ROUTES

__all__ = ["FakeContainer", "FakeEngine", "Recorded", "Reply", "Run", "frame"]


def frame(stream: int, data: bytes) -> bytes:
    """Return a frame of a multiplexed stream."""
    return bytes((stream, 0, 0, 0)) + len(data).to_bytes(4, "big") + data


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)


def _json_lines(*values: object) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\r\n" for value in values)


def _passes(container: FakeContainer, filters: dict[str, list[str]]) -> bool:
    """Tell whether a container is among those that a list's filters choose."""
    labels = container.config.get("Labels") or {}
    chosen = {
        "status": lambda wanted: container.status == wanted,
        "label": lambda wanted: wanted in labels or tuple(wanted.split("=", 1)) in labels.items(),
    }
    return all(any(map(chosen[key], values)) for key, values in filters.items() if key in chosen)


@dataclass
class Run:
    """What a container does once it is started."""

    output: Iterable[tuple[int, bytes]] = ()
    code: int = 0
    until: threading.Event | None = None
    """Runs on until this is set (or it is stopped or killed)."""
    answer: Callable[[bytes], Iterable[tuple[int, bytes]]] | None = None
    """What it writes to each piece of its stdin, until that ends; `b""` is the end."""


@dataclass
class FakeContainer:
    id: str
    name: str
    config: dict[str, Any]
    status: str = "created"
    created: int = field(default_factory=lambda: int(time.time()))
    code: int = 0
    log: list[tuple[int, bytes]] = field(default_factory=list)
    exited: threading.Event = field(default_factory=threading.Event)
    removed: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    signals: list[str] = field(default_factory=list)
    listeners: list[Reply] = field(default_factory=list)
    writing: threading.Lock = field(default_factory=threading.Lock)
    stdin: queue.Queue[bytes] = field(default_factory=queue.Queue)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    mounted: list[str] = field(default_factory=list)
    """Folders at which it has volumes of other containers."""

    @property
    def command(self) -> list[str]:
        """Its program and arguments; images are all weave's."""
        return [*self.config.get("Entrypoint", ["/usr/bin/weave"]), *self.config.get("Cmd", [])]

    @property
    def tty(self) -> bool:
        return bool(self.config.get("Tty"))

    def inspect(self) -> dict[str, Any]:
        running = self.status == "running"
        return {
            "Id": self.id,
            "Name": f"/{self.name}",
            "Path": self.command[0],
            "Args": self.command[1:],
            "State": {
                "Status": self.status,
                "Running": running,
                "Pid": 4242 if running else 0,
                "ExitCode": self.code,
            },
            "Config": {key: value for key, value in self.config.items() if key != "HostConfig"},
            "HostConfig": self.config.get("HostConfig", {}),
            "Image": self.config.get("Image", ""),
            "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.17.0.2"}}},
        }


class FakeEngine(FakeServer):
    """The daemon; use it with `with`.

    Args:
        path: listen on this unix socket; None for TCP on a free port of 127.0.0.1.
        tls: server's SSL context, for TCP.
        client_tls: what a client has to use, for `endpoint`.
        api_version: what `/_ping` says; answers have the shape of that version.
        min_api_version: the oldest that it takes.
        podman: answer as Podman's compatible API does.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        client_tls: TLSFiles | None = None,
        api_version: str = "1.41",
        min_api_version: str = "1.12",
        podman: bool = False,
    ) -> None:
        super().__init__(path, tls, client_tls)
        self.api_version = api_version
        self.min_api_version = min_api_version
        self.podman = podman
        self.images: dict[str, dict[str, Any]] = {}
        self.image_config: dict[str, Any] = {
            "Entrypoint": None,
            "Cmd": ["sh"],
            "Labels": {constants.WAITER_LABEL: constants.WAITER},
        }
        """What images say of themselves that say nothing."""
        self.volumes: dict[str, dict[str, Any]] = {}
        self.containers: dict[str, FakeContainer] = {}
        self.execs: dict[str, FakeContainer] = {}
        self.pullable: set[str] = set()
        self.archive: Iterable[bytes] = ()
        self.program: Callable[[dict[str, Any]], Run] = lambda config: Run()
        self._watchers: list[Reply] = []
        self._telling = threading.Lock()
        self._ids = 0
        self._install()

    def close(self) -> None:
        """End all containers, then the server."""
        self.closing.set()
        for container in [*self.containers.values(), *self.execs.values()]:
            container.stopped.set()
            container.stdin.put(b"")
            container.exited.set()
            container.removed.set()
        super().close()

    def _install(self) -> None:
        handlers = {
            "SystemPing": self._ping,
            "SystemPingHead": self._ping,
            "SystemVersion": self._version,
            "SystemInfo": self._info,
            "SystemEvents": self._events,
            "ContainerCreate": self._create,
            "ContainerList": self._list,
            "ContainerInspect": self._inspect,
            "ContainerLogs": self._logs,
            "ContainerAttach": self._attach,
            "ContainerWait": self._wait,
            "ContainerResize": self._resize,
            "ContainerExec": self._create_exec,
            "ExecStart": self._start_exec,
            "ExecResize": self._resize_exec,
            "ExecInspect": self._inspect_exec,
            "ContainerStart": self._start,
            "ContainerRestart": self._restart,
            "ContainerStop": self._stop,
            "ContainerKill": self._stop,
            "ContainerUpdate": self._update,
            "ContainerRename": self._rename,
            "PutContainerArchive": self._put_archive,
            "ContainerDelete": self._remove,
            "ImageCreate": self._pull,
            "ImageLoad": self._load,
            "ImagePush": self._push,
            "ImageGetAll": self._save,
            "ImageBuild": self._build,
            "ImageList": self._list_images,
            "ImageInspect": self._inspect_image,
            "ImageTag": self._tag,
            "ImageDelete": self._remove_image,
            "VolumeCreate": self._create_volume,
            "VolumeList": self._list_volumes,
            "VolumeInspect": self._inspect_volume,
            "VolumeDelete": self._remove_volume,
        }
        for route in ROUTES:
            if (handler := handlers.pop(route.name, None)) is not None:
                self.on(route.method, route.pattern, handler)
        assert not handlers, f"not in the table of routes: {handlers}"

    @property
    def _spoken(self) -> tuple[int, int]:
        return _version(self.api_version)

    @property
    def _release(self) -> str:
        return "29.0.0" if self._spoken >= (1, 52) else "20.10.24"

    def refusal(self, request: Recorded) -> str:
        """Refuse versions as the daemon does."""
        asked = request.version.removeprefix("v")
        if asked and _version(asked) < _version(self.min_api_version):
            return (
                f"client version {asked} is too old. Minimum supported API version is {self.min_api_version}, "
                "please upgrade your client to a newer version"
            )
        if asked and _version(asked) > self._spoken and not self.podman:
            return f"client version {asked} is too new. Maximum supported API version is {self.api_version}"
        return ""

    def _ping(self, _request: Recorded, reply: Reply) -> None:
        server = "Libpod/5.4.2 (linux)" if self.podman else "Fake/1.0 (linux)"
        reply.send(200, b"OK", Api_Version=self.api_version, Ostype="linux", Server=server)

    def _version(self, _request: Recorded, reply: Reply) -> None:
        value = {"Version": self._release, "ApiVersion": self.api_version, "MinAPIVersion": self.min_api_version}
        reply.json(value | {"Os": "linux", "Arch": "amd64"})

    def _info(self, _request: Recorded, reply: Reply) -> None:
        value = {"ID": "FAKE", "Name": "fake", "Containers": len(self.containers), "ServerVersion": self._release}
        if self._spoken >= (1, 49):
            value["FirewallBackend"] = {"Driver": "nftables" if self._spoken >= (1, 52) else "iptables"}
        reply.json(value)

    def _events(self, _request: Recorded, reply: Reply) -> None:
        with self._telling:  # who has got the head of the answer misses nothing from here on
            reply.begin("application/json")
            self._watchers.append(reply)
        reply.wait(self.closing)

    def emit(self, event: dict[str, Any]) -> None:
        """Tell all who listen to events."""
        with self._telling:
            watchers = list(self._watchers)
        for watcher in watchers:
            with contextlib.suppress(OSError):
                watcher.more(json.dumps(event).encode() + b"\n")

    def _container(self, request: Recorded, reply: Reply) -> FakeContainer | None:
        wanted = unquote(request.path.split("/")[2])
        for container in self.containers.values():
            if wanted == container.name or container.id.startswith(wanted):
                return container
        if self.podman:
            message = f"no such container: {wanted}"
            reply.json({"cause": "no such container", "message": message, "response": 404}, 404)
        else:
            reply.error(404, f"No such container: {wanted}")
        return None

    def _create(self, request: Recorded, reply: Reply) -> None:
        config = request.json
        if config.get("Image") not in self.images:
            reply.error(404, f"No such image: {config.get('Image')}")
            return
        with self._lock:
            self._ids += 1
            identity = hashlib.sha256(str(self._ids).encode()).hexdigest()
        name = request.query.get("name", f"fake_{self._ids}")
        holder = next((each for each in self.containers.values() if each.name == name), None)
        if holder is not None:
            reply.error(
                409,
                f'Conflict. The container name "/{name}" is already in use by container "{holder.id}". You have to '
                "remove (or rename) that container to be able to reuse that name.",
            )
            return
        self.containers[identity] = FakeContainer(identity, name, config)
        self.emit({"Type": "container", "Action": "create", "Actor": {"ID": identity}})
        reply.json({"Id": identity, "Warnings": []}, 201)

    def _list(self, request: Recorded, reply: Reply) -> None:
        reply.json(
            [
                {
                    "Id": each.id,
                    "Names": [f"/{each.name}"],
                    "State": each.status,
                    "Image": each.config.get("Image", ""),
                    "Labels": each.config.get("Labels"),
                    "Command": " ".join(each.config.get("Cmd", []) if self.podman else each.command),
                    "Created": each.created,
                    "Mounts": [{"Destination": path} for path in (*each.config.get("Volumes", {}), *each.mounted)],
                    "NetworkSettings": {
                        "Networks": {each.config.get("HostConfig", {}).get("NetworkMode", "bridge"): {}}
                    },
                }
                for each in self.containers.values()
                if each.status == "running" or request.query.get("all") == "1"
                if _passes(each, json.loads(request.query.get("filters", "{}")))
            ]
        )

    def _update(self, request: Recorded, reply: Reply) -> None:
        if container := self._container(request, reply):
            container.config["HostConfig"] = container.config.get("HostConfig", {}) | request.json
            reply.json({"Warnings": []})

    def _rename(self, request: Recorded, reply: Reply) -> None:
        if container := self._container(request, reply):
            container.name = request.query["name"]
            reply.send(204)

    def _put_archive(self, request: Recorded, reply: Reply) -> None:
        if self._container(request, reply):
            reply.send(200)

    def _inspect(self, request: Recorded, reply: Reply) -> None:
        if container := self._container(request, reply):
            value = container.inspect()
            if self._spoken < (1, 52):
                # Later daemons have the addresses of a container per network only.
                value["NetworkSettings"] |= {"IPAddress": "172.17.0.2", "Gateway": "172.17.0.1", "MacAddress": ""}
            reply.json(value)

    def _output_type(self, container: FakeContainer) -> str:
        raw = container.tty or self._spoken < (1, 42)
        return f"application/vnd.docker.{'raw' if raw else 'multiplexed'}-stream"

    def _attach(self, request: Recorded, reply: Reply) -> None:
        if container := self._container(request, reply):
            if request.headers.get("upgrade") != "tcp":
                with container.writing:  # who has got the head of the answer misses nothing from here on
                    reply.begin(self._output_type(container), chunked=False)
                    container.listeners.append(reply)
                reply.wait(container.exited)
                return
            with container.writing:
                reply.switch(self._output_type(container))
                container.listeners.append(reply)
            self._converse(container, reply, stdin=request.query.get("stdin") == "1")

    def _converse(self, container: FakeContainer, reply: Reply, *, stdin: bool) -> None:
        """Pass a client's input on, until both the input and the program have ended."""
        while data := reply.receive(container.exited):
            if stdin:
                container.stdin.put(data)
        if stdin:
            container.stdin.put(b"")
        container.exited.wait(30)

    def _resize(self, request: Recorded, reply: Reply) -> None:
        if container := self._container(request, reply):
            container.sizes.append((int(request.query["h"]), int(request.query["w"])))
            reply.send(200)

    def _create_exec(self, request: Recorded, reply: Reply) -> None:
        if container := self._container(request, reply):
            if container.status != "running":
                reply.error(409, f"Container {container.id} is not running")
                return
            command = FakeContainer(f"{len(self.execs) + 1:064x}", "", request.json)
            self.execs[command.id] = command
            reply.json({"Id": command.id}, 201)

    def _exec(self, request: Recorded, reply: Reply) -> FakeContainer | None:
        identity = request.path.split("/")[2]
        if identity not in self.execs:
            reply.error(404, f"No such exec instance: {identity}")
        return self.execs.get(identity)

    def _start_exec(self, request: Recorded, reply: Reply) -> None:
        if command := self._exec(request, reply):
            if request.json["Detach"]:
                self._run(command)
                reply.send(200)
                return
            reply.switch(self._output_type(command))
            command.listeners.append(reply)
            self._run(command)
            self._converse(command, reply, stdin=command.config["AttachStdin"])

    def _resize_exec(self, request: Recorded, reply: Reply) -> None:
        if command := self._exec(request, reply):
            command.sizes.append((int(request.query["h"]), int(request.query["w"])))
            reply.send(200)

    def _inspect_exec(self, request: Recorded, reply: Reply) -> None:
        if command := self._exec(request, reply):
            running = command.status == "running"
            reply.json({"ID": command.id, "Running": running, "ExitCode": None if running else command.code})

    def _logs(self, request: Recorded, reply: Reply) -> None:
        if container := self._container(request, reply):
            reply.begin(self._output_type(container))
            tail = request.query.get("tail", "all")
            for stream, data in container.log if tail == "all" else container.log[-int(tail) :]:
                reply.more(data if container.tty else frame(stream, data))
            reply.end()

    def _wait(self, request: Recorded, reply: Reply) -> None:
        if container := self._container(request, reply):
            reply.begin("application/json")
            condition = request.query.get("condition", "not-running")
            if condition == "removed":
                reply.wait(container.removed)
            elif condition == "next-exit" or container.status == "running":
                reply.wait(container.exited)
            if not self.closing.is_set():
                reply.more(json.dumps({"Error": None, "StatusCode": container.code}).encode() + b"\n")
                reply.end()

    def _start(self, request: Recorded, reply: Reply) -> None:
        if container := self._container(request, reply):
            if container.status == "running":
                reply.send(304)
                return
            self._run(container)
            reply.send(204)

    def _restart(self, request: Recorded, reply: Reply) -> None:
        if container := self._container(request, reply):
            self._run(container)
            reply.send(204)

    def _run(self, container: FakeContainer) -> None:
        container.status = "running"
        container.exited = threading.Event() if container.exited.is_set() else container.exited
        container.stopped.clear()
        self.emit({"Type": "container", "Action": "start", "Actor": {"ID": container.id}})
        self.spawn(self._execute, container, self.program(container.config))

    def _execute(self, container: FakeContainer, run: Run) -> None:
        for stream, data in run.output:
            self._write(container, stream, data)
        while run.answer is not None:
            heard = container.stdin.get()
            for stream, data in run.answer(heard):
                self._write(container, stream, data)
            if not heard:
                break
        container.code = run.code
        while run.until is not None and not run.until.wait(0.01):
            if container.stopped.is_set():
                break
        container.status = "exited"
        container.listeners.clear()
        container.exited.set()
        self.emit({"Type": "container", "Action": "die", "Actor": {"ID": container.id}})
        if container.config.get("HostConfig", {}).get("AutoRemove"):
            self.containers.pop(container.id, None)
            container.removed.set()

    def _write(self, container: FakeContainer, stream: int, data: bytes) -> None:
        container.log.append((stream, data))
        with container.writing:
            listeners = list(container.listeners)
        for listener in listeners:
            with contextlib.suppress(OSError):
                listener.more(data if container.tty else frame(stream, data))

    def _stop(self, request: Recorded, reply: Reply) -> None:
        if container := self._container(request, reply):
            if container.status != "running":
                if request.path.endswith("/stop"):
                    reply.send(304)
                else:
                    reply.error(
                        409, f"Cannot kill container: {container.name}: Container {container.id} is not running"
                    )
                return
            container.signals.append(request.query.get("signal", "TERM"))
            container.stopped.set()
            container.exited.wait(5)
            reply.send(204)

    def _remove(self, request: Recorded, reply: Reply) -> None:
        if container := self._container(request, reply):
            if container.status == "running":
                if request.query.get("force") != "1":
                    reply.error(409, f"You cannot remove a running container {container.id}.")
                    return
                container.stopped.set()
                container.exited.wait(5)
            self.containers.pop(container.id, None)
            container.removed.set()
            reply.send(204)

    def _push(self, request: Recorded, reply: Reply) -> None:
        name = f"{self._image_name(request, '/push')}:{request.query['tag']}"
        if name not in self.images:
            reply.error(404, f"An image does not exist locally with the tag: {name}")
            return
        if "x-registry-auth" not in request.headers:
            reply.error(400, "Bad parameters and missing X-Registry-Auth: EOF")
            return
        reply.begin("application/json")
        if request.headers["x-registry-auth"] == "e30=":
            reply.more(_json_lines({"status": "Preparing"}, {"errorDetail": {"message": "denied: who are you?"}}))
        else:
            result = {"Tag": request.query["tag"], "Digest": "sha256:dd", "Size": 5}
            reply.more(_json_lines({"status": "Pushed", "id": "aaaa"}, {"progressDetail": {}, "aux": result}))
        reply.end()

    def _save(self, request: Recorded, reply: Reply) -> None:
        names = [value for name, value in parse_qsl(urlsplit(request.target).query) if name == "names"]
        if missing := next((name for name in names if name not in self.images), None):
            reply.error(404, f"reference does not exist: {missing}")
            return
        reply.begin("application/x-tar")
        reply.more(b"manifest.json " + " ".join(names).encode())
        for piece in self.archive:
            reply.more(piece)
        reply.end()

    def _build(self, request: Recorded, reply: Reply) -> None:
        reply.begin("application/json")
        reply.more(_json_lines({"stream": "Step 1/1 : FROM scratch"}))
        if b"RUN false" in request.body:
            reply.more(_json_lines({"errorDetail": {"code": 1, "message": "The command 'false' returned: 1"}}))
        else:
            identity = f"sha256:{request.sha256}"
            self.images[request.query.get("t", identity)] = {"Id": identity}
            reply.more(_json_lines({"aux": {"ID": identity}}, {"stream": "Successfully built\n"}))
        reply.end()

    def _import(self, request: Recorded, reply: Reply) -> None:
        identity = f"sha256:{request.sha256}"
        self.images[f"{request.query['repo']}:{request.query['tag']}"] = {"Id": identity}
        reply.begin("application/json")
        reply.more(_json_lines({"status": identity}))
        reply.end()

    def _pull(self, request: Recorded, reply: Reply) -> None:
        if "fromSrc" in request.query:
            self._import(request, reply)
            return
        reference = f"{request.query['fromImage']}:{request.query.get('tag', 'latest')}"
        if reference not in self.pullable:
            reply.error(404, f"pull access denied for {request.query['fromImage']}, repository does not exist")
            return
        reply.begin("application/json")
        for step in (
            {"status": f"Pulling from {request.query['fromImage']}", "id": request.query.get("tag")},
            {"status": "Downloading", "progressDetail": {"current": 5, "total": 10}, "id": "aaaa"},
            {"status": f"Status: Downloaded newer image for {reference}"},
        ):
            reply.more(json.dumps(step).encode() + b"\r\n")
        self.images[reference] = {"Id": "sha256:" + hashlib.sha256(reference.encode()).hexdigest()}
        reply.end()

    def _load(self, request: Recorded, reply: Reply) -> None:
        reply.begin("application/json")
        if b"manifest.json" not in request.body:
            reply.more(
                b'{"errorDetail":{"message":"unrecognized image format"},"error":"unrecognized image format"}\r\n'
            )
        else:
            self.images["loaded:latest"] = {"Id": f"sha256:{request.sha256}"}
            reply.more(b'{"stream":"Loaded image: loaded:latest\\n"}\r\n')
        reply.end()

    def _list_images(self, request: Recorded, reply: Reply) -> None:
        if "dangling" in request.query.get("filters", ""):  # every image here has a name
            reply.json([])
            return
        reply.json([{"RepoTags": [name], **value} for name, value in self.images.items()])

    def _image_name(self, request: Recorded, suffix: str) -> str:
        return unquote(request.path.removeprefix("/images/").removesuffix(suffix))

    def _inspect_image(self, request: Recorded, reply: Reply) -> None:
        name = self._image_name(request, "/json")
        if name in self.images:
            reply.json({"Config": self.image_config} | self.images[name])
        else:
            reply.error(404, f"No such image: {name}")

    def _tag(self, request: Recorded, reply: Reply) -> None:
        name = self._image_name(request, "/tag")
        if name in self.images:
            self.images[f"{request.query['repo']}:{request.query['tag']}"] = self.images[name]
            reply.send(201)
        else:
            reply.error(404, f"No such image: {name}")

    def _remove_image(self, request: Recorded, reply: Reply) -> None:
        name = self._image_name(request, "")
        if self.images.pop(name, None) is None:
            reply.error(404, f"No such image: {name}")
        else:
            reply.json([{"Untagged": name}])

    def _create_volume(self, request: Recorded, reply: Reply) -> None:
        value = request.json
        reply.json(self.volumes.setdefault(value["Name"], {**value, "Driver": "local"}), 201)

    def _list_volumes(self, _request: Recorded, reply: Reply) -> None:
        reply.json({"Volumes": list(self.volumes.values()) or None, "Warnings": None})

    def _inspect_volume(self, request: Recorded, reply: Reply) -> None:
        name = unquote(request.path.split("/")[2])
        if name in self.volumes:
            reply.json(self.volumes[name])
        else:
            reply.error(404, f"get {name}: no such volume")

    def _remove_volume(self, request: Recorded, reply: Reply) -> None:
        name = unquote(request.path.split("/")[2])
        if self.volumes.pop(name, None) is None and request.query.get("force") != "1":
            reply.error(404, f"get {name}: no such volume")
        else:
            reply.send(204)
