"""What is logged is what we wrote: one level for all processes, and libraries only when something is wrong."""

from __future__ import annotations

import json
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


STRANGER = """
import logging
import django
django.setup()
from django.test import Client, RequestFactory
for path in ("/nosuch/0123abcd?key=0123abcd", "/login?password=0123abcd"):
    Client(headers={"host": "localhost"}, raise_request_exception=False).get(path)
request = RequestFactory().get("/vote?key=0123abcd")
logging.getLogger("django.request").error("Error: /vote", extra={"status_code": 500, "request": request})
logging.getLogger("django.security.csrf").warning("Forbidden", extra={"status_code": 403, "request": request})
"""


def printed(level: str, script: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=BASE_DIR, capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": level, "LOG_JSON": "1"},
    ).stderr  # fmt: skip


def logged(level: str, script: str = SCRIPT) -> set[str]:
    lines = printed(level, script).splitlines()
    return {line.split('"event": "')[1].split('"')[0] for line in lines if '"event"' in line}


@pytest.mark.parametrize(
    ("level", "ours"),
    [("DEBUG", {"DEBUG", "INFO", "WARNING"}), ("INFO", {"INFO", "WARNING"}), ("ERROR", set())],
)
def test_the_level_is_ours_and_libraries_speak_up_from_warning_on(level: str, ours: set[str]) -> None:
    messages = logged(level)
    assert {message.split(" at ")[1] for message in messages if message.startswith("asr")} == ours
    libraries = {message.split(" at ")[1] for message in messages if not message.startswith("asr")}
    assert libraries == (set() if level == "ERROR" else {"WARNING"})


def test_what_strangers_ask_for_is_in_no_log_and_our_own_faults_are() -> None:
    lines = printed("DEBUG", STRANGER)
    assert "0123abcd" not in lines
    assert '"event": "Error: /vote"' in lines
    assert '"event": "Forbidden"' in lines


def test_a_worker_logs_at_the_level_of_the_settings() -> None:
    worker = SCRIPT.replace(
        "for name", "from config.celery import app\napp.log.setup(loglevel=40)\nfor name", 1
    )
    assert "asr.process at INFO" in logged("INFO", worker)


OWN_PARTS = """
import logging
import django
django.setup()
facts = {name: "a fact" for name in ("event", "level", "logger", "timestamp", "room")}
logging.getLogger("rooms.tasks").error("the message", extra=facts)
"""


def test_no_fact_takes_the_place_of_the_line_s_own_parts() -> None:
    line = json.loads(printed("INFO", OWN_PARTS))
    assert (line["event"], line["level"], line["logger"]) == ("the message", "error", "rooms.tasks")
    assert line["timestamp"] != "a fact"
    assert line["room"] == "a fact"
