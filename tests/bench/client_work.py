"""One client at work, in a process of its own: `python -m tests.bench.client_work CLIENT WORK NUMBER CONTAINER`.

The daemon is the environment's. Prints a line of JSON: seconds that the work took, seconds of the processor, memory in
KiB before and at most. Imports and the connection come before; both cost once, the work is what there is much of.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weave_http.engine.connecting import Carrier


def memory(field: str) -> int:
    """Return KiB of this process's memory: `VmRSS` now, `VmHWM` at most."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


class Clock:
    """Measures what is done between `start` and `stop`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.processor = 0.0
        self.before = 0
        self._begun = self._used = 0.0

    def start(self) -> None:
        self.before = memory("VmRSS")
        self._begun = time.perf_counter()
        self._used = time.process_time()

    def stop(self) -> None:
        self.seconds = time.perf_counter() - self._begun
        self.processor = time.process_time() - self._used


def weave(work: str, number: int, container: str, clock: Clock) -> None:
    """Weave's own client, calls by the packages."""
    _weave("packages", work, number, container, clock)


def weave_wire(work: str, number: int, container: str, clock: Clock) -> None:
    """Weave's own client, all by its own wire: one thread."""
    _weave("wire", work, number, container, clock)


def _weave(transport: Carrier, work: str, number: int, container: str, clock: Clock) -> None:
    from weave_http import connect, resolve_endpoint

    with connect(resolve_endpoint(os.environ), transport=transport) as engine:
        engine.containers.inspect(container)
        clock.start()
        if work == "inspect":
            for _ in range(number):
                engine.containers.inspect(container)
        else:
            with engine.containers.wait_all([container] * number) as waits:
                engine.containers.kill(container)
                waits.results()
        clock.stop()


def docker_py(work: str, number: int, container: str, clock: Clock) -> None:
    """docker-py, by its lower layer; for waits a thread each, as it has no other way."""
    client: Any = _docker_py_client("auto")
    client.inspect_container(container)
    clock.start()
    if work == "inspect":
        for _ in range(number):
            client.inspect_container(container)
    else:
        ready = threading.Barrier(number + 1)

        def wait() -> None:
            # A client is for one thread; its pool would hold ten connections only, too.
            own: Any = _docker_py_client(client.api_version)
            ready.wait()
            own.wait(container)
            own.close()

        threads = [threading.Thread(target=wait) for _ in range(number)]
        for thread in threads:
            thread.start()
        ready.wait()
        _when_waiting(number, lambda: client.kill(container))
        for thread in threads:
            thread.join()
    clock.stop()
    client.close()


def _docker_py_client(version: str) -> Any:
    import docker
    import docker.tls

    folder = os.environ.get("DOCKER_CERT_PATH")
    tls: Any = None
    if folder:  # its own reading of the environment does not find the authority
        certificate = (f"{folder}/cert.pem", f"{folder}/key.pem")
        tls = docker.tls.TLSConfig(client_cert=certificate, ca_cert=f"{folder}/ca.pem", verify=True)
    return docker.APIClient(base_url=os.environ["DOCKER_HOST"], version=version, tls=tls)


def aiodocker(work: str, number: int, container: str, clock: Clock) -> None:
    """aiodocker: one thread, tasks."""
    asyncio.run(_aiodocker(work, number, container, clock))


async def _aiodocker(work: str, number: int, container: str, clock: Clock) -> None:
    import aiodocker as library
    import aiohttp

    url, context = os.environ["DOCKER_HOST"], None
    connector: Any = None
    if url.startswith("unix://"):
        connector = aiohttp.UnixConnector(url.removeprefix("unix://"), limit=0)
        url = "unix://localhost"
    else:
        folder = Path(os.environ["DOCKER_CERT_PATH"])
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        url = url.replace("tcp://", "https://")
    async with library.Docker(url=url, connector=connector) as client:
        one: Any = client.containers.container(container)
        await one.show()
        clock.start()
        if work == "inspect":
            for _ in range(number):
                await one.show()
        else:
            waits = [asyncio.ensure_future(one.wait()) for _ in range(number)]
            await asyncio.to_thread(_when_waiting, number, lambda: None)
            await one.kill()
            await asyncio.gather(*waits)
        clock.stop()
    await connector.close()


def _when_waiting(number: int, then: Callable[[], object]) -> None:
    """Do something once that many connections are open."""
    while sum(1 for _ in Path("/proc/self/fd").iterdir()) < number:
        time.sleep(0.001)
    then()


CLIENTS = {"weave": weave, "weave-wire": weave_wire, "docker-py": docker_py, "aiodocker": aiodocker}


def main(client: str, work: str, number: str, container: str) -> None:
    """Do the work and print the figures."""
    clock = Clock()
    CLIENTS[client](work, int(number), container, clock)
    times = {"seconds": clock.seconds, "processor": clock.processor}
    print(json.dumps(times | {"before": clock.before, "most": memory("VmHWM")}))


if __name__ == "__main__":
    main(*sys.argv[1:])
