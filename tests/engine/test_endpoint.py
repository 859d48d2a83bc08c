"""Which daemon is meant: a table of what a user can say."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weave_http.docker_config import ReadFile
from weave_http.engine import Endpoint, TLSFiles, resolve_endpoint
from weave_http.engine.address import parse_host
from weave_http.engine.endpoint import read_file
from weave_http.engine.errors import EndpointError
from weave_http.errors import ExitCode

HOME = {"HOME": "/home/u"}


def files(**content: str) -> ReadFile:
    """Return a reader of files that are made up; `__` in a name stands for a slash, `_dot_` for a dot."""
    return {
        f"/home/u/{name.replace('__', '/').replace('_dot_', '.')}": text.encode() for name, text in content.items()
    }.get


PEMS = {f"_dot_docker__{name}_dot_pem": "PEM" for name in ("ca", "cert", "key")}
NO_FILES = files()
ALL_PEMS = files(**PEMS)
TLS = TLSFiles(True, "/home/u/.docker/ca.pem", "/home/u/.docker/cert.pem", "/home/u/.docker/key.pem")


def resolve(environ: dict[str, str], read: ReadFile = NO_FILES, **flags: Any) -> Endpoint:
    return resolve_endpoint({**HOME, **environ}, read=read, **flags)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("unix:///run/d.sock", "unix:///run/d.sock"),
        ("unix://", "unix:///var/run/docker.sock"),
        ("unix://d.sock", "unix://d.sock"),
        ("UNIX:///run/d.sock", "unix:///run/d.sock"),
        ("tcp://10.0.0.1:1234", "tcp://10.0.0.1:1234"),
        ("tcp://10.0.0.1", "tcp://10.0.0.1:2375"),
        ("tcp://10.0.0.1/", "tcp://10.0.0.1:2375"),
        ("tcp://10.0.0.1:/x", "tcp://10.0.0.1:2375/x"),
        ("tcp://me@10.0.0.1:1", "tcp://10.0.0.1:1"),
        ("me:hunter2@10.0.0.1:1", "tcp://10.0.0.1:1"),
        ("tcp://docker.example:99/base/path/", "tcp://docker.example:99/base/path"),
        ("tcp://:2000", "tcp://127.0.0.1:2000"),
        ("tcp://", "tcp://127.0.0.1:2375"),
        ("host", "tcp://host:2375"),
        ("host:80", "tcp://host:80"),
        (":1000", "tcp://127.0.0.1:1000"),
        ("  host:80\n", "tcp://host:80"),
        ("http://host", "tcp://host:80"),
        ("http://host:8080/docker", "tcp://host:8080/docker"),
        ("tcp://[::1]:99", "tcp://[::1]:99"),
        ("tcp://[fd00::1]", "tcp://[fd00::1]:2375"),
        ("tcp://[fd00::1]:", "tcp://[fd00::1]:2375"),
        ("[fd00::1]:99/x", "tcp://[fd00::1]:99/x"),
        ("fd00::1", "tcp://[fd00::1]:2375"),
    ],
)
def test_what_a_host_may_look_like(text: str, url: str) -> None:
    by_flag, by_variable = resolve({}, host=text), resolve({"DOCKER_HOST": text})
    assert by_flag.url == by_variable.url == url
    assert by_flag.tls is None
    assert (by_flag.source, by_variable.source) == ("--host", "DOCKER_HOST")


@pytest.mark.parametrize(
    ("text", "port"),
    [("tcp://host", 2375), ("host", 2375), ("tcp://host:5", 5), ("[::1]", 2375), ("https://host", 443)],
)
def test_what_tls_makes_of_it(text: str, port: int) -> None:
    endpoint = resolve({"DOCKER_HOST": text, "DOCKER_TLS_VERIFY": "1"}, ALL_PEMS)
    assert endpoint.port == port
    assert endpoint.tls == TLS


def test_https_is_tls_that_the_system_s_authorities_vouch_for() -> None:
    assert resolve({}, host="https://docker.example:8443/x") == Endpoint(
        "tcp", host="docker.example", port=8443, base_path="/x", tls=TLSFiles(), source="--host"
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("unix:/d.sock", "lacks a slash.*; begin with unix://$"),
        ("unix:///" + "x" * 120, "longer than 107 bytes"),
        ("tcp://host:0", "no valid port"),
        ("tcp://host:65536", "no valid port"),
        ("tcp://host:abc", "no valid port"),
        ("tcp://host:٣", "no valid port"),
        ("tcp://[::1", "not an IPv6 address in brackets"),
        ("tcp://[host]:1", "not an IPv6 address in brackets"),
        ("tcp://[::1]x", "not an IPv6 address in brackets"),
        ("tcp://a:b:c", "too many colons"),
        ("1.2.3.4:5:6", "too many colons"),
        ("http://user@host:1", "is not HOST:PORT"),
        ("tcp://host:1?x", "is not HOST:PORT"),
        ("tcp://ho st:1", "is not HOST:PORT"),
        ("tcp://host:1/\x00", "is no address"),
        ("unix:///d\n.sock", "is no address"),
        ("ftp://host", "unknown scheme 'ftp'"),
        ("npipe:////./pipe/docker", "unknown scheme 'npipe'"),
        ("ssh://", "is no ssh address"),
        ("ssh:///var/run/docker.sock", "is no ssh address"),
        ("ssh://-oProxyCommand=x", "is no ssh address"),
        ("ssh://-l@host", "is no ssh address"),
        ("ssh://host?x", "is no ssh address"),
        ("ssh://me:secret@host", "has a password in it"),
        ("ssh://host:0", "no valid port"),
    ],
)
def test_what_is_no_host_is_refused_in_one_line(text: str, complaint: str) -> None:
    with pytest.raises(EndpointError, match=complaint) as raised:
        resolve({"DOCKER_HOST": text})
    assert "DOCKER_HOST" in str(raised.value)
    assert str(raised.value).isprintable()
    assert raised.value.exit_code == ExitCode.ENGINE


@given(
    st.sampled_from(["", "unix:///", "tcp://", "tcp://h:", "tcp://[", "https://", "ssh://", "ssh://u@"]),
    st.text(max_size=40),
)
def test_any_text_makes_an_endpoint_or_one_line(prefix: str, text: str) -> None:
    try:
        endpoint = resolve({}, host=prefix + text)
    except EndpointError as error:
        complaint = str(error)
    else:
        complaint = ""
        assert endpoint.url.isprintable()
        if endpoint.tls is None:
            assert resolve({}, host=endpoint.url).url == endpoint.url
    assert complaint.isprintable()


# -- the order ---------------------------------------------------------------------------------------------


def store(name: str, host: object = "tcp://ctx:1", *, tls: bool = False, **endpoint: object) -> dict[str, str]:
    """Return the files of a context."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host, **endpoint}}}
    content = {f"_dot_docker__contexts__meta__{digest}__meta_dot_json": json.dumps(meta)}
    if tls:
        folder = f"_dot_docker__contexts__tls__{digest}__docker"
        content |= {f"{folder}__{part}_dot_pem": "PEM" for part in ("ca", "cert", "key")}
    return content


CONFIG = {"_dot_docker__config_dot_json": '{"currentContext": "current", "auths": {}}'}
CONTEXTS = files(
    **CONFIG, **store("current", "tcp://current:1"), **store("named", "tcp://named:1"), **store("flag", "tcp://flag:1")
)


@pytest.mark.parametrize(
    ("environ", "flags", "host", "source"),
    [
        ({}, {}, "current", "context 'current', from currentContext in /home/u/.docker/config.json"),
        ({"DOCKER_CONTEXT": "named"}, {}, "named", "context 'named', from DOCKER_CONTEXT"),
        ({"DOCKER_CONTEXT": "named", "DOCKER_HOST": "tcp://host"}, {}, "host", "DOCKER_HOST"),
        ({"DOCKER_HOST": "tcp://host"}, {"host": "tcp://flagged"}, "flagged", "--host"),
        ({"DOCKER_CONTEXT": "named"}, {"host": "tcp://flagged"}, "flagged", "--host"),
        (
            {"DOCKER_HOST": "tcp://host", "DOCKER_CONTEXT": "x"},
            {"context": "flag"},
            "flag",
            "context 'flag', from --context",
        ),
        ({"DOCKER_HOST": "tcp://host"}, {"context": "default"}, "host", "DOCKER_HOST"),
        ({"DOCKER_CONTEXT": "default"}, {}, "", "default socket"),
        ({"DOCKER_HOST": " "}, {}, "", "default socket"),
    ],
)
def test_the_order_in_which_the_daemon_is_looked_for(
    environ: dict[str, str], flags: dict[str, Any], host: str, source: str
) -> None:
    endpoint = resolve(environ, CONTEXTS, **flags)
    assert (endpoint.host, endpoint.source) == (host, source)


def test_without_a_word_it_is_the_default_socket() -> None:
    assert resolve({}) == Endpoint("unix", path="/var/run/docker.sock", source="default socket")
    assert str(resolve({})) == "unix:///var/run/docker.sock (default socket)"


def test_host_and_context_contradict_each_other() -> None:
    with pytest.raises(EndpointError, match="contradict"):
        resolve({}, host="tcp://a", context="b")


def test_an_empty_host_flag_is_the_default_socket_whatever_else_is_said() -> None:
    endpoint = resolve({"DOCKER_HOST": "tcp://a", "DOCKER_CONTEXT": "named"}, CONTEXTS, host="")
    assert str(endpoint) == "unix:///var/run/docker.sock (default socket, as --host is empty)"
    assert resolve({"DOCKER_HOST": "tcp://a"}, ALL_PEMS, host=" ", tls=True).url == "tcp://127.0.0.1:2376"


def test_the_pinned_api_version_is_kept() -> None:
    assert resolve({"DOCKER_API_VERSION": "1.41"}).api_version == "1.41"


# -- TLS ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "flags", "tls"),
    [
        ({}, {}, None),
        ({"DOCKER_TLS_VERIFY": ""}, {}, None),
        ({"DOCKER_TLS_VERIFY": "1"}, {}, TLS),
        ({"DOCKER_TLS_VERIFY": "0"}, {}, TLS),
        ({"DOCKER_TLS": "1"}, {}, TLSFiles(False, "", TLS.cert, TLS.key)),
        ({}, {"tls": True}, TLSFiles(False, "", TLS.cert, TLS.key)),
        ({}, {"tls_verify": True}, TLS),
        ({"DOCKER_TLS_VERIFY": "1"}, {"tls_verify": False}, TLSFiles(False, "", TLS.cert, TLS.key)),
        ({"DOCKER_TLS": "1"}, {"tls": False}, None),
        ({}, {"tls": False, "tls_verify": True}, TLS),
        ({}, {"tls_verify": True, "tls_ca": "/home/u/.docker/key.pem"}, TLSFiles(True, TLS.key, TLS.cert, TLS.key)),
        ({}, {"tls_verify": True, "tls_ca": ""}, TLSFiles(True, "", TLS.cert, TLS.key)),
        ({}, {"tls_verify": True, "tls_cert": ""}, TLSFiles(True, TLS.ca)),
        ({}, {"tls": True, "tls_ca": "/home/u/.docker/ca.pem"}, TLSFiles(False, "", TLS.cert, TLS.key)),
    ],
)
def test_how_tls_is_asked_for(environ: dict[str, str], flags: dict[str, Any], tls: TLSFiles | None) -> None:
    assert resolve(environ, ALL_PEMS, host="tcp://h:1", **flags).tls == tls


def test_the_certificates_folder_can_be_named() -> None:
    read = {f"/certs/{name}.pem": b"PEM" for name in ("ca", "cert", "key")}.get
    environ = {"DOCKER_HOST": "tcp://h", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}
    assert resolve(environ, read).tls == TLSFiles(True, "/certs/ca.pem", "/certs/cert.pem", "/certs/key.pem")


@pytest.mark.parametrize("half", [{}, {"_dot_docker__cert_dot_pem": "x"}, {"_dot_docker__key_dot_pem": "x"}])
def test_a_client_certificate_is_left_out_when_it_is_not_there_or_half_of_it(half: dict[str, str]) -> None:
    read = files(_dot_docker__ca_dot_pem="PEM", **half)
    assert resolve({"DOCKER_HOST": "tcp://h", "DOCKER_TLS_VERIFY": "1"}, read).tls == TLSFiles(True, TLS.ca)


@pytest.mark.parametrize(
    ("read", "flags", "complaint"),
    [
        (NO_FILES, {}, r"there is no /home/u/\.docker/ca\.pem; DOCKER_CERT_PATH"),
        (ALL_PEMS, {"tls_cert": TLS.cert, "tls_key": ""}, "client certificate without its other half; give --tlskey"),
        (ALL_PEMS, {"tls_key": TLS.key, "tls_cert": ""}, "client key without its other half; give --tlscert"),
        (ALL_PEMS, {"tls_cert": "/nowhere"}, "--tlscert names /nowhere"),
        (ALL_PEMS, {"tls_key": "/nowhere"}, "--tlskey names /nowhere"),
        (ALL_PEMS, {"tls_ca": "/nowhere"}, "--tlscacert names /nowhere"),
        (ALL_PEMS, {"tls": True, "tls_verify": False, "tls_ca": "/nowhere"}, "--tlscacert names /nowhere"),
    ],
)
def test_tls_that_lacks_files_is_refused(read: ReadFile, flags: dict[str, Any], complaint: str) -> None:
    with pytest.raises(EndpointError, match=complaint):
        resolve({"DOCKER_HOST": "tcp://h", "DOCKER_TLS_VERIFY": "1"}, read, **flags)


def test_plain_http_contradicts_tls() -> None:
    with pytest.raises(EndpointError, match="without TLS, but TLS was asked for"):
        resolve({"DOCKER_HOST": "http://h", "DOCKER_TLS_VERIFY": "1"}, ALL_PEMS)


def test_tls_without_a_host_means_this_machine_s_tls_port() -> None:
    endpoint = resolve({"DOCKER_TLS_VERIFY": "1"}, ALL_PEMS)
    assert (endpoint.url, endpoint.tls) == ("tcp://127.0.0.1:2376", TLS)


def test_a_unix_socket_needs_no_tls() -> None:
    assert resolve({"DOCKER_HOST": "unix:///d.sock", "DOCKER_TLS_VERIFY": "1"}, ALL_PEMS).tls is None


# -- contexts ----------------------------------------------------------------------------------------------


def test_a_context_has_tls_files_of_its_own() -> None:
    endpoint = resolve({"DOCKER_TLS_VERIFY": "1"}, files(**store("c", "tcp://c:1", tls=True)), context="c")
    folder = f"/home/u/.docker/contexts/tls/{hashlib.sha256(b'c').hexdigest()}/docker"
    assert endpoint.tls == TLSFiles(True, f"{folder}/ca.pem", f"{folder}/cert.pem", f"{folder}/key.pem")


def test_a_context_may_skip_verification() -> None:
    endpoint = resolve({}, files(**store("c", "tcp://c", SkipTLSVerify=True)), context="c")
    assert (endpoint.tls, endpoint.port) == (TLSFiles(False), 443)


def test_a_context_without_a_port_is_where_docker_goes() -> None:
    assert resolve({}, files(**store("c", "tcp://c")), context="c").url == "tcp://c:80"
    assert resolve({}, files(**store("c", "tcp://c:", tls=True)), context="c").url == "tcp://c:443"


def test_half_a_client_certificate_of_a_context_is_none() -> None:
    content = store("c", "tcp://c:1", tls=True)
    content = {name: text for name, text in content.items() if "__key_" not in name}
    tls = resolve({}, files(**content), context="c").tls
    assert tls is not None
    assert (bool(tls.ca), tls.cert, tls.key) == (True, "", "")


@pytest.mark.parametrize("host", [None, ""])
def test_a_context_without_an_address_is_the_default_socket(host: object) -> None:
    assert resolve({}, files(**store("c", host)), context="c").url == "unix:///var/run/docker.sock"


def test_fields_may_be_spelled_in_any_letters() -> None:
    digest = hashlib.sha256(b"c").hexdigest()
    content = {
        f"_dot_docker__contexts__meta__{digest}__meta_dot_json": '{"endpoints": {"docker": {"HOST": "tcp://c:1"}}}'
    }
    read = files(_dot_docker__config_dot_json='{"currentcontext": "x", "CurrentContext": "c"}', **content)
    assert resolve({}, read).url == "tcp://c:1"


def test_a_context_without_tls_is_plain() -> None:
    assert resolve({"DOCKER_TLS_VERIFY": "1"}, files(**store("c", "tcp://c")), context="c").tls is None
    assert resolve({}, files(**store("c", "unix:///c.sock")), context="c").path == "/c.sock"


def test_the_docker_configuration_may_lie_elsewhere() -> None:
    read = {"/cfg/config.json": b'{"currentContext": "gone"}'}.get
    with pytest.raises(EndpointError, match="no docker context 'gone'"):
        resolve({"DOCKER_CONFIG": "/cfg"}, read)


def test_the_docker_configuration_may_be_given() -> None:
    content = {"/given/config.json": b'{"currentContext": "gone"}'}
    pems = {f"/cfg/{part}.pem": b"PEM" for part in ("ca", "cert", "key")}
    with pytest.raises(EndpointError, match=r"no docker context 'gone' \(currentContext in /given/"):
        resolve({"DOCKER_CONFIG": "/cfg"}, content.get, config="/given")
    # As with docker, the TLS files of no context stay where they were.
    tls = resolve({"DOCKER_CONFIG": "/cfg", "DOCKER_HOST": "h"}, pems.get, config="/given", tls_verify=True).tls
    assert tls == TLSFiles(True, "/cfg/ca.pem", "/cfg/cert.pem", "/cfg/key.pem")


def test_without_home_the_system_says_where_it_is() -> None:
    read = {"/home/listed/.docker/config.json": b'{"currentContext": "gone"}'}.get
    for environ in ({}, {"HOME": ""}):
        with pytest.raises(EndpointError, match="no docker context 'gone'"):
            resolve_endpoint(environ, read=read, home=lambda: "/home/listed")


@pytest.mark.parametrize(
    ("read", "complaint"),
    [
        (files(**CONFIG), "there is no docker context 'current'"),
        (files(**CONFIG, **store("current", 7)), "names no docker endpoint"),
        (files(**CONFIG, **store("current", "ftp://x")), "unknown scheme 'ftp'"),
        *(
            (files(**CONFIG, **dict.fromkeys(store("current"), text)), complaint)
            for text, complaint in [
                ("", r"meta\.json is not JSON"),
                ('{"Name": "current"}', "names no docker endpoint"),
                ('{"Endpoints": {"docker": null}}', "names no docker endpoint"),
                ("[]", r"meta\.json holds no JSON object"),
                ('{"Endpoints": {}} x', r"meta\.json is not JSON: there is more"),
                ('\ufeff{"Endpoints": {}}', r"meta\.json is not JSON"),
            ]
        ),
    ],
)
def test_a_broken_context_is_refused_in_one_line(read: ReadFile, complaint: str) -> None:
    with pytest.raises(EndpointError, match=complaint) as raised:
        resolve({}, read)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no JSON object"),
        ('"x"', "holds no JSON object"),
        ('\ufeff{"currentContext": "current"}', "is not JSON"),
        ('{"currentContext": "current", "x": NaN}', "is not JSON: NaN"),
        ('{"currentContext": 7}', "is no text"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_broken_configuration_is_told_and_no_failure(content: str, complaint: str) -> None:
    warnings: list[str] = []
    read = files(_dot_docker__config_dot_json=content)
    assert resolve({}, read, warn=warnings.append).source == "default socket"
    (warning,) = warnings
    assert complaint in warning
    assert warning.endswith("going on without it")
    assert warning.isprintable()
    assert resolve({}, read, host="tcp://h", warn=warnings.append).host == "h"
    assert len(warnings) == 1


def test_what_follows_the_configuration_is_no_matter() -> None:
    content = files(_dot_docker__config_dot_json='{"currentContext": "named"} x', **store("named", "tcp://named:1"))
    assert resolve({}, content).url == "tcp://named:1"


@pytest.mark.parametrize(
    "content", ["", " \n", "null", "{}", '{"currentContext": ""}', '{"currentContext": "default"}']
)
def test_a_configuration_without_a_context_says_nothing(content: str) -> None:
    assert resolve({}, files(_dot_docker__config_dot_json=content)).source == "default socket"


# -- the file system ---------------------------------------------------------------------------------------


def test_files_are_read_or_missing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    assert read_file(str(tmp_path / "a")) == b"content"
    assert read_file(str(tmp_path / "b")) is None
    assert read_file(str(tmp_path / "a" / "b")) is None
    with pytest.raises(EndpointError, match="can't be read: Is a directory"):
        read_file(str(tmp_path))


def test_a_configuration_that_can_t_be_read_is_told_and_no_failure(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    warnings: list[str] = []
    assert resolve_endpoint({"DOCKER_CONFIG": str(tmp_path)}, warn=warnings.append).source == "default socket"
    assert warnings == [f"{tmp_path}/config.json can't be read: Is a directory; going on without it"]


def test_resolving_reads_the_real_file_system_by_default(tmp_path: Path) -> None:
    assert resolve_endpoint({"HOME": str(tmp_path)}).source == "default socket"
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text('{"currentContext": "x"}')
    with pytest.raises(EndpointError, match="no docker context 'x'"):
        resolve_endpoint({"HOME": str(tmp_path)})


@pytest.mark.parametrize(
    "text",
    [
        *(
            "tcp://u:S3KRET@127.0.0.1:x",
            "http://u:S3KRET@h",
            "u:S3KRET@h:x",
            "ftp://u:S3KRET@h",
            "tcp://h/?token=S3KRET",
        ),
        *("ssh://u:S3K/S3KRET@h", "ssh://u:S3KRET@h\x01", "ssh://u:S3KRET@h"),
    ],
)
def test_a_password_in_an_address_is_not_repeated(text: str) -> None:
    with pytest.raises(EndpointError) as raised:
        parse_host(text, "DOCKER_HOST", None)
    assert "S3K" not in str(raised.value)
