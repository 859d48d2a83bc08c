"""The caller's side: perform an operation on a Docker host, by calls of the Docker Engine API.

    from weave_http.commands import perform
    from weave_http.operations import parse

    perform(caller, parse(["attach", "10.2.1.1/24", "web"])).out

`perform` is the executor's call; `run` is the exception, a container of the caller's own, and `setup` is before all
operations: it brings the image. Each takes a `Caller` (engine, streams, environment) and returns an `Outcome`. What the
daemon refuses, or makes no sense, is raised as a `WeaveError`. Printing is the front end's: the command line, a program
and a dry run all run the same code.
"""

from weave_http.commands.caller import Caller
from weave_http.commands.perform import perform
from weave_http.hints import TYPE_CHECKING

if TYPE_CHECKING:
    from weave_http.commands.bringing_image import setup
    from weave_http.commands.bringing_up import up
    from weave_http.commands.container_run import run_container
    from weave_http.commands.opening import open_caller, open_fleet

__all__ = ["Caller", "open_caller", "open_fleet", "perform", "run_container", "setup", "up"]

if not TYPE_CHECKING:
    from weave_http.lazy import lazy_names

    __getattr__ = lazy_names(
        __name__,
        {
            "weave_http.commands.container_run": ("run_container",),
            "weave_http.commands.opening": ("open_caller", "open_fleet"),
            "weave_http.commands.bringing_image": ("setup",),
            "weave_http.commands.bringing_up": ("up",),
        },
    )
