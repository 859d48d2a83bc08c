"""`weave image`: the image that holds the executor and the router."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from weave_http.errors import WeaveError
from weave_http.platform_needed import require_linux

app = typer.Typer(
    help="Build the image of executor and router, without a registry.",
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
)


def built(out: Path | None = None, *, guest: bool = False) -> Path:
    """Build an image, or find it built already, and return the archive's path.

    Args:
        out: where to put it; in the cache (`$XDG_CACHE_HOME/weave-http`) when None.
        guest: the small image for containers to try the network with, instead of Weave's own.
    """
    require_linux("building an image from Debian packages", hint="see `weave setup --help` for other sources")
    from weave_http.image import build_guest_image, build_image

    if out is not None and not out.absolute().parent.is_dir():
        raise WeaveError(f"there is no directory {out.absolute().parent}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weave-http"
    cache.mkdir(parents=True, exist_ok=True)
    name, build = ("guest.tar", build_guest_image) if guest else ("weave.tar", build_image)
    return build(out or cache / name, cache=cache, report=lambda line: typer.echo(line, err=True)).path


@app.command("build")
def build_(
    out: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The archive to write; by default in the cache."),
    ] = None,
    guest: Annotated[
        bool, typer.Option("--guest", help="A small image with busybox, for containers to try the network with.")
    ] = False,
) -> None:
    """Build the image, as an archive for `weave setup --from`.

    It is made of Debian packages.
    """
    typer.echo(built(out, guest=guest))


@app.command()
def dockerfile() -> None:
    """Print a Dockerfile that makes the same image.

    It needs a registry, for Debian's image.
    """
    from weave_http.image import DOCKERFILE

    typer.echo(DOCKERFILE.read_text(encoding="utf-8"), nl=False)
