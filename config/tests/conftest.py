"""Each server as config/servers changes it, in a child process."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from ops.faults.stack import BASE_DIR, free_port

WITHIN_S = 60


@pytest.fixture(scope="module", params=["uvicorn", "daphne"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[str, psutil.Process]]:
    """A server of the flooding application: its URL and its process."""
    port = free_port()
    command = [
        sys.executable, "-m", "config.servers", "--server", request.param, "--port", str(port),
        "--application", "config.tests.flooding:application",
    ]  # fmt: skip
    child = subprocess.Popen(command, cwd=BASE_DIR)
    try:
        until_it_listens(port)
        yield f"ws://127.0.0.1:{port}", psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(WITHIN_S)


def until_it_listens(port: int) -> None:
    """Until somebody may connect."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), WITHIN_S).close()
            return
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
