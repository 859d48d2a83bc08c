"""Process tests use the stage of the host tests."""

from tests.host.conftest import router as router
from tests.host.conftest import spaces as spaces
from tests.host.conftest import stage as stage
