"""A command that starts a stack, ended in the middle: nothing of it is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.env import BASE_DIR
from ops.interrupts import INTERRUPTED, ended_in_order
from ops.leftovers import stack_processes

WITHIN_S = 120.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """For the stack: pytest's own is too deep for the names of sockets."""
    with tempfile.TemporaryDirectory(prefix="ended-") as name:
        Path(name).chmod(0o711)  # PostgreSQL's user passes through
        yield Path(name)


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


@pytest.mark.stack
def test_command_that_is_ended_while_its_stack_runs_leaves_nothing(folder: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "manage.py", "drill", "races"],
        cwd=BASE_DIR, env={**os.environ, "TMPDIR": str(folder)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        until(lambda: list(folder.glob("souffleur-faults-*/run/control.sock")))
        stack = next(folder.glob("souffleur-faults-*"))
        assert stack_processes(stack)
        child.send_signal(signal.SIGTERM)
        _, said = child.communicate(timeout=WITHIN_S)
    finally:
        child.kill()
        child.wait()
    assert (child.returncode, said.decode().splitlines()[-1:]) == (INTERRUPTED, ["CommandError: interrupted"])
    assert not stack.exists()
    assert stack_processes(stack) == []


@contextlib.contextmanager
def begun_with(hang_up: signal.Handlers) -> Iterator[None]:
    """Whatever began the tests: nohup ignores SIGHUP."""
    before = signal.signal(signal.SIGHUP, hang_up)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_way_to_end_puts_things_back_and_asking_twice_does_not_keep_it_from_that(
    number: signal.Signals,
) -> None:
    put_back = []

    def interrupted() -> None:
        with ended_in_order():
            try:
                os.kill(os.getpid(), number)
            finally:
                os.kill(os.getpid(), signal.SIGTERM if number != signal.SIGINT else 0)
                put_back.append(number)

    with begun_with(signal.SIG_DFL):
        before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert put_back == [number]
        assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_what_nohup_began_outlives_its_terminal_and_can_be_ended_nevertheless() -> None:
    outlived = []
    with begun_with(signal.SIG_IGN):
        with contextlib.suppress(KeyboardInterrupt), ended_in_order():
            os.kill(os.getpid(), signal.SIGHUP)
            outlived.append(signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            outlived.append(signal.SIGTERM)
        assert outlived == [signal.SIGHUP]
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
