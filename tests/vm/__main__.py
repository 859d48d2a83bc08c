"""Boot a Debian machine in software, once for each kernel command line, and run the tests for it there.

QEMU translates each instruction (TCG), so a command takes some 20 times as long as on the machine itself: this shows
that things work, never how fast. The network cards of the machine lead nowhere. For one of another architecture the
images are built in its own root, before it boots.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

from tests.router.private_lan import fetched
from weave_http.image import build_guest_image, build_image

PROJECT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CACHE = PROJECT / "build" / "cache" / "weave-http"
SCENARIOS = {
    "on_debian": "",
    "on_debian_with_password": "",
    "on_debian_in_user_space": "module_blacklist=wireguard",
    "on_kernel_without_ipv6": "ipv6.disable=1",
}
"""File of tests → what the kernel is told."""
MOST_SECONDS = 3600
KERNEL = (
    "quiet loglevel=4 panic=-1 mitigations=off nokaslr apparmor=0 selinux=0 audit=0 "
    "no_timer_check nowatchdog tsc=reliable clocksource=acpi_pm random.trust_cpu=on net.ifnames=0"
)
"""Without what costs time in emulation and changes nothing that is looked at. By the processor's
counter, whose rate the kernel gets wrong on a busy machine, time would pass more than twice as fast as outside."""
MACHINES = {
    "amd64": ("qemu-system-x86_64 -machine q35,hpet=off,vmport=off -cpu max,la57=off,avx=off,avx2=off", "ttyS0"),
    "arm64": ("qemu-system-aarch64 -machine virt,gic-version=3 -cpu cortex-a72", "ttyAMA0"),
}
"""Debian's name of an architecture → what is emulated, and its console. AVX costs more there than it brings."""
QEMU = shlex.split(
    "-accel tcg,thread=multi,tb-size=512 -smp 2 -m 3072 -nodefaults -no-user-config -no-reboot -display none"
    " -device virtio-rng-pci -device virtio-serial-pci"
)
"""What else there is, apart from its disks and from what it says."""


def built(machine: Path) -> dict[str, Path]:
    """Build the archives of both images for a machine, that of weave and a small one; return them by place in the tar.

    With them comes wireguard-go for tests, where the machine is of this one's architecture.

    Args:
        machine: folder that `build-root` made.
    """
    root = machine / "root"
    if root.is_dir():
        subprocess.run([HERE / "foreign", HERE / "build-images", root], check=True)
        return {f"images/{name}": root / "opt/images" / name for name in ("weave.tar", "guest.tar")}
    programs = fetched()
    return {
        "images/weave.tar": build_image(CACHE / "weave.tar", cache=CACHE, report=print).path,
        "images/guest.tar": build_guest_image(CACHE / "guest.tar", cache=CACHE, report=print).path,
        f"project/{programs.relative_to(PROJECT)}": programs,
    }


def pack(job: Path, tests: str, machine: Path) -> None:
    """Write the tar that the machine gets as its second disk: the project, both images, wireguard-go, and what to run.

    Args:
        job: where to write it.
        tests: path of a file of tests.
        machine: folder that `build-root` made.
    """
    with tarfile.open(job, "w") as tar:
        for name in ("weave_http", "tests", "pyproject.toml"):
            tar.add(PROJECT / name, f"project/{name}", filter=lambda info: None if "__pycache__" in info.name else info)
        for place, path in built(machine).items():
            tar.add(path, place)
        tar.add(HERE / "job", "job")
        (job.parent / "tests").write_text(f"{tests}\n", encoding="ascii")
        tar.add(job.parent / "tests", "tests")


def boot(machine: Path, job: Path, words: str) -> int:
    """Run the machine until it switches itself off, and return the exit code of its tests.

    Args:
        machine: folder that `build-root` made; its disk stays as it is.
        job: the second disk.
        words: added to the kernel's command line.
    """
    code, console = job.parent / "code", job.parent / "console.log"
    code.unlink(missing_ok=True)
    hardware, terminal = MACHINES[(machine / "architecture").read_text(encoding="ascii").strip()]
    disk = "if=virtio,format=raw,cache=unsafe"
    command = [
        *("nice", "-n", "19", *shlex.split(hardware), *QEMU),
        *("-kernel", str(machine / "vmlinuz"), "-initrd", str(machine / "initrd")),
        *("-append", f"console={terminal} {KERNEL} {words}"),
        *("-drive", f"file={machine / 'disk.raw'},snapshot=on,{disk}", "-drive", f"file={job},readonly=on,{disk}"),
        *("-serial", f"file:{console}"),
        *(
            "-chardev",
            "file,id=output,path=/dev/stdout,append=on",
            "-device",
            "virtserialport,chardev=output,name=output",
        ),
        *("-chardev", f"file,id=code,path={code}", "-device", "virtserialport,chardev=code,name=code"),
    ]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace")
    late = threading.Timer(MOST_SECONDS, process.kill)
    late.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
        if process.wait() != 0:
            problem = f"QEMU ended with {process.returncode}, after {MOST_SECONDS} s at most"
        else:
            return int(code.read_text(encoding="ascii"))
    except (OSError, ValueError):
        problem = "it ended before its tests did"
    finally:
        late.cancel()
        process.kill()
    print(f"the machine failed: {problem}; what its kernel said is in {console}", file=sys.stderr)
    return 1


def main() -> int:
    """Boot the machine for each chosen file of tests; return 0 when all of them passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.vm", description=__doc__.partition("\n")[0])
    some = f"some of {' '.join(SCENARIOS)}, all by default; or any other file of tests, as tests/net/test_vxlan.py"
    parser.add_argument("tests", nargs="*", metavar="TESTS", help=some)
    parser.add_argument("--machine", type=Path, required=True, help="the folder that build-root made")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as by Ctrl-C, what was made is taken away
    files = {name: f"tests/vm/{name}.py" if name in SCENARIOS else name for name in arguments.tests or SCENARIOS}
    if missing := [name for name in files.values() if not (PROJECT / name.partition("::")[0]).is_file()]:
        parser.error(f"there are no tests {missing[0]}: {' '.join(SCENARIOS)}, or a file below tests/")
    machine = arguments.machine.absolute()
    version = (machine / "version").read_text(encoding="ascii").strip()
    worst = 0
    for name, file in files.items():
        words, begun = SCENARIOS.get(name, ""), time.monotonic()
        print(f"== {name}: Linux {version} {words}", flush=True)
        job = machine / "job.tar"
        try:
            pack(job, file, machine)
            worst = max(worst, boot(machine, job, words))
        finally:
            job.unlink(missing_ok=True)
        print(f"== {name}: {time.monotonic() - begun:.0f} s", flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(main())
