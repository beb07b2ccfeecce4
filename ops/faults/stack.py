"""A stack of its own (manage.py up in a child process), with handles on its processes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

import psutil
import requests
from redis import Redis
from supervisor.xmlrpc import SupervisorTransport

from config.layout import layout
from gateways.conference.client.host import Host, HostOptions
from ops import embedded
from ops.leftovers import stack_processes

BASE_DIR = Path(__file__).resolve().parent.parent.parent
HOST_PASSWORD, ADMIN_PASSWORD = "drill-host", "drill-admin"
UP_WITHIN_S = 400.0  # beside much other work; a tenth of it on an idle machine
ENDS_WITHIN_S = 120.0
POLL_S = 0.05


class Queries(ABC):
    """What a drill reads from the database."""

    @abstractmethod
    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read this stack's own database."""

    def session(self, room: str) -> dict[str, Any]:
        """The newest session row of a room, with its part's sentences counted."""
        rows = self.query(
            "SELECT s.id, s.state, s.pid, s.generation, s.worker, s.committed_ms, s.heard_ms, o.grace_until "
            "FROM asr_session s JOIN asr_rooms_roomsession o ON o.session_id = s.id "
            "JOIN rooms_room r ON r.id = o.room_id WHERE r.code = %s ORDER BY s.id DESC LIMIT 1",
            room,
        )
        keys = ("id", "state", "pid", "generation", "worker", "committed_ms", "heard_ms", "grace_until")
        return dict(zip(keys, rows[0], strict=True)) if rows else {}

    def sentences(self, room: str) -> list[tuple[int, int, str]]:
        """(part, index, text) of everything that can be read of a room."""
        return [
            (int(part), int(index), str(text))
            for part, index, text in self.query(
                "SELECT p.number, s.index, s.text FROM transcripts_sentence s JOIN transcripts_part p "
                "ON p.id = s.part_id JOIN transcripts_track t ON t.id = s.track_id JOIN rooms_room r "
                "ON r.id = p.room_id WHERE r.code = %s AND t.lang = p.source_lang AND s.removed_at IS NULL "
                "ORDER BY 1, 2",
                room,
            )
        ]


class Stack(Queries):
    """A running stack: its URL, its processes by role, rooms to use."""

    def __init__(
        self, folder: Path, port: int, up: subprocess.Popen[bytes], environment: dict[str, str]
    ) -> None:
        self.folder = folder
        self.port = port
        self.environment = environment  # of every process of it
        self._up = up
        self.keep_folder = False  # with its logs, when the stack is gone

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def pid(self, program: str) -> int:
        """Process id of a supervised program: postgres, redis, web, asr, translation, sweeps, beat."""
        with self._supervisor() as supervisor:
            for info in supervisor.getAllProcessInfo():
                if info["name"] == program:
                    return int(info["pid"])
        raise LookupError(program)

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read this stack's own database."""
        with embedded.connect(layout(self.folder), connect_timeout=3) as db:
            return db.execute(sql, values).fetchall()

    def redis(self) -> Redis:
        """A client of this stack's own Redis; close it."""
        return Redis.from_url(layout(self.folder).redis_url)

    def host(self, room: str, **options: Any) -> Host:
        """A host of this stack's room."""
        return Host(self.host_options(room, **options))

    def host_options(self, room: str, **options: Any) -> HostOptions:
        """How to become the host of a room of this stack."""
        return HostOptions(**{"url": self.url, "room": room, "password": HOST_PASSWORD, **options})

    def viewer_url(self, room: str, target: str = "en") -> str:
        return f"ws://127.0.0.1:{self.port}/room/{room}/client/undefined/{target}"

    def close_room(self, room: str) -> int:
        """Force-close; returns the HTTP status."""
        answer = requests.post(f"{self.url}/room/{room}/close", json={"password": ADMIN_PASSWORD}, timeout=10)
        return answer.status_code

    def transcript(self, room: str, lang: str = "en") -> str:
        """The stored transcript as text."""
        answer = requests.get(f"{self.url}/room/{room}/transcript/{lang}", timeout=10)
        return answer.text if answer.ok else ""

    def kill(self, pid: int, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to one process."""
        os.kill(pid, number)

    def freeze(self, program: str) -> list[psutil.Process]:
        """SIGSTOP a supervised program and its children; `thaw` lets them go on."""
        parent = psutil.Process(self.pid(program))
        frozen = [parent, *parent.children(recursive=True)]
        for process in frozen:
            process.suspend()
        return frozen

    def thaw(self, frozen: list[psutil.Process]) -> None:
        """SIGCONT to those that are still there."""
        for process in frozen:
            with contextlib.suppress(psutil.Error):
                process.resume()

    def stop_program(self, program: str) -> None:
        """Stop a supervised program until `start_program`."""
        with self._supervisor() as supervisor:
            supervisor.stopProcess(self._named(supervisor, program))

    def start_program(self, program: str) -> None:
        """Start a program that was stopped."""
        with self._supervisor() as supervisor:
            supervisor.startProcess(self._named(supervisor, program))

    @staticmethod
    def _named(supervisor: Any, program: str) -> str:
        groups = {info["name"]: info["group"] for info in supervisor.getAllProcessInfo()}
        return f"{groups[program]}:{program}"

    def kill_supervisor(self) -> None:
        """SIGKILL `manage.py up` and supervisord: everything else is left alone with itself."""
        with self._supervisor() as supervisor:
            supervisord = psutil.Process(supervisor.getPID())
        self._up.kill()
        supervisord.kill()
        psutil.wait_procs([supervisord], timeout=5)
        self._up.wait()

    def log(self, program: str) -> str:
        """What a program has logged."""
        return (self.folder / "run" / f"{program}.log").read_text(errors="replace")

    def last_logged(self, lines: int) -> Iterator[tuple[str, str]]:
        """(program, its last lines) of every program that has logged something."""
        for log in sorted((self.folder / "run").glob("*.log")):
            if last := deque(log.read_text(errors="replace").splitlines(), maxlen=lines):
                yield log.stem, "\n".join(last)

    def processes(self) -> list[psutil.Process]:
        """Every process of this stack."""
        return stack_processes(self.folder)

    def stop(self) -> float:
        """Ctrl-C; returns the seconds until everything was gone."""
        began = time.monotonic()
        self._up.send_signal(signal.SIGINT)
        self._up.wait(ENDS_WITHIN_S)
        return time.monotonic() - began

    @contextlib.contextmanager
    def _supervisor(self) -> Iterator[Any]:
        transport = SupervisorTransport("", "", f"unix://{self.folder / 'run' / 'control.sock'}")
        try:
            yield ServerProxy("http://127.0.0.1", transport).supervisor
        finally:
            transport.close()


@contextlib.contextmanager
def running_stack(*, rooms: list[str], **environment: str) -> Iterator[Stack]:
    """Start a stack in a folder of its own and wait until it is healthy; everything is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="souffleur-faults-"))
    folder.chmod(0o711)  # PostgreSQL's user passes through
    port = free_port()
    env = {
        **{key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "REDIS_URL")},
        "VAR_DIR": str(folder), "DEBUG": "0", "HTTPS_ONLY": "0", "SECRET_KEY": "faults-" + "k" * 50,
        "HOST_PASSWORD": HOST_PASSWORD, "ADMIN_PASSWORD": ADMIN_PASSWORD, "LOG_JSON": "0", "LOG_LEVEL": "INFO",
        "ASR_RECOGNISER": "scripted", "ASR_SLOTS": "3", "HOST_RETURN_S": "0",  # or who takes over would have to wait
        "SCHEDULE_URL": str(folder / "schedule.json"), **environment,
    }  # fmt: skip
    (folder / "schedule.json").write_text(schedule(rooms))
    up = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--port", str(port)],
        cwd=BASE_DIR, env=env, start_new_session=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    stack = Stack(folder, port, up, env)
    try:
        _wait_until_ready(stack, up, rooms)
        yield stack
    finally:
        if up.poll() is None:
            stack.stop()
        if not stack.keep_folder:
            shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(stack: Stack, up: subprocess.Popen[bytes], rooms: list[str]) -> None:
    """Until it is healthy and has read its schedule."""
    deadline = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < deadline and up.poll() is None:
        with contextlib.suppress(requests.RequestException):
            answer = requests.get(f"{stack.url}/health", timeout=2)
            # a restarted one is "ok" before its worker is
            if answer.ok and "degraded" not in answer.json() and _lists(stack, rooms):
                return
        time.sleep(POLL_S)
    raise RuntimeError(f"the stack in {stack.folder} did not become healthy")


def _lists(stack: Stack, rooms: list[str]) -> bool:
    listed = requests.get(f"{stack.url}/room_list", timeout=5).json()["rooms"]
    return {room["id"] for room in listed} >= set(rooms)


def schedule(rooms: Sequence[str]) -> str:
    """Rooms as an event gets them: from a schedule, which is read at the start."""
    now = datetime.now(UTC)
    events: list[dict[str, object]] = [
        {
            "guid": room, "code": room, "id": number, "date": (now - timedelta(minutes=5)).isoformat(),
            "start": "10:00", "duration": "02:00", "room": "Hall", "slug": room, "title": f"Talk {room}",
            "language": "en", "do_not_record": False, "persons": [], "abstract": "", "track": None,
        }
        for number, room in enumerate(rooms)
    ]  # fmt: skip
    day = {"index": 1, "date": now.date().isoformat(), "rooms": {"Hall": events}}
    conference = {
        "acronym": "drill",
        "title": "Drill",
        "rooms": [{"name": "Hall"}],
        "tracks": [],
        "days": [day],
    }
    return json.dumps({"schedule": {"version": "1", "conference": conference}})
