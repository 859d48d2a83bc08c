"""The OCI runtime wrapper, run for real around a stand-in for runc."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from weave_http.sandbox.runtime import CAPABILITIES, missing_capabilities, wrapper

ALL = ["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_SYS_RESOURCE", "CAP_BPF"]


def status(mask: int) -> str:
    return f"Name:\tx\nCapInh:\t0\nCapPrm:\t{mask:016x}\nCapEff:\t{mask:016x}\nCapBnd:\t{mask:016x}\nSeccomp:\t0\n"


def test_nothing_is_missing_when_every_bit_up_to_the_kernels_last_is_set() -> None:
    assert missing_capabilities(status(2**41 - 1), 40) == []
    assert missing_capabilities(status(2**38 - 1), 37) == []


def test_a_cleared_bit_is_named() -> None:
    assert missing_capabilities(status((2**41 - 1) & ~(1 << 24)), 40) == ["CAP_SYS_RESOURCE"]


def test_the_table_has_every_capability_in_the_kernels_order() -> None:
    assert len(CAPABILITIES) == 41
    assert (CAPABILITIES[21], CAPABILITIES[24], CAPABILITIES[40]) == (
        "SYS_ADMIN",
        "SYS_RESOURCE",
        "CHECKPOINT_RESTORE",
    )


def process(**more: Any) -> dict[str, Any]:
    sets = {kind: list(ALL) for kind in ("bounding", "effective", "permitted")}
    return {"args": ["echo", "CAP_SYS_RESOURCE"], "env": ['A="CAP_SYS_RESOURCE",'], "capabilities": sets} | more


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


class Wrapped:
    """The wrapper in a directory, with a runc that tells how it was called."""

    def __init__(self, directory: Path, missing: list[str]) -> None:
        self.directory = directory
        real = directory / "runc"
        real.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
        real.chmod(0o755)
        self.file = directory / "fitted"
        self.file.write_text(wrapper(missing, str(real)))
        self.file.chmod(0o755)

    def bundle(self, document: dict[str, Any]) -> Path:
        bundle = self.directory / "bundle"
        bundle.mkdir()
        (bundle / "config.json").write_text(compact(document))
        return bundle

    def run(self, *words: str) -> None:
        done = subprocess.run([self.file, *words], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.splitlines(), done.stderr) == (7, list(words), "")


@pytest.fixture
def wrapped(tmp_path: Path) -> Wrapped:
    return Wrapped(tmp_path, ["CAP_SYS_RESOURCE"])


GLOBAL = ["--root", "/run/create", "--log", "/x/log.json", "--log-format", "json"]


@pytest.mark.parametrize("command", ["create", "run", "restore"])
def test_a_new_container_does_not_ask_for_what_is_missing(wrapped: Wrapped, command: str) -> None:
    bundle = wrapped.bundle({"process": process(), "root": {"path": "rootfs"}})

    wrapped.run(*GLOBAL, command, "--bundle", str(bundle), "--pid-file", "/x/pid", "abc")

    fitted = json.loads((bundle / "config.json").read_text())
    left = [name for name in ALL if name != "CAP_SYS_RESOURCE"]
    assert fitted == {
        "process": process() | {"capabilities": dict.fromkeys(("bounding", "effective", "permitted"), left)},
        "root": {"path": "rootfs"},
    }


def test_exec_is_fitted_in_its_process_file(wrapped: Wrapped, tmp_path: Path) -> None:
    file = tmp_path / "process.json"
    file.write_text(compact(process()))

    wrapped.run(*GLOBAL, "exec", "--process", str(file), "--detach", "abc")

    assert "CAP_SYS_RESOURCE" not in json.loads(file.read_text())["capabilities"]["bounding"]


def test_the_words_of_an_exec_after_the_process_file_are_left_alone(wrapped: Wrapped, tmp_path: Path) -> None:
    wrapped.run("exec", "abc", "create", "--bundle", str(tmp_path / "no such"))


@pytest.mark.parametrize("words", [["state", "abc"], ["delete", "--force", "abc"], [*GLOBAL, "kill", "abc", "9"]])
def test_other_commands_go_straight_to_the_real_runtime(wrapped: Wrapped, words: list[str]) -> None:
    wrapped.run(*words)


@pytest.mark.parametrize("names", [["CAP_BPF"], ["CAP_CHOWN"], ["CAP_SYS_RESOURCE", "CAP_BPF"], ALL])
def test_any_set_of_missing_ones_leaves_well_formed_json(tmp_path: Path, names: list[str]) -> None:
    wrapped = Wrapped(tmp_path, names)
    bundle = wrapped.bundle({"process": process()})

    wrapped.run("create", "--bundle", str(bundle), "abc")

    sets = json.loads((bundle / "config.json").read_text())["process"]["capabilities"]
    assert sets["bounding"] == [name for name in ALL if name not in names]


def test_an_out_of_memory_score_below_ones_own_is_raised_to_it(wrapped: Wrapped) -> None:
    bundle = wrapped.bundle({"process": process(oomScoreAdj=-500)})

    wrapped.run("create", "--bundle", str(bundle), "abc")

    own = int(Path(f"/proc/{os.getpid()}/oom_score_adj").read_text())
    assert json.loads((bundle / "config.json").read_text())["process"]["oomScoreAdj"] == own
