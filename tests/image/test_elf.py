"""Only the libraries that something needs stay."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.image.elf_files import elf
from weave_http.image.elf import Needs, needs, prune_libraries
from weave_http.image.tree import Entry, File, Symlink

LIBS = "usr/lib/x"


@pytest.mark.parametrize("wide", [True, False], ids=["64 bit", "32 bit"])
def test_needed_libraries_and_the_loader_are_read_from_the_header(wide: bool) -> None:
    data = elf("libc.so.6", "libm.so.6", interpreter="/lib/ld.so", wide=wide)
    assert needs(data) == Needs("/lib/ld.so", ("libc.so.6", "libm.so.6"))


def test_a_real_program_names_its_loader() -> None:
    found = needs(Path(sys.executable).resolve().read_bytes())
    assert found is not None
    assert "ld" in found.interpreter
    assert any(name.startswith("libc.so") for name in found.libraries)


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\x02\x02" + bytes(100)])
def test_what_is_no_elf_file_of_this_kind_needs_nothing(data: bytes) -> None:
    assert needs(data) is None


def test_libraries_that_nothing_needs_go_and_links_to_the_others_stay() -> None:
    tree: dict[str, Entry] = {
        "usr/bin/program": File(elf("libone.so.1")),
        f"{LIBS}/libone.so.1": Symlink("libone.so.1.2"),
        f"{LIBS}/libone.so.1.2": File(elf("libtwo.so.2")),
        f"{LIBS}/libtwo.so.2": File(elf()),
        f"{LIBS}/libunused.so.3": File(elf("libonlythere.so.4")),
        f"{LIBS}/libonlythere.so.4": File(elf()),
        f"{LIBS}/libbyname.so.5": File(elf()),
        f"{LIBS}/plugins/plugin.so": File(elf("libtwo.so.2")),
    }
    assert prune_libraries(tree, LIBS, always=["libbyname.so.5"]) == []
    assert sorted(tree) == [
        "usr/bin/program",
        f"{LIBS}/libbyname.so.5",
        f"{LIBS}/libone.so.1",
        f"{LIBS}/libone.so.1.2",
        f"{LIBS}/libtwo.so.2",
        f"{LIBS}/plugins/plugin.so",
    ]


def test_a_library_that_is_nowhere_is_reported() -> None:
    tree: dict[str, Entry] = {"usr/bin/program": File(elf("libgone.so.1"))}
    assert prune_libraries(tree, LIBS) == ["libgone.so.1"]
