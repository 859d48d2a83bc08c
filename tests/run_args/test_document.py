"""docs/run-arguments.md says what the tables of the code say."""

from tests.run_args.document import DOCUMENT, filled


def test_the_tables_are_up_to_date() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text == filled(text), "write them anew: python -m tests.run_args.document"
