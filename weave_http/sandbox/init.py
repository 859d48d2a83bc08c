"""The first process of a sandbox host: from a network namespace to a machine of its own.

Run as a script, `python -I -S init.py PLAN`, so it imports nothing but the standard library; `Host` in host.py writes
the plan, as JSON. The process joins the host's cgroups and network namespace and forks: the child is process 1 of the
host. It unshares the other kinds of namespaces, puts an overlay over the engine root, mounts what a machine has (/proc,
/sys, /dev, cgroups), makes that its root and becomes tini, or stays to reap orphans itself.

The starter learns the outcome from a pipe. The first line is the number of process 1, as the machine sees it; when the
pipe is closed after that the host is up. Otherwise another line names the step that failed.
"""

import ctypes
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MS_SHARED = 0x100000
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEVICES = {
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "kmsg": (1, 11),
    "tty": (5, 0),
    "fuse": (10, 229),
    "net/tun": (10, 200),
}
DEVICE_LINKS = {
    "ptmx": "pts/ptmx",
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}

_libc = ctypes.CDLL(None, use_errno=True)


class StepFailed(Exception):
    """One step of the boot failed; the text is what the user reads."""


@contextmanager
def step(what: str) -> Iterator[None]:
    """Name what is being done, for the one line that the starter gets when it fails."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise StepFailed(f"{what}: {error.strerror or error}{where}") from error


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def mount(source: str, target: str, kind: str | None, flags: int = 0, options: str = "") -> None:
    """mount(2); creates the mount point when it is missing."""
    with step(f"mount {kind or 'bind'} on {target}"):
        os.makedirs(target, exist_ok=True)
        _call(
            "mount",
            source.encode(),
            target.encode(),
            kind.encode() if kind else None,
            ctypes.c_ulong(flags),
            options.encode() if options else None,
        )


def set_propagation(flags: int) -> None:
    with step("set mount propagation"):
        _call("mount", b"none", b"/", None, ctypes.c_ulong(MS_REC | flags), None)


def setting(path: str, value: str) -> None:
    """Write a sysctl that this kernel may not have."""
    if os.path.exists(path):
        with step(f"write {value} to {path}"), open(path, "w", encoding="ascii") as file:
            file.write(value)


def join_cgroups(files: list[str]) -> None:
    for path in files:
        with step(f"join cgroup {path}"), open(path, "w", encoding="ascii") as file:
            file.write("0")


def enter_network(path: str) -> None:
    with step(f"enter {path}"):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call("setns", fd, CLONE_NEWNET)
        finally:
            os.close(fd)
    # A new network namespace inherits the machine's value; a fresh machine forwards nothing, and only when
    # dockerd turns forwarding on itself does it set the FORWARD policy to DROP.
    setting("/proc/sys/net/ipv4/ip_forward", "0")
    for family in ("iptables", "ip6tables", "arptables"):
        setting(f"/proc/sys/net/bridge/bridge-nf-call-{family}", "1")


def make_devices(root: str) -> None:
    mount("tmpfs", f"{root}/dev", "tmpfs", MS_NOSUID, "mode=755,size=64k,nr_inodes=64k")
    with step(f"make devices in {root}/dev"):
        os.mkdir(f"{root}/dev/net")
        for name, (major, minor) in DEVICES.items():
            os.mknod(f"{root}/dev/{name}", stat.S_IFCHR | 0o666, os.makedev(major, minor))
        for name, target in DEVICE_LINKS.items():
            os.symlink(target, f"{root}/dev/{name}")
    pts = "newinstance,ptmxmode=666,mode=620,gid=5"
    mount("devpts", f"{root}/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, pts)
    mount("tmpfs", f"{root}/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")  # noqa: S108


def make_root(plan: dict[str, Any]) -> str:
    """Mount the host's whole file system tree and return where."""
    with step(f"enter {plan['directory']}"):
        os.chdir(plan["directory"])  # the overlay's options take short relative paths
    root = os.path.join(plan["directory"], "root")
    layers = f"lowerdir={plan['engine_root']},upperdir=upper,workdir=work"
    mount("overlay", root, "overlay", 0, layers)
    hardened = MS_NOSUID | MS_NODEV | MS_NOEXEC
    mount("proc", f"{root}/proc", "proc", hardened)
    mount("sysfs", f"{root}/sys", "sysfs", hardened)
    mount("tmpfs", f"{root}/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    mount("tmpfs", f"{root}/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")  # noqa: S108
    make_devices(root)
    for mounted in plan["cgroup_mounts"]:
        flags = 0 if mounted["kind"] == "tmpfs" else hardened
        mount(mounted["kind"], root + mounted["target"], mounted["kind"], flags, mounted["options"])
    for target, link in plan["cgroup_links"].items():
        with step(f"link {target}"):
            os.symlink(link, root + target)
    for source, target in plan["binds"].items():
        mount(os.path.join(plan["directory"], source), root + target, None, MS_BIND)
    return root


def change_root(root: str) -> None:
    with step(f"make {root} the root"):
        os.chdir(root)
        # Old and new root on one spot: the old one lies on top and is let go of, no directory is needed for it.
        _call("pivot_root", b".", b".")
        _call("umount2", b".", MNT_DETACH)
        os.chdir("/")
    set_propagation(MS_SHARED)  # as systemd has it, so that `-v x:x:rshared` works


def first_process(plan: dict[str, Any]) -> None:
    """Be process 1: set the machine up, then become its init."""
    set_propagation(MS_PRIVATE)  # before any mount, or it would show up on the machine
    root = make_root(plan)
    with step("set the host name"):
        socket.sethostname(plan["name"])
    change_root(root)
    with step("open /dev/null"):
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
    environment = {"PATH": PATH, "HOME": "/root"}
    for init in plan["inits"]:
        if os.access(init, os.X_OK):
            with step(f"run {init}"):
                os.execve(init, [init, "-s", "--", "/bin/sleep", "infinity"], environment)


def reap_for_ever() -> None:
    """Be the init of a root that has none: the kernel hands over every orphan of the host."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.sigtimedwait({signal.SIGCHLD}, 3600)


def boot(plan: dict[str, Any]) -> bool:
    """Do everything; return in the starter's process (False) or, without an init program, as process 1 (True)."""
    # Until this process is in the host's cgroup, by which leftovers are found, it must not outlive its starter.
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != plan["starter"]:
        raise StepFailed("the starter is gone")
    join_cgroups(plan["cgroup_procs"])
    enter_network(plan["netns"])
    # The other kinds are the child's own business: a change of root moves every process of its mount namespace,
    # and this one still has to say who the child is.
    with step("unshare the process numbers"):
        _call("unshare", CLONE_NEWPID)
    pid = os.fork()
    if pid:
        with step(f"tell of process {pid}"):
            os.write(plan["status_fd"], f"{pid}\n".encode())
        return False
    with step("unshare namespaces"):
        _call("unshare", CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP)
    join_cgroups(plan["inner_cgroup_procs"])
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    first_process(plan)
    return True


def main() -> int:
    plan = json.loads(sys.argv[1])
    os.umask(0o022)
    status: int = plan["status_fd"]
    os.set_inheritable(status, False)
    try:
        stays = boot(plan)
    except (StepFailed, OSError) as failure:
        os.write(status, f"{failure}\n".encode())
        return 1
    os.close(status)
    if stays:
        reap_for_ever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
