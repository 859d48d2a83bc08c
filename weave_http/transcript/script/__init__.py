"""A command as a shell script: `curl` calls with the same effect, the same output and the same exit code.

The calls are those that the command made in a rehearsal, and so is what the script does when something fails: the
command is played again with an image that is missing, a start that is refused, an executor that fails, and the
script gets what the command did then. Ids that only the daemon knows become the shell's variables.
"""

from weave_http.transcript.script.library import LIBRARY
from weave_http.transcript.script.writer import script

__all__ = ["LIBRARY", "script"]
