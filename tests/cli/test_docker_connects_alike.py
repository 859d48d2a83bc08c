"""The docker CLI of this machine, told the same, connects to the same place.

A proxy hears where it would go: docker asks one for every address that is not this machine's. For what it names
itself, its complaint says where it went.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docker_cli import cli_version
from tests.engine.certificates import Certificates, make_certificates
from weave_http.cli.main import main
from weave_http.records import dataclass, field

H = "10.9.9.9"
PEMS = ("ca", "cert", "key")
REFUSED = "refused"


@dataclass(frozen=True)
class Case:
    """What is typed where.

    Args:
        words: before the command, `@` for the directory.
        environ: variables, `@` for the directory.
        files: texts by path; None for a directory, `PEM` for what belongs there.
        ours: what weave does where that is not meant to be the same.
        since: the docker that does as weave.
    """

    words: str
    environ: dict[str, str] = field(default_factory=dict)
    files: dict[str, str | None] = field(default_factory=dict)
    ours: str = ""
    since: tuple[int, ...] = ()


def context(host: object, tls: tuple[str, ...] = (), name: str = "c", **endpoint: object) -> dict[str, str | None]:
    """Return the files of a context."""
    docker = {"Host": host, **endpoint}
    return described(json.dumps({"Name": name, "Endpoints": {"docker": docker}}), tls, name)


def described(text: str, tls: tuple[str, ...] = (), name: str = "c") -> dict[str, str | None]:
    """Return the files of a context whose description is this text."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    files: dict[str, str | None] = {f"home/.docker/contexts/meta/{digest}/meta.json": text}
    return files | {f"home/.docker/contexts/tls/{digest}/docker/{part}.pem": "PEM" for part in tls}


def config(text: str | None) -> dict[str, str | None]:
    return {"home/.docker/config.json": text}


def pems(*parts: str, folder: str = "home/.docker") -> dict[str, str | None]:
    return {f"{folder}/{part}.pem": "PEM" for part in parts}


ALL = pems(*PEMS)
CURRENT = config('{"currentContext": "c"}') | context(f"tcp://{H}:1")

AROUND = (("", ""), ("\ufeff", ""), ("", " x"))

HOSTS = [
    *(f"tcp://{H}:1", f"tcp://{H}", H, f"{H}:1", f"tcp://{H}:", f"{H}:", f"tcp://me@{H}:1", f"me:x@{H}:1", "host"),
    *(f"tcp://{H}/base/", f"{H}:1/x", f"tcp://{H}:1/", "tcp://[fd00::1]:9", "fd00::1", "tcp://host_a:1", "tcp://h:080"),
    *(
        ":1234",
        "tcp://:1234",
        "tcp://",
        "''",
        "' '",
        f"' tcp://{H}:1 '",
        "unix://d.sock",
        "unix:///x/d.sock",
        "unix://",
    ),
    *("ftp://x", "'tcp://h h:1'", f"tcp://{H}:x", "tcp://a:b:c", f"tcp://{H}:0x10", "tcp://[::1", "tcp://[h]:1x"),
]

CASES = [
    *(Case(f"-H {host}") for host in HOSTS),
    *(Case("", {"DOCKER_HOST": shlex.split(host)[0]}) for host in HOSTS[:24]),
    # how options are spelled
    *(Case(words) for words in (f"-H={H}", f"-H{H}", f"--host={H}", "--host=", "--host='' --tls=0", f"-c= -H {H}")),
    *(Case(f"{words} -H {H}", files=ALL) for words in ("--tls=1", "--tls=T", "--tls=yes", "--tls=", "--tls=TrUe")),
    *(Case(f"{words} -H {H}", files=ALL) for words in ("--tls=false --tls", "--tls --tls=false", "--tlsverify=nope")),
    *(Case(words) for words in (f"-H {H} -c c", f"-c default -H {H}")),
    # TLS
    *(
        Case(f"{host} {tls}", files=ALL)
        for host in ("", f"-H {H}", f"-H tcp://{H}:5", "-H ''")
        for tls in ("--tls", "--tlsverify", "--tls=false", "--tlsverify=false", "--tls=false --tlsverify=true")
    ),
    *(
        Case(f"-H {H} {words}", {variable: value}, ALL)
        for variable in ("DOCKER_TLS", "DOCKER_TLS_VERIFY")
        for value in ("1", "0", "")
        for words in ("", "--tls=false")
    ),
    *(Case(f"-H {H} --tlsverify", files=pems(*parts)) for parts in ((), ("ca",), ("ca", "cert"), ("cert", "key"))),
    *(Case(f"-H {H} --tls", files=pems(*parts)) for parts in (("ca",), ("ca", "key"))),
    Case(f"-H {H} --tls", ours=f"https://{H}:2375"),  # needs no authorities where it trusts anybody
    *(
        Case(f"-H {H} {tls} {words}", files=ALL)
        for tls in ("--tls", "--tlsverify")
        for words in (
            *("--tlscacert /nowhere", "--tlscert /nowhere", "--tlskey /nowhere", "--tlscacert @/home/.docker"),
            *("""--tlscacert '"@/home/.docker/ca.pem"'""", '''--tlscert "'@/home/.docker/cert.pem'"'''),
        )
    ),
    *(Case(f"-H {H} --tlsverify {option}=", files=ALL, since=(26,)) for option in ("--tlscacert", "--tlscert")),
    Case(f"-H {H} --tlsverify --tlscert=@/c/cert.pem", files=pems("cert", folder="c") | pems("ca"), ours=REFUSED),
    Case(f"-H {H} --tlscacert /nowhere", files=ALL),
    *(
        Case(f"-H {H} --tlsverify", {variable: "@/c"}, pems(*PEMS, folder="c"))
        for variable in ("DOCKER_CERT_PATH", "DOCKER_CONFIG")
    ),
    Case(f"--config @/c -H {H} --tlsverify", files=pems(*PEMS, folder="c")),
    # contexts
    *(
        Case("-c c", files=context(f"tcp://{H}{port}", tls, SkipTLSVerify=skip))
        for port in ("", ":1", ":", ":1/base/")
        for tls in ((), PEMS, ("ca",), ("ca", "cert"), ("ca", "key"))
        for skip in (False, True)
    ),
    *(Case("-c c", files=context(host)) for host in (f"tcp://me@{H}:1", "unix:///x", "unix://x", "", None, 7)),
    *(Case("-c c", files=context(host)) for host in (f"http://{H}", f"http://{H}:3", "tcp://[fd00::1]")),
    Case("-c c", files=context(f"https://{H}", PEMS)),
    Case("-c c", files=context(f"http://{H}", PEMS), ours=REFUSED),  # docker speaks TLS there
    Case("-c c", files=context(f"https://{H}"), ours=f"https://{H}:443"),  # docker speaks no TLS there
    *(
        Case("-c c", files=described(text))
        for text in (
            *("", "{}", "null", "[]", "{", '{"Endpoints": {"docker": null}}', '{"Endpoints": {"docker": {}}}'),
            *(f'{{"endpoints": {{"{key}": {{"host": "tcp://{H}:1"}}}}}}' for key in ("docker", "Docker")),
            *(f'{mark}{{"Endpoints": {{"docker": {{"Host": "tcp://{H}:1"}}}}}}{more}' for mark, more in AROUND),
        )
    ),
    # which of them counts
    *(
        Case(words, environ, CURRENT | context(f"tcp://{H}:2", name="d"))
        for words in ("", "-c d", "-c default", f"-H {H}:3", "-H ''")
        for environ in (
            {},
            {"DOCKER_CONTEXT": "d"},
            {"DOCKER_CONTEXT": "default"},
            {"DOCKER_HOST": f"{H}:4"},
            {"DOCKER_HOST": f"{H}:4", "DOCKER_CONTEXT": "d"},
        )
    ),
    Case("", {"DOCKER_HOST": " "}, CURRENT),
    Case("", {"DOCKER_HOST": ""}, CURRENT, since=(26,)),
    Case("", {"DOCKER_CONTEXT": ""}, CURRENT, since=(26,)),
    *(Case(words, {"DOCKER_CONTEXT": "c"}, CURRENT | ALL) for words in ("--tls", "--tlsverify")),
    *(
        Case(words, {"DOCKER_CONFIG": "/nowhere"}, CURRENT)
        for words in ("--config @/home/.docker", "--config=home/.docker")
    ),
    *(
        Case(words, {"DOCKER_CONFIG": ""}, CURRENT)
        for words in ("", "--config=", "--config /nowhere --config home/.docker")
    ),
    Case("", {"HOME": "home"}, CURRENT),
    # what the configuration may look like
    *(
        Case("", files=CURRENT | config(text))
        for text in (
            *(
                '{"currentcontext": "c"}',
                '{"CURRENTCONTEXT": "c"}',
                '{"currentContext": "c"} x',
                '{"currentContext": "c"',
            ),
            *(
                '{"currentContext": 7}',
                '{"currentContext": null}',
                "[]",
                "null",
                "",
                "  ",
                '"x"',
                "{'currentContext': 'c'}",
            ),
            *('\ufeff{"currentContext": "c"}', '{"currentContext": "c",}', '{"currentContext": "c", "x": NaN}'),
            *('{"currentContext": "c", "auths": 7}', '{"currentContext": "c", "currentcontext": "default"}', None),
            *('{"currentContext": "c", "auths": {"x": {"auth": "!!"}}}', '{"currentContext": "gone"}'),
        )
    ),
    Case("-c c", files=CURRENT | config(None)),
    Case("--config @/f", files={"f": "x"}),
]


SSH_HOSTS = [
    *("ssh://us%65r@h", "ssh://me@h/run/docker%2esock", "ssh://me%3ax@h", "ssh://me%40corp@h:22", "ssh://me@corp@h"),
    *(
        "ssh://h%6fst",
        "ssh://u%zz@h",
        "ssh://h/run/a%zb",
        "ssh://h/run/a%20b.sock",
        "ssh://b%C3%BCcher/x",
        "ssh://h/%2fx",
    ),
    *("ssh://bücher", "ssh://u@h?x", "ssh://h/%"),
]


def test_ssh_is_told_what_docker_tells_it(tmp_path: Path) -> None:
    """Both run a program of that name, which writes down its words; how it connects is not compared."""
    log, ssh = tmp_path / "log", tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done > {log}.$$; mv {log}.$$ {log}; exit 255\n')
    ssh.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}

    def told(program: list[str]) -> list[str]:
        log.unlink(missing_ok=True)
        subprocess.run(program, env=environ, capture_output=True, timeout=60, check=False)
        if not log.exists():
            return [REFUSED]
        words = log.read_text().splitlines()
        options = {index + shift for index, word in enumerate(words) if word == "-o" for shift in (0, 1)}
        kept = [word for index, word in enumerate(words) if index not in options and not word.startswith("-o ")]
        return [word.strip("'") for word in kept]

    for host in SSH_HOSTS:
        ours = told([sys.executable, "-m", "weave_http", "-H", host, "ps"])
        assert (host, ours) == (host, told(["docker", "-H", host, "version"]))


class Proxy:
    """Hears who wants to go where, and lets nobody."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.heard: list[str] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                line = connection.recv(65536).partition(b"\r\n")[0].decode()
                if not line:
                    return
                self.heard.append(line)
                connection.sendall(b"HTTP/1.1 503 no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def close(self) -> None:
        host, port = self._listener.getsockname()
        socket.create_connection((host, port)).close()
        self._thread.join()
        self._listener.close()


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    there = Proxy()
    yield there
    there.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def docker(words: list[str], environ: dict[str, str], where: Path, proxy: Proxy) -> str:
    """Return where the docker CLI connects."""
    proxy.heard.clear()
    proxies = {"http_proxy": proxy.url, "https_proxy": proxy.url, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["docker", *words, "version"],
        env=environ | proxies,
        cwd=where,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    for line in proxy.heard:
        if found := re.match(r"CONNECT (\S+)", line):
            return f"https://{found[1]}"
        if found := re.match(r"[A-Z]+ http://([^/]*)(\S*?)(?:/v1\.\d+)?/(?:_ping|version)", line):
            address, base = found.groups()
            host, port = re.fullmatch(r"(\[.*\]|[^:]*):?(\d*)", address).groups()  # type: ignore[union-attr]
            return f"http://{host}:{int(port or 80)}{base}"
    if done.returncode == 0:
        return "unix:///var/run/docker.sock"  # there is a daemon
    found = re.search(r"Docker daemon at (\S+)\. Is", done.stderr)
    return found[1].replace("localhost", "127.0.0.1") if found else REFUSED


def weave(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return where weave connects, by the curl line of its first call."""
    code = main([*words, "--cold", "--dry-run", "--calls", "curl", "version"])
    said, complaint = capsys.readouterr()
    if code:
        assert len(complaint.splitlines()) == 1, complaint
        return REFUSED
    line = shlex.split(said.splitlines()[0])
    if "--unix-socket" in line:
        return f"unix://{line[line.index('--unix-socket') + 1]}"
    url = line[-1].removesuffix("/_ping")
    # A proxy is not told what follows the address where TLS is spoken.
    return re.sub("^https?(?=://127)", "tcp", re.sub("^(https://[^/]*).*", r"\1", url))


def test_weave_goes_where_docker_goes(
    tmp_path: Path,
    proxy: Proxy,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    version = cli_version()
    pem = {"ca": certificates.client.ca, "cert": certificates.client.cert, "key": certificates.client.key}
    for name in [name for name in os.environ if name.startswith("DOCKER_")]:
        monkeypatch.delenv(name)
    unlike: list[Any] = []
    for number, case in enumerate(CASES):
        where = tmp_path / str(number)
        where.mkdir()
        for path, text in case.files.items():
            (where / path).parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                (where / path).mkdir()
            else:
                part = Path(path).stem
                (where / path).write_text(Path(pem[part]).read_text() if text == "PEM" else text)
        words = shlex.split(case.words.replace("@/", f"{where}/"))
        given = {"HOME": str(where / "home")} | case.environ
        environ = {name: value.replace("@/", f"{where}/") for name, value in given.items()}
        with monkeypatch.context() as patch:
            patch.chdir(where)
            for name, value in environ.items():
                patch.setenv(name, value)
            ours = weave(words, capsys)
        if case.ours:
            assert (case, ours) == (case, case.ours)
        elif version >= case.since and (theirs := docker(words, environ, where, proxy)) != ours:
            unlike.append((case, f"docker: {theirs}", f"weave: {ours}"))
    assert unlike == []
