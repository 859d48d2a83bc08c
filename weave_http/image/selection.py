"""What of the Debian packages goes into the image, and the few files that their install scripts would have made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from weave_http.errors import WeaveError
from weave_http.image.elf import needs, prune_libraries
from weave_http.image.tree import Directory, Entry, File, Symlink, Tree, resolve

PACKAGES = ("python3", "iptables", "conntrack", "netbase", "dash", "busybox-static")
"""What is asked for; apt adds what these depend on."""
UNWANTED = frozenset({"dpkg", "tar", "media-types", "readline-common", "ucf", "perl-base", "debconf", "tzdata"})
"""Dependencies that serve installing, or people at a terminal: not even opened."""
PACKAGES_FOLDER = "usr/lib/python3/dist-packages"
"""Where the image's Python finds what is not its standard library, with or without `site`."""

_PROGRAMS = re.compile(
    r"usr/s?bin/(python3\.\d+|xtables-(nft|legacy)-multi|ip6?tables(-(nft|legacy))?(-(save|restore))?|conntrack|dash|busybox|wireguard-go)"
)
_SETTINGS = {"etc/protocols", "etc/services", "etc/ethertypes"}
_STDLIB_UNWANTED = {
    *("idlelib", "tkinter", "turtledemo", "turtle.py", "curses"),  # for a screen
    *("test", "tests", "idle_test", "doctest.py", "pydoc.py", "pydoc_data", "lib2to3"),  # for developers
    *("ensurepip", "venv", "distutils", "msilib", "EXTERNALLY-MANAGED", "__pycache__"),  # for installing
    *("dbm", "xmlrpc", "sitecustomize.py"),
}
_EXTENSIONS_UNWANTED = re.compile(
    r"(_tkinter|_g?dbm|nis|readline|_curses|_curses_panel|_crypt|_lsprof|_codecs_\w+|ossaudiodev|xx\w+"
    r"|_test\w*|_ctypes_test|_xxtestfuzz)\."
)
_LOADED_BY_NAME = ("libgcc_s.so.1", "libpthread.so.0", "libdl.so.2")
"""glibc loads the first one when a thread is cancelled; no header says so. The others are empty by now, and named by
Python libraries (cryptography) that also run on an older glibc; those are not in the tree yet."""
_SHELL_TOOLS = "cat cp env find grep head id kill less ls mkdir mount mv nc ping ps rm sed sleep tail top vi wget"


def normal(path: str) -> str:
    """Return a path of a package as it is in an image with merged /usr (/bin, /lib and so on are links)."""
    top, _, rest = path.partition("/")
    return f"usr/{path}" if rest and re.fullmatch(r"bin|sbin|lib\w*", top) else path


def wanted(path: str) -> bool:
    """Tell whether a path (with merged /usr) of a package goes into the image."""
    if path in _SETTINGS or _PROGRAMS.fullmatch(path):
        return True
    parts = path.split("/")
    if parts[0] != "usr" or len(parts) < 3:
        return False
    if parts[1] == "share":
        return parts[2] == "doc" and parts[-1] == "copyright"
    if not parts[1].startswith("lib"):
        return False
    if re.fullmatch(r"python3\.\d+", parts[2]):
        return _wanted_of_python(parts[3:])
    if parts[2].startswith("ld-linux") or ".so" in parts[2]:
        return True  # the loader's link, /lib64/ld-linux-….so.2
    if len(parts) == 4:
        return ".so" in parts[3]
    return len(parts) == 5 and parts[3] == "xtables" and parts[4].endswith(".so")


def pick(packages: Iterable[Mapping[str, Entry]]) -> dict[str, Entry]:
    """Return the wanted files of unpacked packages, as one tree, with unneeded libraries left out.

    Raises:
        WeaveError: something in the tree needs a library that is not there.
    """
    tree: dict[str, Entry] = {}
    for package in packages:
        for path, entry in package.items():
            place = normal(path)
            if isinstance(entry, Symlink) and entry.target.startswith("/"):
                entry = Symlink(f"/{normal(entry.target[1:])}")
            if not isinstance(entry, Directory) and wanted(place):
                tree[place] = entry
    missing = prune_libraries(tree, library_folder(tree), always=_LOADED_BY_NAME)
    if missing:
        raise WeaveError(f"the packages don't hold all libraries: {', '.join(missing)}")
    return tree


def library_folder(tree: Mapping[str, Entry]) -> str:
    """Return the architecture's library folder, such as `usr/lib/x86_64-linux-gnu`: where libc is.

    Raises:
        WeaveError: there is no libc in the tree.
    """
    for path in tree:
        if path.endswith("/libc.so.6"):
            return str(PurePosixPath(path).parent)
    raise WeaveError("the packages hold no C library")


def python_program(tree: Mapping[str, Entry]) -> str:
    """Return the interpreter's path, such as `usr/bin/python3.11`.

    Raises:
        WeaveError: there is none.
    """
    for path in sorted(tree):
        if re.fullmatch(r"usr/bin/python3\.\d+", path):
            return path
    raise WeaveError("the packages hold no Python interpreter")


def loader(tree: Mapping[str, Entry]) -> str:
    """Return the dynamic loader that Python's header names, such as `usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2`.

    Raises:
        WeaveError: Python's header names none, or it is not in the tree.
    """
    program = tree[python_program(tree)]
    found = needs(program.data) if isinstance(program, File) else None
    if found is None or not found.interpreter:
        raise WeaveError("the packages' Python is no program for this machine")
    file = resolve(tree, normal(found.interpreter.lstrip("/")))
    if file is None:
        raise WeaveError(f"the packages don't hold the loader {found.interpreter}")
    return file


def add_by_hand(tree: Tree) -> None:
    """Add what install scripts and the base system would have made: links, accounts, mount points."""
    for name in ("bin", "sbin", *sorted({path.split("/")[1] for path in tree if path.startswith("usr/lib")})):
        tree[name] = Symlink(f"usr/{name}")
    tree["usr/bin/python3"] = Symlink(PurePosixPath(python_program(tree)).name)
    for family in ("iptables", "ip6tables"):
        for action in ("", "-save", "-restore"):
            for backend in ("nft", "legacy"):
                tree[f"usr/sbin/{family}-{backend}{action}"] = Symlink(f"xtables-{backend}-multi")
            # Debian's own default; who needs the other backend calls it by its full name.
            tree[f"usr/sbin/{family}{action}"] = Symlink("xtables-nft-multi")
    if "usr/bin/dash" in tree:
        tree["usr/bin/sh"] = Symlink("dash")
    if "usr/bin/busybox" in tree:
        for tool in _SHELL_TOOLS.split():
            tree.setdefault(f"usr/bin/{tool}", Symlink("busybox"))
    for folder in ("dev", "proc", "sys", "run", "root", "hostproc", "var/lib", "weavedb"):
        tree[folder] = Directory()
    tree["tmp"] = Directory(0o1777)
    tree["var/run"] = Symlink("../run")  # Docker 28.5 mounts nothing by way of an absolute one
    tree["etc/passwd"] = File(b"root:x:0:0:root:/root:/bin/sh\n")
    tree["etc/group"] = File(b"root:x:0:\n")
    tree["etc/nsswitch.conf"] = File(b"hosts: files dns\nprotocols: files\nservices: files\n")


def _wanted_of_python(parts: list[str]) -> bool:
    if any(part in _STDLIB_UNWANTED for part in parts) or not parts or parts[0].startswith("config-"):
        return False
    if parts[0] == "lib-dynload":
        return not _EXTENSIONS_UNWANTED.match(parts[-1])
    return parts[-1].endswith((".py", ".txt"))
