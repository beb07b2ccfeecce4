"""The demo: what it prints is true, and its addresses and passwords work."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import requests

from ops.faults.stack import BASE_DIR, free_port

pytestmark = pytest.mark.stack
WITHIN_S = 300.0  # a tenth of it, on a machine that does nothing else


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Where somebody types, and what a program reads of it."""
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def demo(tmp_path: Path, terminal: tuple[int, int]) -> Iterator[subprocess.Popen[str]]:
    tmp_path.chmod(0o755)
    env = {
        **{key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "REDIS_URL")},
        "VAR_DIR": str(tmp_path / "var"), "DEBUG": "0", "HTTPS_ONLY": "0", "LOG_LEVEL": "WARNING",
        "SECRET_KEY": "demo-" + "k" * 50, "HOST_PASSWORD": "demo-host", "ADMIN_PASSWORD": "demo-admin",
        "ASR_RECOGNISER": "scripted",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(free_port())],
        cwd=BASE_DIR, env=env, stdin=terminal[1], stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    yield process
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WITHIN_S)


def told_by(printed: re.Match[str] | None) -> str:
    """What a command says that the demo printed, to somebody who has only the checkout; FILE is no audio."""
    assert printed
    command = printed[1].replace(".venv/bin/python", sys.executable).replace("FILE", "README.md")
    env = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["env", *shlex.split(command)], cwd=BASE_DIR, env=env, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )  # fmt: skip
    return done.stderr


def test_every_address_that_it_prints_answers_to_its_password_and_enter_begins_again(
    demo: subprocess.Popen[str], terminal: tuple[int, int]
) -> None:
    closing = printed_until(demo, "Enter:").partition("The stack goes on")[2]
    found = dict(re.findall(r"^  (\w[\w ]*\w) +(http://\S+)", closing, re.MULTILINE))
    assert list(found) == [
        "all talks", "read along", "the hall screen", "the transcript", "speak yourself", "type captions", "all halls", "admin pages",
        "as plain text",
    ]  # fmt: skip
    for name in ("all talks", "read along", "the hall screen", "the transcript"):
        answer = page(found[name])
        assert (answer.status_code, answer.history) == (200, []), name
    for name in ("as plain text", "the transcript"):
        assert "s0001w1" in page(found[name]).text.lower(), name
    for name, shown in (
        ("speak yourself", "Start captions"),
        ("type captions", "Demonstration"),
        ("all halls", "Demo hall"),
    ):
        password = re.search(rf"{re.escape(found[name])}  password (\S+)", closing)
        assert password
        assert shown in signed_in(found[name], password[1]).text, name
    login = re.search(r"user (\S+), password (\S+)", closing)
    assert login
    admin = signed_in(found["admin pages"], login[2], username=login[1]).text
    assert "Log out" in admin
    assert "<title>Site administration | Souffleur</title>" in admin
    assert "cannot be read as audio" in told_by(
        re.search(r"^  (DEBUG=.* stream FILE .*)$", closing, re.MULTILINE)
    )
    rooms = requests.get(found["all talks"] + "room_list", timeout=WITHIN_S).json()["rooms"]
    assert [room["host_connection_id"] for room in rooms if room["id"] == "DEMO"] == [""]
    os.write(terminal[0], b"\n")
    printed_until(demo, "S0001w1")


def printed_until(demo: subprocess.Popen[str], mark: str) -> str:
    """What it says, up to the line with this mark."""
    assert demo.stdout is not None
    printed = ""
    while mark not in printed:
        line = demo.stdout.readline()
        assert line, printed
        printed += line
    return printed


def page(address: str) -> requests.Response:
    """As a browser asks."""
    return requests.get(address, headers={"Accept": "text/html"}, timeout=WITHIN_S)


def signed_in(address: str, password: str, **fields: str) -> requests.Response:
    """The page behind the login that it leads to, through its form."""
    browser = requests.Session()
    browser.headers["Accept"] = "text/html"
    asked = browser.get(address, timeout=WITHIN_S)
    form = re.search(
        r'<form[^>]*action="([^"]*)"[^>]*>(?:(?!</form>).)*type="password"', asked.text, re.DOTALL
    )
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', asked.text)
    assert form or fields, asked.text
    assert token, asked.text
    target = urljoin(asked.url, form[1] if form and form[1] else asked.url)
    values = {**fields, "password": password, "csrfmiddlewaretoken": token[1], "next": urlsplit(address).path}
    return browser.post(target, data=values, headers={"Referer": asked.url}, timeout=WITHIN_S)


def test_once_ends_when_the_room_is_closed_with_one_line_of_json(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    env = {
        **{key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "REDIS_URL")},
        "VAR_DIR": str(tmp_path / "var"), "DEBUG": "1", "HTTPS_ONLY": "0", "LOG_LEVEL": "WARNING",
        "ASR_RECOGNISER": "scripted",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "--once", "--port", str(free_port())],
        cwd=BASE_DIR, env=env, capture_output=True, text=True, timeout=WITHIN_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["sentences"] >= 4
