"""A Redis that takes everything and answers nothing: a web process goes on."""

import os
import subprocess
import sys
from pathlib import Path

from asr.tests.real_redis import RealRedis

BASE_DIR = Path(__file__).resolve().parent.parent.parent
WITHIN_S = 60
OPEN_ROOMS = """
import config.asgi
from asr.placement import request_process
for session in range(3):
    request_process(session, 1)
print("asked")
"""


def test_a_web_process_that_asks_a_silent_broker_for_a_process_goes_on(tmp_path):
    with RealRedis(tmp_path) as redis, redis.silent():
        child = subprocess.run(
            [sys.executable, "-c", OPEN_ROOMS], cwd=BASE_DIR, env={**os.environ, "REDIS_URL": redis.url},
            capture_output=True, text=True, timeout=WITHIN_S, check=True,
        )  # fmt: skip
    assert child.stdout.splitlines()[-1] == "asked"
