"""The model of the agreement, checked by spin: nothing goes wrong in it, and everything it depends on is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MODEL = Path(__file__).with_name("agreement.pml")
LARGER = os.environ.get("WEAVE_TEST_MODEL", "").split()
"""Definitions that make it larger, as `make model` sets them."""


def check(folder: Path, *definitions: str, optimize: str = "-O0") -> str:
    """Go through all states of the model, and return what spin says."""
    shutil.copy(MODEL, folder)
    made = [f"-D{each}" for each in definitions]
    subprocess.run(["spin", "-a", *made, MODEL.name], cwd=folder, check=True, capture_output=True)
    options = ["-w", optimize, "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=6000", "-DVECTORSZ=2048"]
    subprocess.run(["gcc", *options, "-o", "pan", "pan.c"], cwd=folder, check=True)
    done = subprocess.run(["./pan", "-E", "-m200000", "-w22"], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def test_no_state_of_three_peers_has_two_owners_of_a_block(tmp_path: Path) -> None:
    said = check(tmp_path, *LARGER, optimize="-O1")
    if LARGER:
        print(said)
    assert "errors: 0" in said, said
    assert "Search not completed" not in said
    states = next(int(line.split()[0]) for line in said.splitlines() if "states, stored" in line)
    assert states > 100_000


@pytest.mark.long
@pytest.mark.parametrize(
    "without",
    [
        "FORGET_VOTES",
        "FORGET_OFFER",
        "MINORITY",
        "SILENCE",
        "NO_EXPIRY",
        "LATE_GATE",
        "NO_APART",
        "EARLY",
    ],
)
def test_the_model_goes_wrong_without_what_the_agreement_depends_on(without: str, tmp_path: Path) -> None:
    assert "assertion violated" in check(tmp_path, without)
