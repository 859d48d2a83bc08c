"""Settings of commands whose words are another command's."""

from __future__ import annotations

PASS_THROUGH = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
    "help_option_names": ["--help"],
}
"""Hand every word on as it was typed: what it means is decided elsewhere."""
