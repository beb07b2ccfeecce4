"""One stack for this wire's tests: scripted recogniser, engine and voice; and a second web process on the same database."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import pytest
import requests

from ops.faults.stack import BASE_DIR, Stack, free_port, running_stack

SLOTS = 3


@pytest.fixture(scope="package")
def interpreters() -> Iterator[Stack]:
    with running_stack(
        rooms=[], ASR_SLOTS=str(SLOTS), SOURCE_LANGS="en,de,fr", DEFAULT_SOURCE_LANG="en", TRANSLATION_ENGINES="scripted",
        SPEECH_ENGINES="scripted",
    ) as running:  # fmt: skip
        yield running


@pytest.fixture(scope="package")
def strict_port(interpreters: Stack) -> Iterator[int]:
    """Another web process of the stack, which asks for consent and keeps nothing."""
    with another_web(interpreters, CONSENT_REQUIRED="1", STORE_TRANSCRIPTS="0") as web:
        yield web.port


@pytest.fixture
def mortal(interpreters: Stack) -> Iterator[Web]:
    """Another web process of the stack, which may be killed."""
    with another_web(interpreters) as web:
        yield web


@dataclass(frozen=True)
class Web:
    """A web process."""

    port: int
    process: subprocess.Popen[bytes]


@contextmanager
def another_web(stack: Stack, **settings: str) -> Iterator[Web]:
    port = free_port()
    command = [sys.executable, "-m", "config.servers", "--port", str(port)]
    with subprocess.Popen(
        command, cwd=BASE_DIR, env={**stack.environment, "WEB_DRAIN_S": "0", **settings}
    ) as process:
        try:
            await_answer(port)
            yield Web(port, process)
        finally:
            process.terminate()
            process.wait(30)


def await_answer(port: int) -> None:
    """Until a web process answers."""
    deadline_s = time.monotonic() + 60
    while True:
        try:
            requests.get(f"http://127.0.0.1:{port}/room_list", timeout=5)
            return
        except requests.ConnectionError:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)


@pytest.fixture
def room() -> str:
    """A name that nobody else uses."""
    return f"room {uuid4()}"
