"""pflag's grammar, as docker's own CLI reads it."""

import pytest

from weave_http.run_args.grammar import Kind, Occurrence, Option, RunArgumentError, split

TABLE = (
    Option("interactive", Kind.SWITCH, "i"),
    Option("tty", Kind.SWITCH, "t"),
    Option("publish", Kind.VALUE, "p"),
    Option("name", Kind.VALUE),
)


@pytest.mark.parametrize(
    "line",
    ["--publish 80:80", "--publish=80:80", "-p 80:80", "-p80:80", "-p=80:80"],
)
def test_an_option_with_a_value_has_five_spellings(line: str) -> None:
    assert split([*line.split(), "image"], TABLE).options == (Occurrence("publish", "80:80"),)


def test_switches_are_bundled_and_the_last_letter_may_take_a_value() -> None:
    words = split(["-itp", "80", "image"], TABLE)
    assert [(given.name, given.value) for given in words.options] == [
        ("interactive", "true"),
        ("tty", "true"),
        ("publish", "80"),
    ]
    assert split(["-itp80", "image"], TABLE).options == words.options


@pytest.mark.parametrize(("line", "on"), [("--tty=T", True), ("-t=0", False), ("--tty=false", False), ("-it", True)])
def test_a_switch_takes_a_value_only_by_equals(line: str, on: bool) -> None:
    assert split([line, "image"], TABLE).options[-1].on is on


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
        (["--bogus", "x"], "--bogus"),
        (["-z"], "-z in -z"),
        (["-iz"], "-z in -iz"),
        (["--name"], "flag needs an argument: --name"),
        (["-p"], "flag needs an argument: -p"),
        (["---name", "x"], "bad flag syntax: ---name"),
        (["--=x"], "bad flag syntax: --=x"),
        (["--tty=2"], "invalid argument '2' for --tty"),
        (["-t=yes"], "invalid argument 'yes' for -t"),
    ],
)
def test_what_docker_refuses_is_refused_by_name(line: list[str], reason: str) -> None:
    with pytest.raises(RunArgumentError, match=reason.replace("(", r"\(")):
        split(line, TABLE)
