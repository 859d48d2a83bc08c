"""`weave secret`: a new password."""

from __future__ import annotations

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def secret() -> None:
    """Print a new password that nobody guesses: 160 random bits as 32 letters and digits. Nothing is sent.

    Example: (umask 077; weave secret > password)
    """
    from weave_http.operations.passwords import make

    typer.echo(make())
