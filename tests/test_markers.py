"""What a test needs is said by a marker, and nothing is skipped for want of it."""

from __future__ import annotations

import re

from tests.conftest import FILES, TESTS

MAKEFILE = (TESTS.parent / "Makefile").read_text()

SKIPPED = re.compile(r"pytest\.(skip|importorskip|xfail)\(|mark\.(skip|skipif|xfail)\b")


def test_every_file_that_has_a_marker_exists() -> None:
    assert [name for name in FILES if not (TESTS / name).is_file()] == []


def test_no_test_is_skipped() -> None:
    files = (path for path in TESTS.rglob("*.py") if path.name != "test_markers.py")
    assert [str(path) for path in files if SKIPPED.search(path.read_text())] == []


def test_what_one_target_leaves_out_the_other_runs() -> None:
    """Nobody else deselects a test: each is in `make test` or in `make test-long`."""
    ran = {
        target: re.search(
            rf"^{target}:.*\n(?:\t.*\n)*?\t@\$\(BIN\)/pytest \$\(SIDE_BY_SIDE\) (.*)$", MAKEFILE, re.MULTILINE
        )
        for target in ("test", "test-long")
    }
    assert {target: found and found[1] for target, found in ran.items()} == {
        "test": '-m "not long"',
        "test-long": "-m long",
    }
