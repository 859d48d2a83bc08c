"""A DNS client for one question, as a container's resolver would ask it."""

from __future__ import annotations

import socket

from dnslib import EDNS0, RCODE, DNSError, DNSRecord
from dnslib.label import DNSLabelError

from weave_http.errors import HostError
from weave_http.operations.hostnames import parse_hostname

_TIMEOUT = 2.0
_ATTEMPTS = 4
"""Together more than the server gives others."""
_SIZE = 1232


def addresses(name: str, host: str, port: int) -> list[str]:
    """Return the addresses of a name in the order of the answers, those of IPv4 first; none when there is no such name.

    Args:
        name: the name.
        host: address of the server.
        port: its port.

    Raises:
        UsageError: it is no name.
        HostError: the server doesn't answer, or failed.
    """
    fqdn = parse_hostname(name)
    return [each for kind in ("A", "AAAA") for each in _asked(DNSRecord.question(fqdn, kind), name, host, port)]


def _asked(question: DNSRecord, name: str, host: str, port: int) -> list[str]:
    question.add_ar(EDNS0(udp_len=_SIZE))
    where = f"the DNS server at {host}:{port}"
    try:
        reply = _exchange(question, host, port)
    except TimeoutError as error:
        raise HostError(f"{where} does not answer") from error
    except OSError as error:
        raise HostError(f"{where} can't be asked: {error.strerror or error}") from error
    except (DNSError, DNSLabelError, ValueError) as error:
        raise HostError(f"{where} answered something else than DNS") from error
    if reply.header.rcode not in (RCODE.NOERROR, RCODE.NXDOMAIN):
        raise HostError(f"{where} could not find {name}: {RCODE.get(reply.header.rcode)}")
    return [str(record.rdata) for record in reply.rr if record.rtype == question.q.qtype]


def _exchange(question: DNSRecord, host: str, port: int) -> DNSRecord:
    data = question.pack()
    for attempt in range(_ATTEMPTS):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(_TIMEOUT)
            sock.connect((host, port))
            sock.send(data)
            try:
                reply = DNSRecord.parse(sock.recv(65535))
            except TimeoutError:
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
        if reply.header.id == question.header.id:
            break
    else:
        raise TimeoutError
    return DNSRecord.parse(question.send(host, port, tcp=True, timeout=_TIMEOUT)) if reply.header.tc else reply
