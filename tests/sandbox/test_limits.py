"""Many hosts need more of what the kernel has once for all network namespaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from weave_http.sandbox import limits


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """The kernel's own values."""
    for name, value in ((limits.TIDY, 512), (limits.MOST, 1024), (limits.QUEUE, 1000)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{value}\n")
    return tmp_path


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "record.json"


def values(settings: Path) -> list[int]:
    return [int((settings / name).read_text()) for name in (limits.TIDY, limits.MOST, limits.QUEUE)]


def test_few_hosts_change_nothing(settings: Path, record: Path) -> None:
    assert limits.make_room(14, settings, record) == ""
    assert values(settings) == [512, 1024, 1000]


def test_many_hosts_raise_the_limits_and_say_so(settings: Path, record: Path) -> None:
    said = limits.make_room(33, settings, record)

    assert said == (
        "raised for 33 hosts: net.ipv4.neigh.default.gc_thresh3 from 1024 to 4752, "
        "net.ipv4.neigh.default.gc_thresh2 from 512 to 2376, net.core.netdev_max_backlog from 1000 to 4752"
    )
    assert values(settings) == [2376, 4752, 4752]


def test_every_pair_of_hosts_fits_with_room_for_the_overlay() -> None:
    for hosts in (1, 2, 33, 60, 200):
        assert limits.needed(hosts) >= 2 * hosts * (hosts - 1)


def test_limits_are_never_lowered(settings: Path, record: Path) -> None:
    limits.make_room(60, settings, record)
    raised = values(settings)

    assert limits.make_room(33, settings, record) == ""
    assert values(settings) == raised


def test_a_higher_limit_of_the_machine_stays(settings: Path, record: Path) -> None:
    (settings / limits.TIDY).write_text("100000\n")

    limits.make_room(33, settings, record)

    assert values(settings) == [100_000, 4752, 4752]


def test_where_it_cannot_be_set_the_line_to_run_is_told(tmp_path: Path) -> None:
    said = limits.make_room(33, tmp_path / "nothing", tmp_path / "record.json")

    assert said == (
        "limits of the kernel may be too low for 33 hosts: on the machine run sysctl -w "
        "net.ipv4.neigh.default.gc_thresh3=4752 net.ipv4.neigh.default.gc_thresh2=2376 net.core.netdev_max_backlog=4752"
    )
    assert limits.make_room(3, tmp_path / "nothing", tmp_path / "record.json") == ""


def test_the_last_sandbox_puts_back_what_was_there_before(settings: Path, record: Path) -> None:
    limits.make_room(33, settings, record)
    limits.make_room(60, settings, record)

    limits.put_back(lambda: ["another"], settings, record)
    assert values(settings) == [7560, 15120, 15120]

    limits.put_back(list, settings, record)
    assert values(settings) == [512, 1024, 1000]
    assert not record.exists()


def test_nothing_is_put_back_where_nothing_was_raised(settings: Path, record: Path) -> None:
    limits.put_back(list, settings, record)

    assert values(settings) == [512, 1024, 1000]


def test_a_limit_that_somebody_else_changed_stays_so(settings: Path, record: Path) -> None:
    limits.make_room(33, settings, record)
    (settings / limits.MOST).write_text("65536\n")

    limits.put_back(list, settings, record)

    assert values(settings) == [512, 65536, 1000]


def test_a_value_of_somebody_else_in_between_is_what_is_put_back(settings: Path, record: Path) -> None:
    limits.make_room(33, settings, record)
    (settings / limits.MOST).write_text("5000\n")
    limits.make_room(60, settings, record)

    limits.put_back(list, settings, record)

    assert values(settings) == [512, 5000, 1000]


@pytest.mark.kernel
def test_the_kernel_takes_the_limits_and_takes_them_back(record: Path) -> None:
    before = values(limits.SETTINGS)
    hosts = next(count for count in range(33, 10_000) if limits.needed(count) > max(before))

    assert "raised" in limits.make_room(hosts, record=record)
    assert values(limits.SETTINGS)[1] == 2 * limits.needed(hosts)

    limits.put_back(list, record=record)
    assert values(limits.SETTINGS) == before
