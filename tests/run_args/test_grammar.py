"""pflag's grammar, as docker's own CLI reads it."""

import re

import pytest

from weave_http.run_args.grammar import OptionIndex, split
from weave_http.run_args.kinds import ValueKind
from weave_http.run_args.option import Option
from weave_http.run_args.table import OPTIONS, OPTIONS_BY_NAME
from weave_http.run_args.wrong import RunArgumentError

TABLE = OptionIndex.of(
    (
        Option("interactive", ValueKind.SWITCH, short="i"),
        Option("tty", ValueKind.SWITCH, short="t"),
        Option("publish", ValueKind.LIST, short="p", aliases=("pub",)),
        Option("name", ValueKind.TEXT),
    )
)


def given(*words: str) -> list[tuple[str, str]]:
    return [(occurrence.name, occurrence.value) for occurrence in split(words, TABLE).options]


@pytest.mark.parametrize(
    "line",
    ["--publish 80:80", "--publish=80:80", "--pub 80:80", "-p 80:80", "-p80:80", "-p=80:80"],
)
def test_an_option_with_a_value_has_several_spellings(line: str) -> None:
    assert given(*line.split(), "image") == [("publish", "80:80")]


def test_switches_are_bundled_and_the_last_letter_may_take_a_value() -> None:
    expected = [("interactive", "true"), ("tty", "true"), ("publish", "80")]
    assert given("-itp", "80", "image") == expected
    assert given("-itp80", "image") == given("-itp=80", "image") == expected


@pytest.mark.parametrize(("line", "on"), [("--tty=T", True), ("-t=0", False), ("--tty=false", False), ("-it", True)])
def test_a_switch_takes_a_value_only_by_equals(line: str, on: bool) -> None:
    assert given(line, "image")[-1][1] == str(on).lower()


def test_a_word_after_a_switch_is_the_image() -> None:
    assert split(["--tty", "false", "sh"], TABLE).rest == ("false", "sh")


@pytest.mark.parametrize("first", ["image", "-", ""])
def test_the_first_word_that_is_no_option_ends_options(first: str) -> None:
    assert split([first, "-p", "80"], TABLE).rest == (first, "-p", "80")


def test_two_dashes_end_options() -> None:
    assert split(["-t", "--", "--name", "x"], TABLE).rest == ("--name", "x")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (["--bogus", "x"], "unknown option --bogus"),
        (["-z"], "-z in -z"),
        (["-iz"], "-z in -iz"),
        (["--name"], "--name needs a value"),
        (["-p"], "-p, --publish needs a value, at the end of -p"),
        (["---name", "x"], "'---name' is no option"),
        (["--=x"], "'--=x' is no option"),
        (["--tty=2"], "invalid value '2' for -t, --tty"),
        (["-t=yes"], "invalid value 'yes' for -t, --tty"),
    ],
)
def test_what_docker_refuses_is_refused_by_name(line: list[str], reason: str) -> None:
    with pytest.raises(RunArgumentError, match=re.escape(reason)):
        split(line, TABLE)


def test_the_table_has_every_option_of_docker_once() -> None:
    names = [name for option in OPTIONS for name in (option.name, *option.aliases)]
    assert len(names) == len(set(names)) == len(OPTIONS_BY_NAME.long) == 107
    letters = [option.short for option in OPTIONS if option.short]
    assert len(letters) == len(set(letters))
    assert OPTIONS_BY_NAME.short["h"].name == "hostname"
