"""How many times as long as usual tests wait: more than once where the machine is emulated (`make test-vm`)."""

import os

PATIENCE = float(os.environ.get("WEAVE_TEST_PATIENCE", "1"))
