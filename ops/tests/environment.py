"""The tests' environment: embedded PostgreSQL and Redis in a folder of their own, stopped at the end.

A pytest plugin (see pyproject.toml), because settings are read before any conftest.py. With DATABASE_URL and
REDIS_URL set, those servers are used.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest
from redis import Redis
from redis.exceptions import RedisError

WITHIN_S = 120.0  # a second, on a machine that does nothing else
_var = Path(tempfile.mkdtemp(prefix="souffleur-tests-"))
_var.chmod(0o711)  # PostgreSQL's user passes through
_processes: list[subprocess.Popen[bytes]] = []

os.environ.update(
    {
        "DEBUG": "1",
        "SECRET_KEY": "tests-only-" + "k" * 40,
        "HOST_PASSWORD": "host-password",
        "ADMIN_PASSWORD": "admin-password",
        "VAR_DIR": str(_var),
        "EVENT_TIME_ZONE": "Europe/Berlin",
        "LOG_JSON": "0",
        "ASR_RECOGNISER": "scripted",
        "FIRST_PAGE_SHARED_S": "0",
    }
)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start what no URL names, unless tests are only listed or handed to workers (pytest -n)."""
    option = session.config.option
    only_distributes = option.dist != "no" and not hasattr(session.config, "workerinput")
    if option.collectonly or only_distributes:
        return
    from config.layout import DATABASE_NAME, layout
    from ops import embedded

    places = layout(_var)
    embedded.prepare_folders(places)
    if not os.environ.get("DATABASE_URL"):
        embedded.prepare_postgres(places)
        _start(embedded.postgres_command(places), user=places.system_user)
        _wait(lambda: embedded.connect(places, database="postgres").close())
        with embedded.connect(places, database="postgres", autocommit=True) as db:
            db.execute(f"CREATE DATABASE {DATABASE_NAME}")
    if not os.environ.get("REDIS_URL"):
        _start(embedded.redis_command(places))
        _wait(lambda: Redis.from_url(places.redis_url).ping())


def pytest_sessionfinish() -> None:
    """Stop what was started, and remove its folder."""
    _stop()


def _start(command: list[str], *, user: str | None = None) -> None:
    quiet = subprocess.DEVNULL
    _processes.append(subprocess.Popen(command, stdout=quiet, stderr=quiet, cwd="/", user=user))


def _wait(answers: object) -> None:
    import time

    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            answers()  # type: ignore[operator]
            return
        except (psycopg.OperationalError, RedisError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@atexit.register
def _stop() -> None:
    while _processes:
        process = _processes.pop()
        process.send_signal(2)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
    shutil.rmtree(_var, ignore_errors=True)
