"""What is logged is what we wrote: one level for all processes, and libraries only when something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ops.faults.stack import BASE_DIR

SCRIPT = """
import logging
import django
django.setup()
for name in ("asr.process", "websockets.client", "django.db.backends", "redis", "kombu", "celery.worker", "autobahn"):
    for level in (logging.DEBUG, logging.INFO, logging.WARNING):
        logging.getLogger(name).log(level, f"{name} at {logging.getLevelName(level)}")
"""


def logged(level: str, script: str = SCRIPT) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=BASE_DIR, capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": level, "LOG_JSON": "1"},
    )  # fmt: skip
    return {
        line.split('"event": "')[1].split('"')[0] for line in done.stderr.splitlines() if '"event"' in line
    }


@pytest.mark.parametrize(
    ("level", "ours"),
    [("DEBUG", {"DEBUG", "INFO", "WARNING"}), ("INFO", {"INFO", "WARNING"}), ("ERROR", set())],
)
def test_the_level_is_ours_and_libraries_speak_up_from_warning_on(level: str, ours: set[str]) -> None:
    messages = logged(level)
    assert {message.split(" at ")[1] for message in messages if message.startswith("asr")} == ours
    libraries = {message.split(" at ")[1] for message in messages if not message.startswith("asr")}
    assert libraries == (set() if level == "ERROR" else {"WARNING"})


def test_a_worker_logs_at_the_level_of_the_settings() -> None:
    worker = SCRIPT.replace(
        "for name", "from config.celery import app\napp.log.setup(loglevel=40)\nfor name", 1
    )
    assert "asr.process at INFO" in logged("INFO", worker)
