"""Numbers: what is written is read again, and nothing strange is taken for a number."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weave_http.run_args import csv_record, scalars
from weave_http.run_args.scalars import INT64_MAX
from weave_http.run_args.wrong import BadValue


@given(st.integers(0, 2**53))
def test_sizes_are_read_as_written(value: int) -> None:
    assert scalars.size(scalars.size_text(value)) == value


@given(st.integers(-INT64_MAX, INT64_MAX))
def test_durations_and_decimals_are_read_as_written(value: int) -> None:
    assert scalars.duration(scalars.duration_text(value)) == value
    assert scalars.nano(scalars.nano_text(value)) == value


@pytest.mark.parametrize("write", [str, hex, oct, bin, "{:_}".format, "0{:o}".format])
@given(value=st.integers(1, INT64_MAX))
def test_whole_numbers_are_read_in_every_notation(write: Callable[[int], str], value: int) -> None:
    assert scalars.integer(write(value), -INT64_MAX, INT64_MAX) == value
    assert scalars.integer(f"-{write(value)}", -INT64_MAX, INT64_MAX) == -value


READERS = (
    scalars.size,
    scalars.duration,
    scalars.nano,
    lambda text: scalars.integer(text, -(2**63), INT64_MAX),
    scalars.decimal_integer,
)


@pytest.mark.parametrize("read", READERS)
@given(text=st.text("0123456789.+-_eExXkmgbhsnu/ \n١٢", max_size=8) | st.text(max_size=5))
def test_a_text_is_a_number_within_64_bits_or_refused(read: Callable[[str], int], text: str) -> None:
    try:
        value = read(text)
    except BadValue:
        return
    assert -(2**63) <= value <= INT64_MAX
    assert text.isascii() or read is scalars.duration


@pytest.mark.parametrize("text", ["1e999999999", "9" * 5000, "1e400", "0." + "0" * 500 + "1", "1/0"])
def test_huge_numbers_are_refused_at_once(text: str) -> None:
    for read in (scalars.duration, lambda text: scalars.integer(text, 0, 1), scalars.decimal_integer):
        with pytest.raises(BadValue):
            read(text)
    with pytest.raises(BadValue):
        scalars.nano(text)
    if not text.startswith("0."):
        with pytest.raises(BadValue):
            scalars.size(text)


@given(st.lists(st.text('ab=," \n', max_size=6).filter(bool), min_size=1, max_size=5))
def test_records_are_read_as_written(values: list[str]) -> None:
    assert csv_record.fields(csv_record.record(values)) == values


@pytest.mark.parametrize("text", ["", '"a', 'a"b', '"a"b', "\n"])
def test_a_broken_record_is_refused(text: str) -> None:
    with pytest.raises(BadValue):
        csv_record.fields(text)
