"""The demo: what it prints is true, and its addresses and passwords work."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ops.faults.stack import BASE_DIR, free_port

pytestmark = pytest.mark.stack


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    tmp_path.chmod(0o755)
    env = {
        **{key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "REDIS_URL")},
        "VAR_DIR": str(tmp_path / "var"), "DEBUG": "0", "HTTPS_ONLY": "0", "LOG_LEVEL": "WARNING",
        "SECRET_KEY": "demo-" + "k" * 50, "HOST_PASSWORD": "demo-host", "ADMIN_PASSWORD": "demo-admin",
        "ASR_RECOGNISER": "scripted",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(free_port())],
        cwd=BASE_DIR, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    yield process
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)


def test_every_address_that_it_prints_answers_and_its_admin_may_come_in(
    demo: subprocess.Popen[str],
) -> None:
    assert demo.stdout is not None
    printed = ""
    while "manage.py stream" not in printed:
        line = demo.stdout.readline()
        assert line, printed
        printed += line
    closing = printed[printed.index("The stack goes on") :]
    addresses = re.findall(r"  (http://\S+)", closing)
    assert len(addresses) == 4
    for address in addresses:
        assert requests.get(address, timeout=10).status_code == 200, address
    assert "s0001w1" in requests.get(addresses[1], timeout=10).text.lower()
    found = re.search(r"user (\S+), password (\S+)", closing)
    assert found
    browser = requests.Session()
    login = browser.get(addresses[3], timeout=10)
    answer = browser.post(
        login.url,
        data={"username": found[1], "password": found[2], "csrfmiddlewaretoken": browser.cookies["csrftoken"]},
        headers={"Referer": login.url}, timeout=10,
    )  # fmt: skip
    assert "Log out" in answer.text
    rooms = requests.get(addresses[0], timeout=10).json()["rooms"]
    assert [room["host_connection_id"] for room in rooms if room["id"] == "DEMO"] == [""]


def test_once_ends_when_the_room_is_closed_with_one_line_of_json(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    env = {
        **{key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "REDIS_URL")},
        "VAR_DIR": str(tmp_path / "var"), "DEBUG": "1", "HTTPS_ONLY": "0", "LOG_LEVEL": "WARNING",
        "ASR_RECOGNISER": "scripted",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "--once", "--port", str(free_port())],
        cwd=BASE_DIR, env=env, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["sentences"] >= 4
