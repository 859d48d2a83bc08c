"""For all tests: Ctrl-C means Ctrl-C.

A shell starts what runs in the background with SIGINT ignored, nohup with SIGHUP, and programs inherit that.
"""

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
