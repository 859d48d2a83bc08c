"""Records every command against real engines: `python -m tests.transcript.record [ENGINE ROOT…]`.

Starts a sandbox host of its own for each and writes `fixtures/<engine>-<version>/<command>.json`.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from pathlib import Path

from weave_http.commands import Caller, perform, setup
from weave_http.engine import connect, resolve_endpoint
from weave_http.engine.wire.contract import Transport
from weave_http.errors import WeaveError
from weave_http.image import build_guest_image, build_image
from weave_http.operations import parse
from weave_http.sandbox import Sandbox
from weave_http.transcript.recorder import Normalizer, Recorder

PROJECT = Path(__file__).parents[2]
FIXTURES = PROJECT / "fixtures"
CACHE = PROJECT / "build" / "cache" / "weave-http"
GUEST = "weave-guest:latest"
ADDRESS = "198.51.100.7"

DAY: tuple[tuple[str, str], ...] = (
    ("setup", "setup"),
    ("launch", f"launch {ADDRESS}"),
    ("launch-twice", "launch"),
    ("run", f"run --without-dns 10.2.1.1/24 --name c1 -e DB_TOKEN=x {GUEST} sleep 3600"),
    ("run-no-program", f"run --without-dns 10.2.1.2/24 {GUEST} no-such-program"),
    ("attach", "attach 10.2.2.1/24 c1"),
    ("attach-nobody", "attach 10.2.2.1/24 nobody"),
    ("ps", "ps"),
    ("warm-ps", "ps"),
    ("warm-attach", "attach 10.2.2.1/24 c1"),
    ("warm-status", "status targets"),
    ("warm-attach-nobody", "attach 10.2.2.1/24 nobody"),
    ("detach", "detach 10.2.2.1/24 c1"),
    ("expose", "expose 10.2.1.254/24"),
    ("hide", "hide 10.2.1.254/24"),
    ("dns-args", "dns-args"),
    ("rmpeer", "rmpeer nobody"),
    ("connect", f"connect {ADDRESS}"),
    ("status", "status targets"),
    ("forget", f"forget {ADDRESS}"),
    ("version", "version"),
    ("stop", "stop"),
    ("stop-twice", "stop"),
    ("reset", "reset --force"),
)


def main(engine_root: Path) -> None:
    """Record all of the day on one engine."""
    state = Path("/var/lib/weave-record")
    sandbox = Sandbox(state_dir=state, name="wr", subnet="10.96.0.0/16")
    sandbox.down()
    CACHE.mkdir(parents=True, exist_ok=True)
    archives = [
        build_image(CACHE / "weave.tar", cache=CACHE, report=print).path,
        build_guest_image(CACHE / "guest.tar", cache=CACHE, report=print).path,
    ]
    try:
        sandbox.up(hosts=1, engine_root=engine_root, report=print)
        host = sandbox.host("host1")
        endpoint = resolve_endpoint(host.env(unix=True))
        with connect(endpoint) as engine:
            version = engine.system.version()["Version"].partition("+")[0]  # without the distribution's own
            for archive in archives:
                setup(Caller(engine), archive)
        engine_name = "podman" if host.has_podman else "docker"
        folder = FIXTURES / f"{engine_name}-{version}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, line in DAY:
            kept: list[Recorder] = []

            def watch(inner: Transport, kept: list[Recorder] = kept) -> Transport:
                kept.append(Recorder(inner))
                return kept[0]

            out, err = io.BytesIO(), io.BytesIO()
            with connect(endpoint, watch=watch) as engine:
                try:
                    caller = Caller(engine, out, err, cold=not name.startswith("warm-"))
                    done = setup(caller) if line == "setup" else perform(caller, parse(line.split()))
                    code = done.code
                except WeaveError as error:
                    code = error.exit_code
                    err.write(f"weave: {error}\n".encode())
            registries = re.findall(r'https://([^/"]+)/v2/', err.getvalue().decode())
            normal = Normalizer({host.address: "192.0.2.1"} | dict.fromkeys(registries, "registry.example"))
            document = {
                "engine": f"{engine_name} {version}",
                "command": line,
                "exchanges": [exchange.document() for exchange in kept[0].exchanges],
                "stdout": out.getvalue().decode(),
                "stderr": err.getvalue().decode(),
                "exit_code": code,
            }
            text = json.dumps(normal.document(document), indent=2, ensure_ascii=False)
            (folder / f"{name}.json").write_text(text + "\n")
            print(f"{folder.name} {name}: {len(kept[0].exchanges)} calls, exit code {code}")
    finally:
        sandbox.down()
        shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    os.umask(0o022)
    for root in sys.argv[1:] or ["/"]:
        main(Path(root))
