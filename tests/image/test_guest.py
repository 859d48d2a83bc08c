"""The guest image: busybox under all its names."""

from __future__ import annotations

import pytest

from weave_http.errors import WeaveError
from weave_http.image.guest import applets


@pytest.mark.parametrize("before", [b"\0", b"\xc0\xae "])  # as the program for amd64 has it, and that for arm64
def test_names_are_read_from_the_table_in_the_program(before: bytes) -> None:
    names = [f"tool{number}" for number in range(120)]
    program = b"\x7fELF..\0[\0no" + before + "\0".join(["[", "[[", *names, "busybox"]).encode() + b"\0\0\0rest"
    assert applets(program) == ["[", "[[", *names]


def test_a_program_without_such_a_table_is_refused() -> None:
    with pytest.raises(WeaveError, match="no list of applets"):
        applets(b"\x7fELF\0[\0[[\0only\0few\0")
