"""For all tests: Ctrl-C means Ctrl-C.

A shell starts what runs in the background with SIGINT ignored, and programs that are started from there inherit it.
"""

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
