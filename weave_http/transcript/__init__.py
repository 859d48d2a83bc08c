"""What is said on the wire, shown: `Watch` sees every request as it is sent, `StandIn` answers when nothing may be.

Both are transports, so what is shown can't differ from what is sent.
"""

from weave_http.transcript.formats import FullPrinter
from weave_http.transcript.lines import AnswerPrinter, Printer
from weave_http.transcript.rehearsal import Stage
from weave_http.transcript.standin import StandIn
from weave_http.transcript.watch import Exchange, Watch

__all__ = ["AnswerPrinter", "Exchange", "FullPrinter", "Printer", "Stage", "StandIn", "Watch"]
