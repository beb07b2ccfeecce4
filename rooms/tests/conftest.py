"""Fixtures of the rooms' tests."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def env(settings: Any) -> Callable[..., None]:
    """Change settings of the environment for one test."""

    def change(**values: Any) -> None:
        settings.ENV = settings.ENV.model_copy(update=values)

    return change


@pytest.fixture
def dead_redis(settings: Any, tmp_path: Any) -> None:
    """The cache's Redis does not answer."""
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": f"unix://{tmp_path}/nobody.sock"}
    }
