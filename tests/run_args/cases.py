"""Values for every option of `docker run`: good ones, some at their bounds, and bad ones.

The docker CLI is asked about all of them, so a value in the wrong column is found out.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from weave_http.records import dataclass
from weave_http.run_args.kinds import ValueKind
from weave_http.run_args.table import OPTIONS

ENVIRON = {"TOWN": "Bree", "EMPTY": ""}
"""What the lines are typed with."""
FILES = {
    "one.env": b"\xef\xbb\xbfA=1\n# no\n\n  B= two \nTOWN\nNOWHERE\nC\tno=1".replace(b"C\tno=1", b"C=a=b\r\n"),
    "two.env": b'A=2\nEMPTY\nQUOTED="x y" # z',
    "blank.env": b"A B=1\n",
    "nameless.env": b"=1\n",
    "latin.env": b"A=\xe9\n",
    "labels": b"one=1\ntwo\n three=\n",
    "profile.json": b'{ "defaultAction": "SCMP_ACT_ALLOW",\n "n": 1.0, "s": "a b\\" c" }\n',
    "broken.json": b"{",
    "there": b"",
}
"""What is in the directory in which they are typed."""

_INTS = ("0", "1", "0x10", "0o17", "017", "0b11", "1_000", "+5")
_BAD_INTS = ("", "x", "1.5", "08", "1__0", "_1", "0x", " 1", "9223372036854775808")
_SIZES = ("0", "5b", "6m", "1.5g", "5KiB", "2GB", "1t", "1p", "7 m", "1048576")
_BAD_SIZES = ("", "m", "-1", "10x", "1 0", "5mm", "1kbb", "1.5.5x", "x5")
_DURATIONS = ("0", "5s", "1h30m", "1.5s", "250ms", "3us", "7µs", "9ns", "+1m")
_BAD_DURATIONS = ("", "5", "-1s", "s", "1d", "1.s.", "1h-3m")
_MODES = ("", "host")

GOOD: dict[str, tuple[str, ...]] = {
    "add-host": ("a:1.2.3.4", "b:::1", "c:host-gateway"),
    "annotation": ("a=b", "a", "a=b=c", ""),
    "attach": ("stdin", "STDOUT", "Stderr"),
    "blkio-weight": ("0", "10", "1000", "65535", "0x10"),
    "blkio-weight-device": ("/dev/sda:0", "/dev/sda:10", "/dev/sdb:1000"),
    "cap-add": ("NET_ADMIN", "cap_chown", "ALL", "all"),
    "cap-drop": ("NET_ADMIN", "cap_chown", "ALL"),
    "cgroup-parent": ("/foo", ""),
    "cgroupns": ("", "host", "private"),
    "cidfile": ("", "new.cid"),
    "cpu-period": (*_INTS, "-1"),
    "cpu-quota": (*_INTS, "-1", "9223372036854775807"),
    "cpu-rt-period": _INTS,
    "cpu-rt-runtime": _INTS,
    "cpu-shares": (*_INTS, "-9223372036854775808"),
    "cpus": ("0", "1", "1.5", ".5", "2.", "1/4", "0.000000001", "1e-3", "+2", "-1"),
    "cpuset-cpus": ("0-3", "0,1", ""),
    "cpuset-mems": ("0", ""),
    "detach-keys": ("", "a", "ctrl-p,ctrl-q", "ctrl-@,x", "ctrl-["),
    "device": ("/dev/null", "/dev/a:/dev/b", "/dev/a:/dev/b:rw", "/dev/a:m", "/dev/../x", "/dev/a:/b//c/.", "a:/b:r"),
    "device-cgroup-rule": ("c 1:3 rwm", "a *:* r", "b 8:* rw"),
    "device-read-bps": ("/dev/sda:1m", "/dev/sda:0", "/dev/sdb:10"),
    "device-read-iops": ("/dev/sda:1000", "/dev/sda:18446744073709551615"),
    "device-write-bps": ("/dev/sda:1m", "/dev/sda:2kb"),
    "device-write-iops": ("/dev/sda:0", "/dev/sdb:7"),
    "dns": ("8.8.8.8", "::1", "2001:DB8::1", "::ffff:1.2.3.4", "1:0:0:2:0:0:0:3"),
    "dns-option": ("ndots:1", "debug", ""),
    "dns-search": ("example.com", ".", "Example.com.", "a-b.c1", "foo "),
    "domainname": ("example.com", ""),
    "entrypoint": ("/bin/sh", "a b", ""),
    "env": ("A=1", "B=x=y", "C=", "TOWN", "EMPTY", "NOWHERE", "D= a b ", "A=2", "TOWN=Rohan"),
    "env-file": ("one.env", "two.env"),
    "expose": ("80", "80/udp", "90-92", "0", "65535", "81/"),
    "gpus": ("all", "2", "device=1", '"device=0,1"', "driver=nvidia,count=3", '"capabilities=utility,compute"', "0"),
    "group-add": ("audio", "1000", ""),
    "health-cmd": ("true || false", ""),
    "health-interval": _DURATIONS,
    "health-retries": ("0", "3", "0x3"),
    "health-start-interval": _DURATIONS,
    "health-start-period": _DURATIONS,
    "health-timeout": _DURATIONS,
    "hostname": ("web", ""),
    "ip": ("10.1.2.3", ""),
    "ip6": ("2001:db8::33", "2001:DB8:0::33", ""),
    "ipc": ("", "host", "none", "shareable", "container:x", "anything"),
    "isolation": ("", "default"),
    "kernel-memory": _SIZES,
    "label": ("a=1", "b", "c=", "d=x=y", "a=2", "e= x y "),
    "label-file": ("labels",),
    "link": ("db", "db:alias"),
    "link-local-ip": ("169.254.1.1", "fe80::1"),
    "log-driver": ("json-file", "none", ""),
    "log-opt": ("max-size=1m", "tag"),
    "mac-address": ("02:42:ac:11:00:02", "02-42-AC-11-00-02", "0242.ac11.0002", ""),
    "memory": _SIZES,
    "memory-reservation": _SIZES,
    "memory-swap": (*_SIZES, "-1"),
    "memory-swappiness": ("0", "100", "-1", "50"),
    "mount": (
        "type=bind,src=/a,dst=/b",
        "type=bind,source=/a,target=/b,readonly,bind-propagation=RSLAVE",
        "dst=/data",
        "src=vol,destination=/data,ro=true,volume-nocopy=true",
        "src=vol,dst=/data,volume-opt=type=nfs,volume-opt=o=addr=1,volume-label=a=b,volume-driver=local",
        '"volume-opt=o=addr=1,rw",dst=/d',
        "type=tmpfs,dst=/t",
        "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1777",
        "type=bind,src=/a,dst=/b,consistency=delegated,readonly=false",
        "type=npipe,src=x,dst=y",
    ),
    "name": ("c1", "", "a b"),
    "network": ("mine", "bridge", "host", "none", "default", "container:x", "yours", "name=Mine,alias=Web"),
    "network-alias": ("web", "db"),
    "oom-score-adj": ("0", "-1000", "1000", "500"),
    "pid": ("", "host", "container:x"),
    "pids-limit": ("0", "-1", "100"),
    "platform": ("", "linux/arm64", "linux/arm/v7", "arm64", "linux/amd64"),
    "publish": (
        "80",
        "8080:80",
        "127.0.0.1:8080:80/udp",
        "127.0.0.1::80",
        "[::1]:8080:80",
        ":80",
        "8000-8002:9000-9002",
        "8000-8010:80",
        "90-92",
        "80/TCP",
        "1:0",
        "65535:65535/sctp",
        "published=8080,target=80",
        "target=53,protocol=udp",
    ),
    "pull": ("", "always", "missing", "never"),
    "restart": ("no", "always", "on-failure", "on-failure:3", "unless-stopped", ""),
    "runtime": ("runc", ""),
    "security-opt": (
        "no-new-privileges",
        "no-new-privileges:true",
        "label=disable",
        "apparmor:unconfined",
        "seccomp=unconfined",
        "seccomp=profile.json",
        "systempaths=unconfined",
    ),
    "shm-size": _SIZES,
    "stop-signal": ("SIGINT", "9", ""),
    "stop-timeout": ("0", "10", "-1", "0x10"),
    "storage-opt": ("size=10G", "a="),
    "sysctl": ("net.ipv4.ip_forward=1", "kernel.shmmax=5", "fs.mqueue.msg_max=7", "net.a="),
    "tmpfs": ("/run", "/tmp:rw,size=1m", ""),
    "ulimit": ("nofile=1024", "nofile=1024:2048", "core=-1", "cpu=5:-1", "nproc=0"),
    "user": ("root", "1000:1000", ""),
    "userns": _MODES,
    "uts": _MODES,
    "volume": ("/data", "/src:/dst", "named:/n:ro", "/a:/b:rw,z", "~/x:/y", "/a b:/c"),
    "volume-driver": ("local", ""),
    "volumes-from": ("other", "other:ro"),
    "workdir": ("/srv", ""),
}
"""Values that every CLI from 20.10 on understands the same way."""

NEWER: dict[str, tuple[str, ...]] = {
    "add-host": ("b=[::1]", "d=::1", "e:[1.2.3.4]"),
    "device": ("vendor.com/class=name", "example.com/net=eth0.1"),
    "gpus": ("options=a=b", 'device=1,"options=""a=b,c=d"""'),
    "ip": ("010.1.2.3",),
    "mac-address": ("02:42:ac:11:00:02:00:01",),
    "memory": (".5g", "1e3", "0.5", "1.k", "0x1p4", "1e-3m"),
    "mount": (
        "type=bind,src=.,dst=/b",
        "type=bind,src=../a,dst=/b",
        "TYPE=Bind,SRC=/a,DST=/b",
        "type=bind,src=/a,dst=/b,bind-recursive=disabled",
        "type=bind,src=/a,dst=/b,bind-recursive=enabled",
        "type=bind,src=/a,dst=/b,bind-recursive=writable,readonly",
        "type=bind,src=/a,dst=/b,bind-recursive=readonly,readonly,bind-propagation=rprivate",
        "type=bind,src=/a,dst=/b,bind-nonrecursive",
        "type=volume,src=v,dst=/b,volume-subpath=x/y",
        "type=image,src=busybox,dst=/b,image-subpath=bin",
        "dst=/x,volume-label==b",
        "dst=/x,readonly=T",
    ),
    "network": (
        "name=mine,ip=10.1.2.3,ip6=2001:db8::1,mac-address=02:42:ac:11:00:02,link-local-ip=169.254.1.1",
        "name=mine,driver-opt=a=b,driver-opt=c=d,gw-priority=5",
        "name=yours,gw-priority=-1",
        '"name=mine","driver-opt=com.docker.network.endpoint.sysctls=net.a=1,net.b=2"',
    ),
    "publish": ("::1:80:80",),
    "restart": ("always:", "on-failure:-1", "on-failure:+2"),
    "security-opt": ("seccomp=builtin",),
    "volume": ("./x:/y", ".:/y", "../x:/y:ro", ".x:/y"),
    "platform": ("linux/arm64/v8", "aarch64", "armhf", "armel", "linux/amd64/v1", "i386", "linux", "macos", "x86-64"),
}
"""Values that older CLIs refuse, send otherwise, or never heard of; 28.2 was asked about them."""

BAD: dict[str, tuple[str, ...]] = {
    "add-host": ("", "a", ":1.2.3.4", "a:nowhere", "a:1.2.3"),
    "attach": ("", "stdinn"),
    "blkio-weight": ("65536", "-1", *_BAD_INTS),
    "blkio-weight-device": ("", "/dev/sda", "/dev/sda:9", "/dev/sda:1001", "sda:10", "/dev/sda:x", ":10"),
    "cgroupns": ("hosts",),
    "cidfile": ("there",),
    "cpu-count": ("1",),
    "cpu-percent": ("1",),
    "cpu-period": _BAD_INTS,
    "cpu-quota": _BAD_INTS,
    "cpu-rt-period": _BAD_INTS,
    "cpu-rt-runtime": _BAD_INTS,
    "cpu-shares": _BAD_INTS,
    "cpus": ("", "x", "0.0000000001", "1/3", "1/0", "1.5.5", "1e-10"),
    "device": ("", "null", ":/x", "/dev/a:/b:x", "/dev/a:/b:rr", "/a:/b:/c:/d", "/dev/a:b"),
    "device-cgroup-rule": ("", "d 1:3 rwm", "c 1 rwm", "c 1:3 x", "c 1:3 rwmr", "c 1:3"),
    "device-read-bps": ("", "/dev/sda", "sda:1m", "/dev/sda:-1", "/dev/sda:x"),
    "device-read-iops": ("/dev/sda:1m", "/dev/sda:-1", "/dev/sda:18446744073709551616"),
    "device-write-bps": ("/dev/sda:", ":1m"),
    "device-write-iops": ("/dev/sda:", "sda:1", "/dev/sda:0x10"),
    "dns": ("", "nowhere", "1.2.3", "[::1]", "fe80::1%eth0", "1.2.3.04"),
    "dns-search": ("", "a_b", "1.2", "-a", "a..b", "a" * 256 + ".com"),
    "env": ("", "=", "=x"),
    "env-file": ("missing.env", "blank.env", "nameless.env", "latin.env", ""),
    "expose": ("", "x", "80:80", "92-90", "65536", "-1", "1-"),
    "gpus": ("", "x", "all,all", "count=x", "foo=bar", "count=1,count=2", '"device=0,1'),
    "health-interval": _BAD_DURATIONS,
    "health-retries": ("-1", *_BAD_INTS),
    "health-start-interval": _BAD_DURATIONS,
    "health-start-period": _BAD_DURATIONS,
    "health-timeout": _BAD_DURATIONS,
    "io-maxbandwidth": ("1m",),
    "io-maxiops": ("1",),
    "kernel-memory": _BAD_SIZES,
    "label": ("", "=x", "a b=c", "a\tb"),
    "label-file": ("missing",),
    "link": ("", "a:b:c"),
    "mac-address": ("x", "02:42:ac:11:00", "02:42:ac:11:00:0g", "02:42-ac:11:00:02", "0242ac110002"),
    "memory": _BAD_SIZES,
    "memory-reservation": _BAD_SIZES,
    "memory-swap": ("-2", *_BAD_SIZES),
    "memory-swappiness": ("101", "-2", *_BAD_INTS),
    "mount": (
        "",
        "src=a",
        "type=bind,src=/a,dst=/b,volume-nocopy=true",
        "dst=/b,bind-propagation=rslave",
        "type=bind,dst=/b,tmpfs-size=1m",
        "dst=/b,foo=bar",
        "dst=/b,src",
        "type=tmpfs,dst=/b,tmpfs-size=x",
        "type=tmpfs,dst=/b,tmpfs-mode=9",
        "type=tmpfs,dst=/b,tmpfs-mode=0o17",
        "dst=/b,readonly=yes",
        'dst=/b,"src=a',
        'dst="/b"',
        "/a:/b",
    ),
    "network": ("", "a=b", "alias=web", "name=mine,foo=bar", "name=mine,driver-opt=x", "name=mine,ip"),
    "oom-score-adj": _BAD_INTS,
    "pid": ("hosts", "container:", "container"),
    "pids-limit": _BAD_INTS,
    "platform": ("x/y/z/w", "foo", "*", "linux/", "linux/*"),
    "publish": (
        "",
        "x",
        "65536",
        "80/icmp",
        "1-2:3-5",
        "9-8",
        "1.2.3:80:80",
        "x:80",
        "80:",
        "+1:80",
        "[::1:80:80",
        "-1",
        "foo=bar",
        "published=80",
        "80:x",
    ),
    "restart": ("on-failure:x", "on-failure:1.5", "on-failure:0x1"),
    "security-opt": ("foo", "seccomp=missing.json", "seccomp=broken.json", "no-new-privilege"),
    "shm-size": _BAD_SIZES,
    "stop-timeout": _BAD_INTS,
    "storage-opt": ("size", ""),
    "sysctl": ("", "net.ipv4.ip_forward", "kernel.hostname=x", "=1", "foo.bar=1"),
    "ulimit": ("", "nofile", "as=1", "nofile=x", "nofile=2:1", "nofile=1:2:3", "nofile="),
    "userns": ("hosts", "container:x"),
    "uts": ("hosts", "container:x"),
    "volume": (":/b", "/a:", "/a::ro", "/a:/b:ro:z"),
}
"""Values that docker refuses."""

BAD_NEWER: dict[str, tuple[str, ...]] = {
    "mount": (
        "dst=/b,src= a",
        "dst=",
        " dst=/b",
        "type=bind,src=/a,dst=/b,bind-recursive=foo",
        "type=bind,src=/a,dst=/b,bind-recursive=writable",
        "type=bind,src=/a,dst=/b,bind-recursive=readonly,readonly",
        "dst=/b,bind-recursive=disabled",
    ),
    "network": ("name=mine,mac-address=x", "name=mine,gw-priority=0x10"),
    "ulimit": ("nofile=-1:5",),
    "volume": ("",),
    "restart": (":3",),
    "pull": ("sometimes",),
    "network-alias": ("web",),
}
"""Values that older CLIs accept, or refuse for another reason."""

UNASKED = frozenset({"help", "disable-content-trust"})
"""Switches that lead away from the create call: to the usage, and to a server of signatures on the Internet."""

_MINE = ("--network", "mine")
COMPANIONS = dict.fromkeys(("network-alias", "ip", "ip6", "link-local-ip", "mac-address"), _MINE)
"""What an option does not work without, for older CLIs at least."""

CONFLICTS = (
    "--rm --restart always image",
    "--rm --restart on-failure:3 image",
    "--rm --restart no image",
    "--rm=false --restart always image",
    "-d -a stdout image",
    "-d -i image",
    "-a stdin -i image",
    "-a stdout -a stderr image",
    "--no-healthcheck --health-cmd true image",
    "--no-healthcheck --health-retries 3 image",
    "--no-healthcheck --health-retries 0 image",
    "--no-healthcheck=false --health-interval 5s image",
    "--network mine --network host image",
    "--network mine --network mine image",
    "--network host --network-alias web image",
    "--log-driver none --log-opt a=b image",
    "--log-driver none image",
    "--env-file one.env --env-file two.env -e A=3 -e TOWN image",
    "--label-file labels -l one=2 image",
    "-v /a:/b -v /a:/b -v /c -v /c image",
    "-p 80:80 -p 81:80 -p 80:80/udp --expose 80 --expose 90 image",
    "--ulimit nofile=1 --ulimit core=2 --ulimit nofile=3 image",
    "--dns-opt a --dns-option b --dns-opt c image",
    "--net mine --net-alias a --network-alias b --link db:x --ip 10.1.2.3 --ip6 ::1 --link-local-ip fe80::1 image",
    "--tty --tty=false image",
    "-m 1g -m 2g image",
    "--privileged --privileged=0 image",
    "--init image",
    "--init=false image",
    "--entrypoint x --entrypoint= image",
    "--cap-add b --cap-add a --cap-add B --cap-drop ALL image",
    "--gpus all --gpus 2 --device /dev/null image",
)
"""Options that exclude each other, or come together."""

CONFLICTS_NEWER = (
    "--network mine --ip 10.1.2.3 --network yours --network name=theirs,ip=10.1.2.4 image",
    "--network name=mine,alias=a --network-alias b image",
    "--network name=mine,ip=10.1.2.3 --ip 10.1.2.4 image",
    "--network name=mine,mac-address=02:42:ac:11:00:02 --mac-address 02:42:ac:11:00:03 image",
    "--network name=mine,gw-priority=1 --network-alias A --ip 10.1.2.3 image",
    "--network mine --network yours image",
    "--network host --network none image",
    "--mac-address 02:42:ac:11:00:02 --network mine --network yours image",
    "--ip 10.1.2.3 image",
    "--ip6 ::1 --link-local-ip fe80::1 image",
    "--link a --network bridge image",
    "--device vendor.com/class=a --gpus all --device vendor.com/class=b image",
    "-qd image",
)

GRAMMAR = (
    "image",
    "image sh -c ls -l",
    "image --name x -d",
    "-- image -d",
    "-it=false image",
    "-i=0 image",
    "-iP image",
    "-Pp80 image",
    "-Pp 80 image",
    "-Pp=80 image",
    "-e=A=1 image",
    "-e==1 image",
    "--env==1 image",
    "--bogus image",
    "--bogus=1 image",
    "---name x image",
    "--=x image",
    "--nam x image",
    "-z image",
    "-iz image",
    "-t= image",
    "--name",
    "-e",
    "-ie",
    "--rm=2 image",
    "--rm= image",
    "-i=yes image",
    "--rm false image",
    "-P=T image",
    "-P=F -i=True -t=FALSE image",
    "--name -x image",
    "-c4 image",
    "-m512m image",
    "-hweb -uroot -w/srv -lx -v/data image",
    "-h web image",
    "--sig-proxy=false image",
    "--quiet=false image",
    "--",
    "-d",
)
"""The language of options itself."""


@dataclass(frozen=True)
class Line:
    """An argument line.

    Args:
        words: of `docker run`.
        options: long names of the options in it.
        newer: only newer CLIs read it as 28.2 does.
    """

    words: tuple[str, ...]
    options: frozenset[str]
    newer: bool = False

    @property
    def text(self) -> str:
        """The line as a shell takes it."""
        return shlex.join(self.words)


def every_option() -> Iterator[Line]:
    """Yield each option alone, with each of its values, good and bad."""
    for option in OPTIONS:
        companion = COMPANIONS.get(option.name, ())
        values: list[tuple[str, bool]] = []
        if option.kind is ValueKind.SWITCH:
            if option.name not in UNASKED:
                yield Line((*companion, f"--{option.name}", "image"), frozenset({option.name}))
                yield Line((*companion, f"--{option.name}=false", "image"), frozenset({option.name}))
            continue
        for table, newer in ((GOOD, False), (NEWER, True), (BAD, False), (BAD_NEWER, True)):
            values += [(value, newer) for value in table.get(option.name, ())]
        for value, newer in values:
            bare = option.name == "network-alias" and newer
            words = (*(() if bare else companion), f"--{option.name}", value, "image")
            yield Line(words, frozenset({option.name}), newer)


def every_spelling() -> Iterator[Line]:
    """Yield each option in each way to write it, with one value."""
    for option in OPTIONS:
        if option.kind is ValueKind.SWITCH:
            if option.short:
                for spelled in (
                    f"-{option.short}",
                    f"-{option.short}=true",
                    f"-{option.short}=false",
                    f"-i{option.short}",
                ):
                    companion = COMPANIONS.get(option.name, ())
                    yield Line((*companion, spelled, "image"), frozenset({option.name, "interactive"}))
            continue
        value = GOOD.get(option.name, ("1",))[0] or GOOD[option.name][1]
        companion = COMPANIONS.get(option.name, ())
        for name in (option.name, *option.aliases):
            yield Line((*companion, f"--{name}={value}", "image"), frozenset({option.name}))
            yield Line((*companion, f"--{name}", value, "image"), frozenset({option.name}))
        if option.short:
            letter = f"-{option.short}"
            for words in ((letter, value), (letter + value,), (f"{letter}={value}",), (f"-P{option.short}", value)):
                yield Line((*companion, *words, "image"), frozenset({option.name}))


def _typed(lines: tuple[str, ...], newer: bool) -> Iterator[Line]:
    for line in lines:
        words = tuple(shlex.split(line))
        names = frozenset(word.lstrip("-").partition("=")[0] for word in words if word.startswith("--"))
        yield Line(words, names, newer)


def all_lines() -> list[Line]:
    """Return all lines, each once."""
    lines = [
        *_typed(GRAMMAR, False),
        *_typed(CONFLICTS, False),
        *_typed(CONFLICTS_NEWER, True),
        *every_option(),
        *every_spelling(),
    ]
    return list({line.words: line for line in lines}.values())
