"""Processes that get one task each, whatever becomes of the broker."""

import json
import subprocess
import sys

import pytest
from django.conf import settings


def after(kind, what):
    """What is so after the broker was lost and came back (pool_process.py)."""
    command = [sys.executable, "-m", "asr.tests.pool_process", kind, what]
    ran = subprocess.run(
        command, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize(
    ("what", "ours", "celery_s"),
    [
        ("given_and_not_answered_for", {"idle": 1, "given_twice": False}, {"idle": 2, "given_twice": True}),
        ("done_and_not_yet_replaced", {"idle": [1, 1]}, {"idle": [2, 2]}),
        ("ended_and_not_yet_collected", {"replaced": True}, {"ends_by": "file descriptor is None"}),
    ],
)
def test_broker_that_comes_back_finds_every_process_as_it_was(what, ours, celery_s):
    assert after("ours", what) == ours
    assert after("celery", what) == celery_s, "Celery's own pool has changed: is ours still needed?"
