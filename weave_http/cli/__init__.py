"""The command line: arguments in, text out. Knows no HTTP; the only importer of Typer, where it is needed."""

from weave_http.cli.main import main

__all__ = ["main"]
