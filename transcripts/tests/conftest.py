"""Fixtures of the transcripts' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from asr.tests.real_redis import RealRedis


@pytest.fixture
def own_redis(settings: Any) -> Iterator[RealRedis]:
    """Nobody else is in it: other processes of the tests say which keys they have, and know none of this test's."""
    with TemporaryDirectory() as folder, RealRedis(Path(folder)) as redis:
        settings.REDIS_URL = redis.url
        yield redis
