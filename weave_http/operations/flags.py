"""The flags of `launch` and of the router, each in one place: how it is read, and who uses it.

The executor reads them from `launch`, hands those for the router on, and the router reads them with the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Address, ip_network

from weave_http import constants
from weave_http.addresses import parse_port
from weave_http.errors import HostError, UsageError
from weave_http.hints import Any, Literal
from weave_http.operations import flag_values as values
from weave_http.records import dataclass

GREATEST_PEER_PORT = 65534
"""Data uses the port after it."""
RESOLV_CONF = "/etc/resolv.conf"
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
    Flag("host", "Address to listen on, and to dial from; all by default.", "ADDRESS", values.host, IPv4Address(0)),
    Flag(
        "conn-limit",
        "Greatest number of connections; 0 for no limit.",
        "NUMBER",
        values.number("--conn-limit", 0, _MOST_CONNECTIONS),
        200,
        ("connlimit",),
    ),
    Flag("enforce", "Let containers send only from the addresses and the MAC that they were given."),
    Flag("no-discovery", "Do not dial peers that other peers know."),
    Flag("resume", "Dial the targets of the last time."),
    Flag(
        "log-level",
        "Least level of lines in the log; info by default.",
        "|".join(values.LOG_LEVELS),
        values.log_level,
        "info",
    ),
    Flag(
        "http-addr",
        "Loopback address and TCP port of the router's API.",
        "ADDRESS:PORT",
        values.http_address,
        (values.LOOPBACK, constants.ROUTER_HTTP_PORT),
        ("httpaddr",),
        variable="WEAVE_HTTP_ADDR",
    ),
    Flag(
        "metrics-addr",
        "Address and TCP port of the metrics for Prometheus; '' for none.",
        "ADDRESS:PORT",
        values.metrics_address,
        (values.LOOPBACK, constants.METRICS_PORT),
    ),
    Flag("no-dns", "Do not serve names."),
    Flag("dns-domain", "Domain of the names.", "DOMAIN", values.domain, constants.DNS_DOMAIN),
    Flag(
        "dns-listen-address",
        "Where names are served; the address of the engine's bridge by default.",
        "ADDRESS[:PORT]",
        values.listen,
        (None, values.DNS_PORT),
    ),
    Flag(
        "dns-ttl",
        "Seconds for which an answer may be kept.",
        "SECONDS",
        values.number("--dns-ttl", 0, _GREATEST_TTL),
        1,
    ),
    Flag("dns-fallback-timeout", "How long to wait for other servers, as 5s.", "DURATION", values.duration, 5.0),
    Flag(
        "resolv-conf",
        "The file on the host that lists the other servers.",
        "PATH",
        values.host_file("resolv-conf"),
        RESOLV_CONF,
    ),
    Flag(
        "ipalloc-range",
        "Network out of which addresses are handed out, the same on all hosts; empty for none.",
        "CIDR[,CIDR]",
        values.networks("ipalloc-range"),
        (ip_network(constants.ADDRESS_RANGE),),
    ),
    Flag(
        "ipalloc-default-subnet",
        "Subnet for those who name none; all of the range by default.",
        "CIDR[,CIDR]",
        values.networks("ipalloc-default-subnet"),
        (),
    ),
    Flag(
        "ipalloc-init",
        "How the first hosts agree: consensus, consensus=N, seed=NAME,… or observer.",
        "HOW",
        values.init,
        values.Init(),
    ),
    Flag(
        "ipalloc-reclaim",
        "After how long the addresses of a host out of reach are taken back; off for never.",
        "DURATION",
        values.reclaim,
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
        values.endpoints,
        (),
        repeated=True,
    ),
    Flag("tls", "Proxy: speak TLS by TCP, and ask clients for no certificate."),
    Flag("tlsverify", "Proxy: speak TLS by TCP, with clients that show a certificate of the authority's."),
    *(
        Flag(
            name,
            f"Proxy: file on the host with {what}, PEM; the daemon's by default.",
            "PATH",
            values.host_file(name),
            "",
        )
        for name, what in (
            ("tlscacert", "the certificate of the clients' authority"),
            ("tlscert", "the certificate for TLS"),
            ("tlskey", "the key of that certificate"),
        )
    ),
    Flag("no-detect-tls", "Proxy: do not speak TLS only because the daemon does."),
    Flag("insecure", "Proxy: listen by TCP though clients need no certificate, where strangers may be among them."),
    Flag("plugin", "Be Docker's network plugin; =false not to.", default=True),
    Flag("offload", "Encrypt many packets in one piece, in user space; =false one by one.", default=True),
    Flag(
        "mtu",
        "MTU of the network in bytes, instead of the underlay's less 50.",
        "BYTES",
        values.read_mtu,
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
        values.trusted,
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
