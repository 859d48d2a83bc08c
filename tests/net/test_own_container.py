"""How a process finds the container that it is in."""

from pathlib import Path

import pytest

from weave_http.net.own_container import own_container

ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"600 590 8:1 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/sda1 rw", ID),
        (f"600 590 0:9 /containers/storage/overlay-containers/{ID}/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw", ID),
        ("22 1 0:20 / /sys rw - sysfs sysfs rw", ""),
        # A folder of some other container's that this one was given.
        (f"22 1 0:20 /var/lib/docker/containers/{ID} /seen rw - ext4 /dev/sda1 rw", ""),
    ],
)
def test_our_container_is_read_from_the_mounts_that_engines_make(tmp_path: Path, line: str, found: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"21 1 0:19 / /proc rw - proc proc rw\n{line}\n")
    assert own_container(mounts) == found
