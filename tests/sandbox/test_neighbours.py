"""Many hosts need more of the kernel's neighbour table than it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from weave_http.sandbox import neighbours


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """The kernel's own values."""
    for name, value in (("gc_thresh1", 128), ("gc_thresh2", 512), ("gc_thresh3", 1024)):
        (tmp_path / name).write_text(f"{value}\n")
    return tmp_path


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "record.json"


def limits(settings: Path) -> list[int]:
    return [int((settings / f"gc_thresh{number}").read_text()) for number in (1, 2, 3)]


def test_few_hosts_change_nothing(settings: Path, record: Path) -> None:
    assert neighbours.make_room(20, settings, record) == ""
    assert limits(settings) == [128, 512, 1024]


def test_many_hosts_raise_the_limits_and_say_so(settings: Path, record: Path) -> None:
    said = neighbours.make_room(33, settings, record)

    assert said == "raised net.ipv4.neigh.default.gc_thresh3 from 1024 to 4752, for 33 hosts"
    assert limits(settings) == [128, 2376, 4752]


def test_every_pair_of_hosts_fits_with_room_for_the_overlay() -> None:
    for hosts in (1, 2, 33, 60, 200):
        assert neighbours.needed(hosts) >= 2 * hosts * (hosts - 1)


def test_limits_are_never_lowered(settings: Path, record: Path) -> None:
    neighbours.make_room(60, settings, record)
    raised = limits(settings)

    assert neighbours.make_room(33, settings, record) == ""
    assert limits(settings) == raised


def test_a_higher_limit_of_the_machine_stays(settings: Path, record: Path) -> None:
    (settings / "gc_thresh2").write_text("100000\n")

    neighbours.make_room(33, settings, record)

    assert limits(settings) == [128, 100_000, 4752]


def test_where_it_cannot_be_set_the_line_to_run_is_told(tmp_path: Path) -> None:
    said = neighbours.make_room(33, tmp_path / "nothing", tmp_path / "record.json")

    assert said == (
        "the kernel's neighbour table may be too small for 33 hosts: on the machine run "
        "sysctl -w net.ipv4.neigh.default.gc_thresh3=4752 net.ipv4.neigh.default.gc_thresh2=2376"
    )
    assert neighbours.make_room(3, tmp_path / "nothing", tmp_path / "record.json") == ""


def test_the_last_sandbox_puts_back_what_was_there_before(settings: Path, record: Path) -> None:
    neighbours.make_room(33, settings, record)
    neighbours.make_room(60, settings, record)

    neighbours.put_back(lambda: ["another"], settings, record)
    assert limits(settings) == [128, 7560, 15120]

    neighbours.put_back(list, settings, record)
    assert limits(settings) == [128, 512, 1024]
    assert not record.exists()


def test_nothing_is_put_back_where_nothing_was_raised(settings: Path, record: Path) -> None:
    neighbours.put_back(list, settings, record)

    assert limits(settings) == [128, 512, 1024]


def test_a_limit_that_somebody_else_changed_stays_so(settings: Path, record: Path) -> None:
    neighbours.make_room(33, settings, record)
    (settings / "gc_thresh3").write_text("65536\n")

    neighbours.put_back(list, settings, record)

    assert limits(settings) == [128, 512, 65536]


def test_a_value_of_somebody_else_in_between_is_what_is_put_back(settings: Path, record: Path) -> None:
    neighbours.make_room(33, settings, record)
    (settings / "gc_thresh3").write_text("5000\n")
    neighbours.make_room(60, settings, record)

    neighbours.put_back(list, settings, record)

    assert limits(settings) == [128, 512, 5000]


@pytest.mark.kernel
def test_the_kernel_takes_the_limits_and_takes_them_back(record: Path) -> None:
    before = limits(neighbours.SETTINGS)
    hosts = next(count for count in range(33, 10_000) if neighbours.needed(count) > before[2])

    assert "raised" in neighbours.make_room(hosts, record=record)
    assert limits(neighbours.SETTINGS)[2] == 2 * neighbours.needed(hosts)

    neighbours.put_back(list, record=record)
    assert limits(neighbours.SETTINGS) == before
