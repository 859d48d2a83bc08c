"""`docker run` arguments → the body of `POST /containers/create`, as tables.

Pure: `parse` reads files only through the reader that it is given, and asks no daemon. `options` is the table; the
modules beside it are the little languages of the values.
"""

from weave_http.run_args.client_side import key_codes
from weave_http.run_args.files import Files, LocalFiles, NoFiles
from weave_http.run_args.request import CreateRequest, parse
from weave_http.run_args.wrong import BadValue, RunArgumentError

__all__ = ["BadValue", "CreateRequest", "Files", "LocalFiles", "NoFiles", "RunArgumentError", "key_codes", "parse"]
