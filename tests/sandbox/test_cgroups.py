"""Which cgroup hierarchies a machine has, and what a host mounts of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from weave_http.sandbox.cgroups import Cgroups, Hierarchy, parse_mountinfo

PLAIN_V1 = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
32 30 0:28 / /sys/fs/cgroup/systemd rw,relatime shared:9 - cgroup cgroup rw,name=systemd
33 30 0:29 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
SYSTEMD_V1 = """\
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:10 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/systemd rw,nosuid shared:9 - cgroup cgroup rw,xattr,release_agent=/x,name=systemd
"""
V2 = "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
FOREIGN = "90 22 0:80 / /var/lib/box/sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
TOP = Path("/sys/fs/cgroup")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            PLAIN_V1,
            [
                Hierarchy(TOP / "cpu", 1, "cpu"),
                Hierarchy(TOP / "systemd", 1, "none,name=systemd"),
                Hierarchy(TOP / "unified", 2),
            ],
        ),
        (
            SYSTEMD_V1,
            [Hierarchy(TOP / "cpu,cpuacct", 1, "cpu,cpuacct"), Hierarchy(TOP / "systemd", 1, "none,name=systemd")],
        ),
        (V2, [Hierarchy(TOP, 2)]),
        (FOREIGN, []),
    ],
)
def test_hierarchies_are_read_from_mountinfo(text: str, expected: list[Hierarchy]) -> None:
    assert parse_mountinfo(text) == expected


def test_version_1_hierarchies_are_mounted_and_their_controllers_linked() -> None:
    mounts, links = Cgroups(tuple(parse_mountinfo(SYSTEMD_V1))).mounts()

    assert [(mount["kind"], mount["target"], mount["options"]) for mount in mounts] == [
        ("tmpfs", "/sys/fs/cgroup", "mode=755"),
        ("cgroup", "/sys/fs/cgroup/cpu,cpuacct", "cpu,cpuacct"),
        ("cgroup", "/sys/fs/cgroup/systemd", "none,name=systemd"),
    ]
    assert links == {"/sys/fs/cgroup/cpu": "cpu,cpuacct", "/sys/fs/cgroup/cpuacct": "cpu,cpuacct"}


def test_a_host_on_version_2_mounts_the_one_hierarchy() -> None:
    cgroups = Cgroups(tuple(parse_mountinfo(V2)))

    assert cgroups.mounts() == ([{"kind": "cgroup2", "target": "/sys/fs/cgroup", "options": ""}], {})
    assert cgroups.group("weave-sandbox-x", "host1").inner_procs_files() == [
        TOP / "weave-sandbox-x/host1/init/cgroup.procs"
    ]


def test_version_2_beside_version_1_does_not_make_a_machine_unified() -> None:
    assert not Cgroups(tuple(parse_mountinfo(PLAIN_V1))).unified


def test_version_2_hands_every_controller_down_to_the_host(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory pids\n")
    top = tmp_path / "weave-sandbox-x"
    top.mkdir()
    (top / "cgroup.controllers").write_text("pids\n")
    (top / "cgroup.subtree_control").write_text("\n")

    Cgroups((Hierarchy(tmp_path, 2),)).group("weave-sandbox-x", "host1").make()

    assert (top / "cgroup.subtree_control").read_text() == "+pids"
    assert (top / "host1" / "init").is_dir()


def test_an_empty_cpuset_is_filled_from_its_parent(tmp_path: Path) -> None:
    for directory, cpus in ((tmp_path, "0-1"), (tmp_path / "host1", "")):
        directory.mkdir(exist_ok=True)
        (directory / "cpuset.cpus").write_text(f"{cpus}\n")
        (directory / "cpuset.mems").write_text("0\n")

    Cgroups((Hierarchy(tmp_path, 1, "cpuset"),)).group("host1").make()

    assert (tmp_path / "host1" / "cpuset.cpus").read_text() == "0-1\n"


def test_a_process_belongs_to_a_group_only_by_whole_path_components() -> None:
    group = Cgroups((Hierarchy(TOP, 2),)).group("weave-sandbox-x", "host1")

    assert not group.holds(1)
    assert not group.holds(2**22 + 1)
