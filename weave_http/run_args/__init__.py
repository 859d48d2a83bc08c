"""`docker run` arguments → the body of `POST /containers/create`, as tables.

Pure: `parse` reads no file and asks no daemon. An option that is not in the table is refused by name.
"""

from weave_http.run_args.request import CreateRequest, parse

__all__ = ["CreateRequest", "parse"]
