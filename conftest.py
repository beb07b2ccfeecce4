"""Fixtures of all tests: one stack of child processes, shared by the tests that need one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis

from asr.tests.real_redis import RealRedis
from ops.faults.stack import Stack, running_stack

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SHARED_ROOMS = 200
SLOTS = 4
CONNECTED_WITHIN_S = 60
LOGGED = 60  # lines of each program, where a test failed
LONG = ("model", "stack", "browser")  # marks of files, the longest first


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With workers (pytest -n), what takes longest comes first: the model, stacks, browsers."""
    if hasattr(config, "workerinput"):
        items.sort(key=_haste)


def _haste(item: pytest.Item) -> int:
    """Of the item's whole file: workers take files."""
    module = item.getparent(pytest.Module)
    marks = {mark.name for mark in module.iter_markers()} if module else set()
    return next((place for place, mark in enumerate(LONG) if mark in marks), len(LONG))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where a test failed that ran beside a stack, its report ends with what the stack's programs logged."""
    report = yield
    if report.failed:
        for stack in getattr(item, "funcargs", {}).values():
            if isinstance(stack, Stack):
                report.sections.extend((f"log of {name}", text) for name, text in stack.last_logged(LOGGED))
    return report


@pytest.fixture(autouse=True)
def _no_room_is_known_not_to_be_there() -> None:
    """What a test asked for in vain the next one may make (rooms/known_rooms.py)."""
    from rooms import known_rooms

    known_rooms.forget()


@pytest.fixture(autouse=True)
def _redis_is_empty() -> None:
    """What earlier tests counted and kept in the tests' own Redis is gone, as their rows are."""
    from django.conf import settings

    if not settings.ENV.redis_url:
        with Redis.from_url(settings.REDIS_URL) as redis:
            redis.flushdb()


@pytest.fixture
def own_redis(settings: Any) -> Iterator[RealRedis]:
    """A Redis that nobody else writes to, neither other tests nor their processes."""
    with TemporaryDirectory() as folder, RealRedis(Path(folder)) as redis:
        settings.REDIS_URL = redis.url
        yield redis


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """On a busy machine a test's own threads may wait for a connection to PostgreSQL; deployments give up after seconds."""
    from django.db import connections

    connections.databases["default"]["OPTIONS"]["connect_timeout"] = CONNECTED_WITHIN_S


@pytest.fixture
def admin_user(db: None) -> User:
    """pytest-django's would be the person of ADMIN_PASSWORD, who may not enter the admin's pages."""
    from django.contrib.auth.models import User

    return User.objects.create_superuser("organiser")


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


@pytest.fixture(scope="session")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole stack with the scripted recogniser, SLOTS slots, two host logins, rooms R00, R01, … and a key for meetings."""
    from gateways.meetings.tests.signed import AUDIENCE, publish

    keys = publish(tmp_path_factory.mktemp("keys"))
    with running_stack(
        rooms=[f"R{number:02}" for number in range(SHARED_ROOMS)],
        ASR_SLOTS=str(SLOTS),
        HOST_PASSWORDS='{"ada": "ada-password"}',
        LOGIN_FAILURES_PER_MINUTE="1000",
        DEFAULT_SOURCE_LANG="en",
        SOURCE_LANGS="en,de,fr",
        ASAP_PUB_KEYS_REPO_URL=str(keys),
        ASAP_PUB_KEYS_AUDS=AUDIENCE,
    ) as running:
        yield running


@pytest.fixture(scope="session")
def unused_rooms() -> Iterator[str]:
    """Codes of rooms that no test has used."""
    return iter([f"R{number:02}" for number in range(SHARED_ROOMS)])
