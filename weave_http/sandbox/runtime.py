"""Privileged containers on a machine whose root is not allowed everything.

Docker 20.10 asks runc for every capability there is when a container is privileged; where root itself lacks one
(CAP_SYS_RESOURCE in many virtual machines and outer containers) the start fails with "unable to apply caps".
The hosts then get an OCI runtime that takes what is missing out of the container's configuration and hands the rest
to the real one. The file is shell and sed, because an engine root need not have Python; the configuration is JSON as
Go writes it, compact, and a quote inside a JSON string is always escaped, so the patterns match keys only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

# linux/capability.h, in the order of their numbers
# fmt: off
CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID",
    "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
    "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
    "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE",
    "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM",
    "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
)
# fmt: on

_WRAPPER = """\
#!/bin/sh
# OCI runtime of this sandbox host: root here lacks @MISSING@, so containers do not ask for it.
fit() {
  sed -E -i \\
    -e ':again' -e 's/("capabilities":\\{[^}]*)"(@PATTERN@)"(,|(\\]))/\\1\\4/' -e 't again' \\
    -e ':comma' -e 's/("capabilities":\\{[^}]*),\\]/\\1]/' -e 't comma' \\
    -e 's/"oomScoreAdj":-[0-9]+/"oomScoreAdj":'"$(cat /proc/self/oom_score_adj)"'/' "$1"
}
command= before=
for word; do
  case $before,$word in
    --root,*|--log,*|--log-format,*) ;;
    *,create|*,run|*,restore|*,exec) [ -n "$command" ] || command=$word ;;
  esac
  case $command,$before in
    ,*) ;;
    exec,--process|exec,-p) fit "$word"; break ;;
    exec,*) ;;
    *,--bundle|*,-b) fit "$word/config.json"; break ;;
  esac
  before=$word
done
exec @RUNTIME@ "$@"
"""


def missing_capabilities(status: str, last: int) -> list[str]:
    """Name the capabilities that a process cannot hand on.

    Args:
        status: text of its /proc/PID/status.
        last: highest capability number of the kernel (/proc/sys/kernel/cap_last_cap).
    """
    sets = dict(line.split(":", 1) for line in status.splitlines() if line.startswith("Cap"))
    have = int(sets["CapPrm"], 16) & int(sets["CapBnd"], 16)
    known = enumerate(CAPABILITIES[: last + 1])
    return [f"CAP_{name}" for number, name in known if not have >> number & 1]


def missing_here() -> list[str]:
    """Name the capabilities that root on this machine lacks."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return missing_capabilities(status, int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii")))


def wrapper(missing: Sequence[str], runtime: str) -> str:
    """Return the shell text of an OCI runtime that strips capabilities and then runs the real one.

    Args:
        missing: names as `CAP_SYS_RESOURCE`, at least one.
        runtime: absolute path of the real runtime on the host.
    """
    text = _WRAPPER.replace("@MISSING@", " ".join(missing)).replace("@PATTERN@", "|".join(missing))
    return text.replace("@RUNTIME@", runtime)
