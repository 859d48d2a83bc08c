"""`weave proxy` at the caller: where its socket is."""

import os
import tempfile
from pathlib import Path

import pytest

from weave_http.commands.proxy import own_path
from weave_http.errors import HostError


def test_the_socket_is_in_the_user_s_folder_for_such_things() -> None:
    assert own_path({"XDG_RUNTIME_DIR": "/run/user/7"}) == "/run/user/7/weave.sock"


def test_without_such_a_folder_one_is_made_that_is_the_user_s_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / f"weave-{os.getuid()}"
    assert own_path({}) == own_path({}) == str(folder / "weave.sock")
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    with pytest.raises(HostError, match="is not yours alone"):
        own_path({})
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(HostError, match="is not yours alone"):
        own_path({})
