"""For all tests: Ctrl-C means Ctrl-C, and how long an example takes is no failure.

A shell starts what runs in the background with SIGINT ignored, nohup with SIGHUP, and programs inherit that. On a busy
machine any example of hypothesis may be slow.
"""

import signal

from hypothesis import HealthCheck, settings

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
