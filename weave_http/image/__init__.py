"""What is in the images and how they are built: from Debian packages, with no image registry and no root.

`build_image` makes the one that holds the executor and the router, `build_guest_image` a small one to try the network
with; both write an archive for `POST /images/load`. The steps, each a module: `apt` and `wheels` fetch, `selection`
picks, `elf` drops libraries that nothing needs, `bytecode` compiles, `tree` and `archive` make tars of it.
"""

from pathlib import Path

from weave_http.image.build import build_image
from weave_http.image.guest import build_guest_image
from weave_http.image.result import BuildResult, Report

DOCKERFILE = Path(__file__).with_name("Dockerfile")
"""A recipe that makes the same image where an image registry is at hand."""

__all__ = ["DOCKERFILE", "BuildResult", "Report", "build_guest_image", "build_image"]
