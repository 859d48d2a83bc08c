"""What of the packages goes into the image."""

from __future__ import annotations

import pytest

from tests.image.elf_files import elf
from weave_http.errors import WeaveError
from weave_http.image.selection import add_by_hand, loader, normal, pick, python_program, wanted
from weave_http.image.tree import Directory, Entry, File, Symlink


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("lib/x86_64-linux-gnu/libc.so.6", "usr/lib/x86_64-linux-gnu/libc.so.6"),
        ("lib64/ld-linux-x86-64.so.2", "usr/lib64/ld-linux-x86-64.so.2"),
        ("bin/busybox", "usr/bin/busybox"),
        ("sbin/x", "usr/sbin/x"),
        ("usr/bin/python3.13", "usr/bin/python3.13"),
        ("etc/services", "etc/services"),
        ("lib64", "lib64"),
    ],
)
def test_paths_are_those_of_a_merged_usr(path: str, place: str) -> None:
    assert normal(path) == place


@pytest.mark.parametrize(
    "path",
    [
        "usr/bin/python3.11",
        "usr/bin/python3.14",
        "usr/sbin/xtables-nft-multi",
        "usr/sbin/xtables-legacy-multi",
        "usr/sbin/iptables-nft-save",
        "usr/sbin/conntrack",
        "usr/bin/dash",
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/lib/x86_64-linux-gnu/xtables/libxt_comment.so",
        "usr/lib64/ld-linux-x86-64.so.2",
        "usr/lib/ld-linux-aarch64.so.1",
        "usr/lib/python3.13/asyncio/__init__.py",
        "usr/lib/python3.11/lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so",
        "usr/lib/python3.11/lib-dynload/_sqlite3.cpython-311-x86_64-linux-gnu.so",  # pyroute2 imports it
        "usr/lib/python3.11/unittest/mock.py",  # and this
        "etc/protocols",
        "usr/share/doc/iptables/copyright",
    ],
)
def test_what_runs_and_its_licences_are_wanted(path: str) -> None:
    assert wanted(path)


@pytest.mark.parametrize(
    "path",
    [
        "usr/bin/perl",
        "usr/bin/python3.11-config",
        "usr/sbin/arptables-nft",
        "usr/lib/x86_64-linux-gnu/gconv/BIG5.so",
        "usr/lib/x86_64-linux-gnu/libc.a",
        "usr/lib/python3.11/test/support.py",
        "usr/lib/python3.11/idlelib/run.py",
        "usr/lib/python3.11/config-3.11-x86_64-linux-gnu/Makefile",
        "usr/lib/python3.11/lib-dynload/readline.cpython-311-x86_64-linux-gnu.so",
        "usr/lib/python3.11/lib-dynload/_codecs_jp.cpython-311-x86_64-linux-gnu.so",
        "usr/lib/python3.11/sitecustomize.py",
        "usr/share/man/man8/iptables.8.gz",
        "usr/share/doc/iptables/changelog.gz",
        "usr/share/locale/de/LC_MESSAGES/dpkg.mo",
        "etc/ld.so.conf",
        "var/lib/x",
    ],
)
def test_what_no_host_needs_is_not_wanted(path: str) -> None:
    assert not wanted(path)


LIBS = "usr/lib/x86_64-linux-gnu"


def small_system() -> list[dict[str, Entry]]:
    """Packages as an older release has them: libraries in /lib, programs in /usr."""
    return [
        {
            "lib": Directory(),
            "lib/x86_64-linux-gnu/libc.so.6": File(elf()),
            "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": File(elf(), 0o755),
            "lib64/ld-linux-x86-64.so.2": Symlink("/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
        },
        {
            "usr/bin/python3.11": File(elf("libc.so.6", interpreter="/lib64/ld-linux-x86-64.so.2"), 0o755),
            "usr/lib/python3.11/os.py": File(b""),
        },
        {"usr/sbin/xtables-nft-multi": File(elf("libc.so.6"), 0o755), "usr/bin/perl": File(b"")},
        {f"{LIBS}/libtinfo.so.6": File(elf())},
    ]


def test_packages_become_one_tree_without_what_nothing_needs() -> None:
    assert sorted(pick(small_system())) == [
        "usr/bin/python3.11",
        "usr/lib/python3.11/os.py",
        f"{LIBS}/ld-linux-x86-64.so.2",
        f"{LIBS}/libc.so.6",
        "usr/lib64/ld-linux-x86-64.so.2",
        "usr/sbin/xtables-nft-multi",
    ]


def test_a_missing_library_fails_the_build_and_not_a_command_later() -> None:
    packages = small_system()
    packages.append({"usr/sbin/conntrack": File(elf("libmnl.so.0"))})
    with pytest.raises(WeaveError, match=r"libmnl\.so\.0"):
        pick(packages)


def test_the_interpreter_and_its_loader_are_found_in_the_tree() -> None:
    tree = pick(small_system())
    assert python_program(tree) == "usr/bin/python3.11"
    assert loader(tree) == f"{LIBS}/ld-linux-x86-64.so.2"  # not a link, which would lead to this machine's


@pytest.mark.parametrize("leave_out", ["libc.so.6", "python3.11"])
def test_packages_without_python_or_libc_make_no_image(leave_out: str) -> None:
    packages = [{path: entry for path, entry in part.items() if leave_out not in path} for part in small_system()]
    with pytest.raises(WeaveError):
        python_program(pick(packages))


def test_links_that_install_scripts_make_are_made_for_both_firewall_backends() -> None:
    tree = pick(small_system())
    add_by_hand(tree)
    assert tree["usr/bin/python3"] == Symlink("python3.11")
    assert tree["usr/sbin/iptables"] == Symlink("xtables-nft-multi")
    assert tree["usr/sbin/iptables-legacy-restore"] == Symlink("xtables-legacy-multi")
    assert tree["usr/sbin/ip6tables-nft-save"] == Symlink("xtables-nft-multi")
    assert {name: tree[name] for name in ("bin", "sbin", "lib", "lib64")} == {
        name: Symlink(f"usr/{name}") for name in ("bin", "sbin", "lib", "lib64")
    }
    assert tree["tmp"] == Directory(0o1777)
    assert tree["hostproc"] == Directory()
