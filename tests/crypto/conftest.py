"""Keys and settings that the tests of crypto/ share."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from crypto.xwing import Identity
from tests.support import node

settings.register_profile(
    "crypto",
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("crypto")


@pytest.fixture(scope="session")
def identity() -> Identity:
    return Identity.from_seed(bytes(range(32)))


@pytest.fixture(scope="session")
def stranger() -> Identity:
    return Identity.from_seed(b"\x55" * 32)


@pytest.fixture(scope="session")
def cctv() -> dict[str, Any]:
    """C2SP's test vectors for age: name to base64."""
    node.install()
    vectors: dict[str, Any] = node.run({"vectors": True})["vectors"]
    return vectors
