"""The table of many hosts: its rows are in the order of the hosts, also if some come late."""

import json

from weave_http.cli.tables import table_of
from weave_http.commands.fleet import Result
from weave_http.errors import WeaveError
from weave_http.operations import Ps, Status, Version
from weave_http.operations.outcome import Outcome

NAMES = ["one", "twenty-two", "three"]


def said(host: str, text: str) -> Result[Outcome]:
    return Result(host, Outcome(0, ((1, text.encode()),)))


def test_rows_of_late_hosts_stand_below_in_the_same_columns() -> None:
    blocks: list[str] = []
    table = table_of(Ps(), NAMES, blocks.append)
    assert table is not None
    table.print_added()
    assert blocks == [], "there is nothing to show yet"
    table.add(said("three", "c3 02:00:00:00:00:03 10.2.1.3/24\n"))
    table.add(said("one", "c1 02:00:00:00:00:01 10.2.1.1/24 10.2.2.1/24\nc2 02:00:00:00:00:02\n"))
    table.print_added()
    table.print_added()
    table.add(said("twenty-two", "a-long-name 02:00:00:00:00:04 10.2.1.4/24\n"))
    table.print_added()
    assert blocks == [
        "HOST        CONTAINER  MAC                ADDRESSES\n"
        "one         c1         02:00:00:00:00:01  10.2.1.1/24 10.2.2.1/24\n"
        "one         c2         02:00:00:00:00:02\n"
        "three       c3         02:00:00:00:00:03  10.2.1.3/24",
        "twenty-two  a-long-name  02:00:00:00:00:04  10.2.1.4/24",
    ]


def test_hosts_that_failed_have_no_row_and_no_head_above_it() -> None:
    blocks: list[str] = []
    table = table_of(Ps(), NAMES, blocks.append)
    assert table is not None
    table.add(Result("one", error=WeaveError("gone")))
    table.print_added()
    assert blocks == []
    table.add(said("three", ""))
    table.print_added()
    assert blocks == ["HOST        CONTAINER  MAC  ADDRESSES"], "there is a host, and nothing on it"


def test_a_report_is_summed_up() -> None:
    blocks: list[str] = []
    table = table_of(Status(), NAMES, blocks.append)
    assert table is not None
    states = [{"State": "established"}, {"State": "retrying"}]
    report = {
        "Version": "0.1.0",
        "Router": {"Connections": states, "Peers": [{}, {}]},
        "Attachments": [{}],
        "DNS": {"Entries": [{"Hostname": "a"}, {"Hostname": "a"}], "Trouble": "no port 53"},
    }
    table.add(said("one", json.dumps(report)))
    table.print_added()
    assert " ".join(blocks[0].splitlines()[1].split()) == "one 0.1.0 1 of 2 2 1 1 no port 53"


def test_what_is_no_table_is_printed_in_lines() -> None:
    assert table_of(Status(section="peers"), NAMES, print) is None
    assert table_of(Version(), NAMES, print) is None
