"""The man page says of every command what its help says, and troff has no complaint."""

from __future__ import annotations

import re
import subprocess

import pytest

from weave_http.cli.index import COMMANDS, GROUPS
from weave_http.cli.man import page
from weave_http.operations import find
from weave_http.operations.operation import Option

TEXT = "\n".join(page()) + "\n"


def test_the_man_page_has_every_command_that_is_listed_with_its_options() -> None:
    parts = re.split(r'^\.SS "weave (.*)"$', TEXT, flags=re.MULTILINE)
    told = {name.replace("\\-", "-"): body for name, body in zip(parts[1::2], parts[2::2], strict=True)}
    assert list(told) == [name for names in GROUPS.values() for name in names]
    for name, body in told.items():
        if name in COMMANDS:
            continue
        operation = find(name)
        assert operation is not None
        plain = body.replace("\\-", "-").replace("\\(aq", "'")
        assert operation.summary in plain
        assert operation.example in plain
        assert [
            p.names for p in operation.parts if isinstance(p, Option) and f"fB{', '.join(p.names)}" not in plain
        ] == []


@pytest.mark.programs
def test_troff_has_no_complaint() -> None:
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-wall", "-z"], input=TEXT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
