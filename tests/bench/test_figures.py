"""How figures are compared and shown."""

import json

import pytest

from tests.bench.arguments import LONG, microseconds
from tests.bench.commands import calls_of
from tests.bench.figures import COMPARED, WIDTH, Compared, Table, alternate, figure
from tests.bench.machine import cpu_model, memory_gib
from tests.bench.page import PAGE, renewed
from weave_http.run_args.grammar import split
from weave_http.run_args.table import OPTIONS_BY_NAME


def test_things_are_measured_in_turns() -> None:
    order: list[str] = []

    def measure(name: str, value: float) -> float:
        order.append(name)
        return value

    assert alternate([lambda: measure("a", 1.0), lambda: measure("b", 2.0)], 3) == [[1.0] * 3, [2.0] * 3]
    assert "".join(order) == "ababab"


def test_a_ratio_is_that_of_the_medians_and_shows_its_spread() -> None:
    row = Compared("time", [2.0, 3.0, 100.0], [2.0, 2.0, 2.0], unit="ms", goal=1.5)
    assert row.ratio == 1.5
    assert row.spread == (1.0, 50.0)
    assert row.met


def test_a_goal_may_be_to_have_more() -> None:
    row = Compared("speed", [80.0], [100.0], unit="Mbit/s", goal=0.9, at_least=True)
    assert not row.met
    assert row.cells()[-2:] == ("≥ 0.9", "MISSED")


def test_figures_have_the_digits_that_mean_something() -> None:
    assert [figure(value, "ms") for value in (0.0567, 5.67, 567.8)] == ["0.057 ms", "5.7 ms", "568 ms"]
    assert figure(12345.6, "Mbit/s") == "12,346 Mbit/s"


@pytest.mark.parametrize(
    "row",
    [
        Compared("weave status, unix socket", [1234.5], [999.9], unit="ms", goal=1.5),
        Compared("TCP throughput", [12345.0], [12345.0], unit="Mbit/s", goal=0.9, at_least=True),
    ],
)
def test_tables_fit_a_terminal_and_are_markdown(row: Compared) -> None:
    table = Table("Title", COMPARED, [row.cells()], ["A note of many words. " * 10])
    assert max(map(len, table.text().splitlines())) <= WIDTH
    lines = table.markdown().splitlines()
    assert {line.count("|") for line in lines[:3]} == {len(COMPARED) + 1}
    assert f"\n## Title\n\nWhen.\n\n{lines[0]}\n" in renewed("", [], [table], "When.")


def test_what_has_no_goal_misses_none() -> None:
    row = Compared("speed", [1.0], [100.0], unit="Mbit/s")
    assert row.met
    assert row.cells() == ("speed", "1 Mbit/s", "100 Mbit/s", "0.01", "0.01–0.01", "–", "")


def test_calls_are_read_from_a_trace() -> None:
    trace = (
        "HEAD   /_ping                                                  200    12.5 ms\n"
        "POST   /v1.41/containers/0123456789ab/start                    204   100.0 ms\n"
        "weave: something else\n"
    )
    assert json.dumps(calls_of(trace)) == '{"HEAD /_ping": 12.5, "POST /containers/ID/start": 100.0}'


def test_the_machine_is_described_by_its_own_files() -> None:
    assert cpu_model("processor\t: 0\nmodel name\t: Some CPU\nprocessor\t: 1\nmodel name\t: Some CPU\n") == "Some CPU"
    assert memory_gib("MemTotal:       25165824 kB\nMemFree: 1 kB\n") == 24


def test_the_line_that_is_timed_has_forty_options() -> None:
    assert len(split(LONG, OPTIONS_BY_NAME).options) == 40
    assert microseconds(LONG) > 0


def test_a_table_measured_anew_takes_the_place_of_the_old_one_and_the_others_stay() -> None:
    def table(title: str, value: str) -> Table:
        return Table(title, ("what", "figure"), [("a", value)], ["A note."])

    before = renewed("", [("CPU", "slow")], [table("First", "1"), table("Second, in ms", "2")], "Measured then.")
    after = renewed(before, [("CPU", "fast")], [table("First", "3"), table("Third", "4")], "Measured now.")
    assert [line for line in after.splitlines() if line.startswith(("## ", "Measured", "| a", "| CPU"))] == [
        "## Machine",
        "| CPU | fast |",
        "## First",
        "Measured now.",
        "| a | 3 |",
        "## Second, in ms",
        "Measured then.",
        "| a | 2 |",
        "## Third",
        "Measured now.",
        "| a | 4 |",
    ]
    assert renewed(before, [("CPU", "slow")], [], "Measured never.") == before


def test_every_table_of_the_page_says_when_it_was_measured() -> None:
    _, *sections = PAGE.read_text(encoding="utf-8").split("\n## ")
    assert len(sections) > 5
    assert [text.splitlines()[0] for text in sections if "\n\nMeasured 20" not in text] == ["Machine"]
