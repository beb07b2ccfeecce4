"""Fixtures of the rooms' tests."""

from typing import Any

import pytest


@pytest.fixture
def dead_redis(settings: Any, tmp_path: Any) -> None:
    """The cache's Redis does not answer."""
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": f"unix://{tmp_path}/nobody.sock"}
    }
