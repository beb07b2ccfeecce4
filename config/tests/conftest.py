"""A Daphne as config/ changes it, in a child process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from ops.faults.stack import BASE_DIR, free_port


@pytest.fixture(scope="module")
def daphne() -> Iterator[tuple[str, psutil.Process]]:
    """A server of the flooding application: its URL and its process."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "daphne",
        "-p",
        str(port),
        "-v",
        "1",
        "config.tests.flooding:application",
    ]
    child = subprocess.Popen(command, cwd=BASE_DIR, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    try:
        for line in child.stderr:
            if "Listening on TCP" in line:
                break
        yield f"ws://127.0.0.1:{port}", psutil.Process(child.pid)
    finally:
        child.terminate()
        child.communicate()
