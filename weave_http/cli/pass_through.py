"""Typer settings for commands that pass their words on: `explain`, `script` and `create-body`."""

from __future__ import annotations

PASS_THROUGH = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
    "help_option_names": ["--help"],
}
"""Pass every word on as it was typed."""
