"""The flags of `launch` and of the router, each in one place: how it is read, and who uses it.

The executor reads them from `launch`, hands those for the router on, and the router reads them with the same table. One
table, so it is longer than most files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_network
from pathlib import PurePosixPath
from typing import Any, Literal

from weave_http import constants
from weave_http.addresses import IP, Network, order, parse_ip, parse_ipv4, parse_port
from weave_http.errors import HostError, UsageError
from weave_http.operations.hostnames import parse_hostname

TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
"""How Go spells the values of a switch."""

GREATEST_PEER_PORT = 65534
"""Data uses the port after it."""
DNS_PORT = 53
RESOLV_CONF = "/etc/resolv.conf"
LOG_LEVELS = ("debug", "info", "warning", "error")
_LOOPBACK = "127.0.0.1"
_DURATION = re.compile(r"(?P<number>\d{1,6}(\.\d{1,6})?)(?P<unit>ms|s|m|)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}
_LONGEST_TIMEOUT = 60.0
_RECLAIM = re.compile(r"(?P<number>\d{1,6})(?P<unit>[smh])")
_LONG_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_SHORTEST_RECLAIM, _LONGEST_RECLAIM = 10.0, 9999 * 3600.0
_GREATEST_TTL = 2**31 - 1
_MOST_CONNECTIONS = 4096


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag.

    Args:
        name: without dashes.
        help: what it does, a sentence.
        metavar: what its value is; empty for a switch.
        read: makes a value of its text. Raises `UsageError`.
        default: its value when it is not given; a switch is off then, unless this is True.
        aliases: other spellings, of 0.10 and of documentation.
        to: whose it is: the router's, the executor's own, or another way to set an environment variable.
        variable: the environment variable that says the same.
        repeated: whether it may be given again, as one value after another with commas.
    """

    name: str
    help: str
    metavar: str = ""
    read: Callable[[str], Any] = str
    default: Any = None
    aliases: tuple[str, ...] = ()
    to: Literal["router", "executor", "variable"] = "router"
    variable: str = ""
    repeated: bool = False

    @property
    def option(self) -> str:
        """How it is written: with two dashes, but one before a single letter."""
        return f"{'-' if len(self.name) == 1 else '--'}{self.name}"


# -- how values are read -----------------------------------------------------------------------------


_SHORTEST_LENGTH = 8


def number(what: str, least: int, most: int, unit: str = "") -> Callable[[str], int]:
    """Return a function that reads a whole number from `least` to `most`."""

    def read(text: str) -> int:
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 11 else -1
        if not least <= value <= most:
            raise UsageError(f"invalid {what} {text!r}", hint=f"expected {least} to {most}{unit}")
        return value

    return read


read_mtu = number("MTU", constants.LEAST_MTU, constants.GREATEST_MTU, " bytes")
"""Read an MTU in bytes."""


def http_address(text: str) -> tuple[str, int]:
    """Return address and port of `[ADDRESS]:PORT`: whoever reaches the API rules the router, so it stays on the host.

    Raises:
        UsageError: it is something else, or no loopback address.
    """
    host, _, port = text.rpartition(":")
    try:
        address, number_ = parse_ipv4(host or _LOOPBACK), parse_port(port)
    except UsageError:
        address = None
    if address is None or not address.is_loopback:
        raise UsageError(f"invalid --http-addr {text!r}", hint="expected 127.0.0.1:PORT")
    return str(address), number_


def _metrics_address(text: str) -> tuple[str, int] | None:
    host, _, port = text.rpartition(":")
    try:
        return (str(parse_ipv4(host or _LOOPBACK)), parse_port(port)) if text else None
    except UsageError as error:
        hint = "expected ADDRESS:PORT, with an IPv4 address, or '' for no metrics"
        raise UsageError(f"invalid --metrics-addr {text!r}", hint=hint) from error


def _host(text: str) -> IP:
    try:
        address = parse_ip(text)
    except UsageError:
        address = None
    if address is None or address.is_multicast or (address.version == 6 and address.is_link_local):
        hint = "expected an address of this host; 0.0.0.0 for all, :: for all of IPv6"
        raise UsageError(f"invalid --host {text!r}", hint=hint)
    return address


def _log_level(text: str) -> str:
    if text not in LOG_LEVELS:
        raise UsageError(f"invalid --log-level {text!r}", hint=f"expected one of {', '.join(LOG_LEVELS)}")
    return text


def _domain(text: str) -> str:
    try:
        return parse_hostname(text)
    except UsageError as error:
        raise UsageError(f"invalid --dns-domain {text!r}", hint="expected a domain, as weave.local.") from error


def _listen(text: str) -> tuple[IPv4Address | None, int]:
    host, colon, port = text.partition(":")
    try:
        return parse_ipv4(host) if host else None, parse_port(port) if colon else DNS_PORT
    except UsageError as error:
        hint = "expected ADDRESS[:PORT], with an IPv4 address"
        raise UsageError(f"invalid --dns-listen-address {text!r}", hint=hint) from error


def _duration(text: str) -> float:
    match = _DURATION.fullmatch(text)
    seconds = float(match["number"]) * _SECONDS[match["unit"]] if match else 0.0
    if not 0 < seconds <= _LONGEST_TIMEOUT:
        hint = f"expected up to {_LONGEST_TIMEOUT:.0f} s, as 5s or 500ms"
        raise UsageError(f"invalid --dns-fallback-timeout {text!r}", hint=hint)
    return seconds


def _reclaim(text: str) -> float | None:
    match = _RECLAIM.fullmatch(text)
    seconds = float(match["number"]) * _LONG_SECONDS[match["unit"]] if match else 0.0
    if text != "off" and not _SHORTEST_RECLAIM <= seconds <= _LONGEST_RECLAIM:
        hint = "expected 10s to 9999h, as 24h or 90m, or off"
        raise UsageError(f"invalid --ipalloc-reclaim {text!r}", hint=hint)
    return None if text == "off" else seconds


@dataclass(frozen=True, slots=True)
class Init:
    """How the first agreement about addresses comes about.

    Args:
        kind: `consensus`, `seed` or `observer`.
        count: of peers at the beginning; 0 for those that are named at the launch.
        seed: names of the peers at the beginning.
    """

    kind: str = "consensus"
    count: int = 0
    seed: tuple[str, ...] = ()


def _init(text: str) -> Init:
    kind, _, value = text.partition("=")
    if kind == "consensus":
        count = value.isascii() and value.isdigit() and len(value) < 5 and int(value) > 0
        if not value or count:
            return Init(kind, int(value or 0))
    if text.isascii() and text.isdigit() and 0 < len(text) < 5:  # of -initpeercount
        return Init("consensus", int(text))
    if kind == "seed" and value:
        return Init(kind, 0, tuple(value.split(",")))
    if text == "observer":
        return Init(text)
    raise UsageError(
        f"invalid --ipalloc-init {text!r}", hint="expected consensus, consensus=N, seed=NAME,… or observer"
    )


def _networks(flag: str) -> Callable[[str], tuple[Network, ...]]:
    """Return a function that reads a network, or one of each version of IP with a comma between; none of no text."""

    def read(text: str) -> tuple[Network, ...]:
        found = [_network(flag, each) for each in text.split(",") if text]
        if len({each.version for each in found}) < len(found):
            raise UsageError(f"invalid --{flag} {text!r}", hint="expected one network of IPv4, one of IPv6, or both")
        return tuple(sorted(found, key=order))

    return read


def _network(flag: str, text: str) -> Network:
    hint = "expected a network like 10.32.0.0/12 or fd00:32::/64, with all bits after the length zero"
    try:
        found = ip_network(text)
    except ValueError as error:
        raise UsageError(f"invalid --{flag} {text!r}", hint=hint) from error
    if "/" not in text:
        raise UsageError(f"invalid --{flag} {text!r}", hint=hint)
    longest = found.max_prefixlen - 2
    if not _SHORTEST_LENGTH <= found.prefixlen <= longest:
        raise UsageError(f"invalid --{flag} {text!r}", hint=f"expected a length from {_SHORTEST_LENGTH} to {longest}")
    if found.is_multicast or found.is_link_local or found.is_loopback:
        raise UsageError(f"invalid --{flag} {text!r}", hint="no interface of a container can have such addresses")
    return found


def default_subnets(ranges: Sequence[Network], given: Sequence[Network]) -> tuple[Network, ...]:
    """Return the subnets for those who name none, one of each range; all of it where no part of it is given.

    Raises:
        UsageError: one is not within the range of its version of IP.
    """
    chosen = {each.version: each for each in ranges}
    for subnet in given:
        range_ = chosen.get(subnet.version)
        if range_ is None or not range_.supernet_of(subnet):  # type: ignore[arg-type]
            hint = f"expected a part of {' or '.join(map(str, ranges))}"
            raise UsageError(f"invalid --ipalloc-default-subnet {str(subnet)!r}", hint=hint)
        chosen[subnet.version] = subnet
    return tuple(chosen.values())


def _endpoints(text: str) -> tuple[tuple[IP, int], ...]:
    """Return the TCP addresses of the Docker API; the unix socket is there anyway."""
    unix = f"unix://{constants.PROXY_SOCKET}"
    return tuple(_endpoint(each) for each in text.split(",") if each != unix)


def _endpoint(text: str) -> tuple[IP, int]:
    rest = text.removeprefix("tcp://")
    address, colon, port = rest.rpartition(":")
    if not colon or rest.endswith("]"):
        address, port = rest, str(constants.PROXY_PORT)
    try:
        if rest != text:
            found = parse_ip(address.removeprefix("[").removesuffix("]")) if address else IPv4Address(0)
            return found, parse_port(port)
    except UsageError:
        pass
    hint = f"expected tcp://ADDRESS or tcp://ADDRESS:PORT; unix://{constants.PROXY_SOCKET} is there anyway"
    raise UsageError(f"invalid -H {text!r}", hint=hint)


def _host_file(flag: str) -> Callable[[str], str]:
    """Return a function that reads the path of a file on the host."""

    def read(text: str) -> str:
        if not PurePosixPath(text).is_absolute():
            raise UsageError(f"invalid --{flag} {text!r}", hint="expected an absolute path on the host")
        return text

    return read


def _trusted(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())
    except ValueError as error:
        hint = "expected networks like 10.0.0.0/8,192.168.7.0/24"
        raise UsageError(f"invalid --trusted-subnets {text!r}", hint=hint) from error


def switch(word: str, value: str) -> bool:
    """Return whether a switch is on, as Go reads it. Raises `UsageError`."""
    if value in TRUE or value in FALSE:
        return value in TRUE
    raise UsageError(f"invalid value in {word!r}", hint="expected true or false")


# -- the table ---------------------------------------------------------------------------------------

FLAGS = (
    Flag(
        "port",
        "TCP port for peers; data uses the UDP port after it.",
        "PORT",
        lambda text: parse_port(text, GREATEST_PEER_PORT),
        constants.PEER_PORT,
        variable="WEAVE_PORT",
    ),
    Flag("name", "Name of this peer, a MAC address; by default the bridge's, or a random one.", "MAC", default=""),
    Flag("nickname", "Name for people; the host's name by default.", "TEXT", default=""),
    Flag("host", "Address to listen on, and to dial from; all by default.", "ADDRESS", _host, IPv4Address(0)),
    Flag(
        "conn-limit",
        "Greatest number of connections; 0 for no limit.",
        "NUMBER",
        number("--conn-limit", 0, _MOST_CONNECTIONS),
        200,
        ("connlimit",),
    ),
    Flag("enforce", "Let containers send only from the addresses and the MAC that they were given."),
    Flag("no-discovery", "Do not dial peers that other peers know."),
    Flag("resume", "Dial the targets of the last time."),
    Flag("log-level", "Least level of lines in the log; info by default.", "|".join(LOG_LEVELS), _log_level, "info"),
    Flag(
        "http-addr",
        "Loopback address and TCP port of the router's API.",
        "ADDRESS:PORT",
        http_address,
        (_LOOPBACK, constants.ROUTER_HTTP_PORT),
        ("httpaddr",),
        variable="WEAVE_HTTP_ADDR",
    ),
    Flag(
        "metrics-addr",
        "Address and TCP port of the metrics for Prometheus; '' for none.",
        "ADDRESS:PORT",
        _metrics_address,
        (_LOOPBACK, constants.METRICS_PORT),
    ),
    Flag("no-dns", "Do not serve names."),
    Flag("dns-domain", "Domain of the names.", "DOMAIN", _domain, constants.DNS_DOMAIN),
    Flag(
        "dns-listen-address",
        "Where names are served; the address of the engine's bridge by default.",
        "ADDRESS[:PORT]",
        _listen,
        (None, DNS_PORT),
    ),
    Flag("dns-ttl", "Seconds for which an answer may be kept.", "SECONDS", number("--dns-ttl", 0, _GREATEST_TTL), 1),
    Flag("dns-fallback-timeout", "How long to wait for other servers, as 5s.", "DURATION", _duration, 5.0),
    Flag(
        "resolv-conf",
        "The file on the host that lists the other servers.",
        "PATH",
        _host_file("resolv-conf"),
        RESOLV_CONF,
    ),
    Flag(
        "ipalloc-range",
        "Network out of which addresses are handed out, the same on all hosts; empty for none.",
        "CIDR[,CIDR]",
        _networks("ipalloc-range"),
        (ip_network(constants.ADDRESS_RANGE),),
    ),
    Flag(
        "ipalloc-default-subnet",
        "Subnet for those who name none; all of the range by default.",
        "CIDR[,CIDR]",
        _networks("ipalloc-default-subnet"),
        (),
    ),
    Flag(
        "ipalloc-init",
        "How the first hosts agree: consensus, consensus=N, seed=NAME,… or observer.",
        "HOW",
        _init,
        Init(),
    ),
    Flag(
        "ipalloc-reclaim",
        "After how long the addresses of a host out of reach are taken back; off for never.",
        "DURATION",
        _reclaim,
        24 * 3600.0,
    ),
    Flag("proxy", "Serve the Docker API on a socket of the host; =false not to.", default=True),
    Flag("no-default-ipalloc", "Proxy: leave containers alone that do not ask for the network."),
    Flag("without-dns", "Proxy: do not let containers use the router's names, nor give them one."),
    Flag("no-rewrite-hosts", "Proxy: leave the containers' /etc/hosts alone."),
    Flag("rewrite-inspect", "Proxy: let inspect show the network's addresses."),
    Flag("hostname-from-label", "Proxy: make hostnames of this label.", "LABEL", default=""),
    Flag("hostname-match", "Proxy: what hostnames are made of; (.*) by default.", "REGEXP", default=""),
    Flag("hostname-replacement", "Proxy: what becomes of it; $1 by default.", "TEXT", default=""),
    Flag(
        "H",
        "Proxy: also listen on a TCP address, as tcp://10.0.0.1:12375. It may be given again.",
        "ENDPOINT",
        _endpoints,
        (),
        repeated=True,
    ),
    Flag("tls", "Proxy: speak TLS by TCP, and ask clients for no certificate."),
    Flag("tlsverify", "Proxy: speak TLS by TCP, with clients that show a certificate of the authority's."),
    *(
        Flag(name, f"Proxy: file on the host with {what}, PEM; the daemon's by default.", "PATH", _host_file(name), "")
        for name, what in (
            ("tlscacert", "the certificate of the clients' authority"),
            ("tlscert", "the certificate for TLS"),
            ("tlskey", "the key of that certificate"),
        )
    ),
    Flag("no-detect-tls", "Proxy: do not speak TLS only because the daemon does."),
    Flag("insecure", "Proxy: listen by TCP though clients need no certificate, where strangers may be among them."),
    Flag("plugin", "Be Docker's network plugin; =false not to.", default=True),
    Flag(
        "mtu",
        "MTU of the network in bytes, instead of the underlay's less 50.",
        "BYTES",
        read_mtu,
        to="variable",
        variable="WEAVE_MTU",
    ),
    Flag(
        "docker-bridge",
        "Name of the engine's own bridge, if it is not docker0.",
        "NAME",
        to="variable",
        variable="DOCKER_BRIDGE",
    ),
    Flag("no-restart", "Do not have the engine start the router again when it ends.", to="executor"),
    Flag("no-resident", "Do not start the resident executor, which does commands faster.", to="executor"),
    Flag("if-needed", "Be content with a router that runs already: connect it to the peers.", to="executor"),
    Flag("debug", "The same as --log-level debug.", to="executor"),
    Flag(
        "trusted-subnets",
        "Subnets, with commas in between, whose peers get data in the clear, if they say the same of this host.",
        "CIDR,…",
        _trusted,
        (),
    ),
    Flag(
        "password",
        "The network's password. Who lists processes here may see it: rather take a file.",
        "TEXT",
        to="executor",
    ),
    Flag("password-file", "File on this machine whose one line is the password; - for stdin.", "FILE", to="executor"),
    Flag("no-password", "Go without the password that the router has from an earlier launch.", to="executor"),
)
"""All flags with a use, in the order of their help."""

BY_NAME = {flag.name: flag for flag in FLAGS}
ALIASES = {alias: flag.name for flag in FLAGS for alias in flag.aliases} | {
    "iprange": "ipalloc-range",
    "ipsubnet": "ipalloc-default-subnet",
    "initpeercount": "ipalloc-init",
    "pktdebug": "pkt-debug",
}
"""Other spellings, of flags with a use and without."""


def variable(name: str, env: Mapping[str, str]) -> Any:
    """Return what the variable says that a flag is another way to set; None where it is unset.

    Args:
        name: of the flag.
        env: environment variables.

    Raises:
        HostError: it makes no sense.
    """
    flag = BY_NAME[name]
    text = env.get(flag.variable)
    if not text:
        return None
    try:
        return flag.read(text)
    except UsageError as error:
        raise HostError(f"invalid {flag.variable} {text!r}", hint=error.hint) from error


def read(words: Sequence[str], table: Iterable[Flag]) -> tuple[dict[str, Any], list[str]]:
    """Return the values of all flags of a table by name, given or default, and the words that follow the flags.

    Raises:
        UsageError: a flag that is not in the table, or a value that makes no sense.
    """
    by_name = {flag.name: flag for flag in table}
    found, rest = split(words, {flag.name: not flag.metavar for flag in by_name.values()})
    values = {flag.name: flag.default if flag.metavar else bool(flag.default) for flag in by_name.values()}
    for name, text in gathered(found, by_name).items():
        values[name] = by_name[name].read(text) if by_name[name].metavar else text == "true"
    return values, rest


def gathered(found: Iterable[tuple[str, str]], table: Mapping[str, Flag]) -> dict[str, str]:
    """Return the text of each flag by name: the last one; of a flag that may be given again all, with commas."""
    texts: dict[str, str] = {}
    for name, text in found:
        again = name in texts and name in table and table[name].repeated
        texts[name] = f"{texts[name]},{text}" if again else text
    return texts


def split(words: Sequence[str], switches: Mapping[str, bool]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return flags as names and texts, and the words that follow the last flag.

    Args:
        words: flags by one dash or two, `-flag value` or `-flag=value`, then the others.
        switches: which flags there are, by name, and whether each is a switch.

    Raises:
        UsageError: a flag that there is none of, one without its value, or a switch that is neither on nor off.
    """
    found: list[tuple[str, str]] = []
    rest = list(words)
    while rest and len(rest[0]) > 1 and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        name, equals, text = word.lstrip("-").partition("=")
        name = ALIASES.get(name, name)
        if name not in switches:
            raise UsageError(f"unknown option {word!r}")
        if switches[name]:
            text = "true" if switch(word, text if equals else "true") else "false"
        elif not equals:
            if not rest:
                raise UsageError(f"option {word!r} needs a value")
            text = rest.pop(0)
        found.append((name, text))
    return found, rest
