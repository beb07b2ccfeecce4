"""Each process of a stack twice, as several machines run them, and how one of them is replaced: SIGTERM, its end, its successor."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests

from ops.faults.stack import BASE_DIR, Stack, free_port
from ops.stack import app_programs

READY_WITHIN_S = 120.0
POLL_S = 0.1
SPEECH_PORTS = "SPEECH_PORTS"
TWICE = ("web", "speech", "asr", "translation", "sweeps")  # beat is one; speech where a stack has it


@dataclass(slots=True)
class Replica:
    """One of two of a program. `number` 1 is the stack's own, which supervisord starts again when it has ended."""

    stack: Stack
    program: str
    number: int
    command: list[str] = field(default_factory=list)
    port: int = 0
    settings: dict[str, str] = field(default_factory=dict)  # that differ from the stack's
    _process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.program} {self.number}"

    @property
    def pid(self) -> int:
        """Its main process's."""
        return self.stack.pid(self.program) if self._process is None else self._process.pid

    def start(self) -> None:
        """The second one; the first is supervisord's."""
        if self.command:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    self.command,
                    cwd=BASE_DIR,
                    env={**self.stack.environment, **self.settings},
                    stdout=log,
                    stderr=log,
                )

    def end(self, within_s: float) -> None:
        """SIGTERM, and wait for its end. Raises psutil.TimeoutExpired."""
        process = psutil.Process(self.pid)
        process.send_signal(signal.SIGTERM)
        process.wait(within_s) if self._process is None else self._process.wait(within_s)

    def kill(self) -> None:
        """The second one, at once, with its children."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                parent = psutil.Process(self._process.pid)
                for process in (*parent.children(recursive=True), parent):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.kill()
            self._process.wait()

    def wait_ready(self, *, not_pid: int = 0) -> None:
        """Until it takes work, and is not the one of before. Raises TimeoutError."""
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._is_ready(not_pid):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} does not become ready")
            time.sleep(POLL_S)

    def _is_ready(self, not_pid: int) -> bool:
        try:
            if self.pid in (0, not_pid):
                return False
        except LookupError:
            return False
        match self.program:
            case "web":
                with contextlib.suppress(requests.RequestException):
                    return requests.get(f"http://127.0.0.1:{self.port}/ready", timeout=2).ok
                return False
            case "speech":
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", self.port), 2).close()
                    return True
                return False
            case "asr":
                return warm(self.stack, self.worker) >= int(self.stack.environment["ASR_SLOTS"])
            case _:
                return psutil.pid_exists(self.pid)

    @property
    def worker(self) -> str:
        """Celery's name of it."""
        return f"asr{'' if self.number == 1 else self.number}@{os.uname().nodename}"

    @property
    def _log(self) -> Path:
        return self.stack.folder / "run" / f"{self.program}{self.number}.log"


def warm(stack: Stack, worker: str) -> int:
    """Loaded processes of a worker that serve nobody; 0 where it is to end."""
    rows = stack.query("SELECT warm FROM asr_worker WHERE name = %s AND drains_until IS NULL", worker)
    return int(rows[0][0] or 0) if rows else 0


def of_stack(stack: Stack, program: str) -> Replica:
    """The stack's own."""
    port = int(stack.environment[SPEECH_PORTS].split()[0]) if program == "speech" else stack.port
    return Replica(stack, program, 1, port=port)


def second(stack: Stack, program: str) -> Replica:
    """Another one of the same program, not yet started."""
    port = free_port()
    slots, spares = int(stack.environment["ASR_SLOTS"]), int(stack.environment.get("ASR_SPARES", "1"))
    planned = {
        each.name: each.command
        for each in app_programs(
            host="127.0.0.1", port=port, slots=slots, spares=spares, speech_ports=[str(port)]
        )
    }
    command = [word.replace("@%%h", "2@%h") for word in planned[program]]
    return Replica(stack, program, 2, command, port, {SPEECH_PORTS: str(port)} if program == "speech" else {})


@contextlib.contextmanager
def twice(stack: Stack, programs: tuple[str, ...] = TWICE) -> Iterator[list[Replica]]:
    """Two of each of these, ready; the second ones are gone afterwards."""
    there = [each for each in programs if each != "speech" or stack.environment.get(SPEECH_PORTS)]
    replicas = [make(stack, program) for program in there for make in (of_stack, second)]
    try:
        for replica in replicas:
            replica.start()
        for replica in replicas:
            replica.wait_ready()
        yield replicas
    finally:
        for replica in replicas:
            replica.kill()


def replace_one(replica: Replica, within_s: float) -> float:
    """SIGTERM, its end, its successor's start. Returns when it had ended (monotonic)."""
    before = replica.pid
    replica.end(within_s)
    ended = time.monotonic()
    replica.start()
    replica.wait_ready(not_pid=before)
    return ended
