"""`manage.py up`: one command starts everything, Ctrl-C ends everything."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from ops.faults.stack import BASE_DIR, HOST_PASSWORD, Stack, free_port, running_stack
from ops.leftovers import SERVERS

pytestmark = pytest.mark.stack
WITHIN_S = 120.0


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(rooms=["R1"]) as running:
        yield running


def lives(process: psutil.Process) -> bool:
    """Runs; a dead process that nobody has asked for its status yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def up(stack_folder: Path, port: int, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "VAR_DIR": str(stack_folder), **environment}
    return subprocess.run(
        [sys.executable, "manage.py", "up", "--port", str(port)],
        cwd=BASE_DIR, env=env, capture_output=True, text=True, timeout=WITHIN_S,
    )  # fmt: skip


def test_a_second_stack_in_the_same_folder_is_refused(stack: Stack) -> None:
    refused = up(stack.folder, free_port())
    assert refused.returncode == 1
    assert "runs in" in refused.stderr
    assert requests.get(f"{stack.url}/health", timeout=WITHIN_S).ok


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = up(tmp_path, port)
    assert refused.returncode == 1
    assert f"127.0.0.1:{port}" in refused.stderr


def test_missing_secrets_are_named_and_their_values_never_shown(tmp_path: Path) -> None:
    refused = up(
        tmp_path, free_port(), DEBUG="0", SECRET_KEY="", HOST_PASSWORD="", ADMIN_PASSWORD="hush-hush"
    )
    assert refused.returncode != 0
    assert "set SECRET_KEY, HOST_PASSWORD" in refused.stderr
    assert "hush-hush" not in refused.stderr


def test_two_stacks_do_not_disturb_each_other_and_ctrl_c_leaves_nothing_behind(stack: Stack) -> None:
    with running_stack(rooms=["R2"]) as other:
        rooms = {
            room["id"] for room in requests.get(f"{other.url}/room_list", timeout=WITHIN_S).json()["rooms"]
        }
        assert rooms == {"R2"}
        processes = other.processes()
        assert len(processes) > 8
        other.stop()
        assert not [process for process in processes if lives(process)]
    rooms = {room["id"] for room in requests.get(f"{stack.url}/room_list", timeout=WITHIN_S).json()["rooms"]}
    assert rooms == {"R1"}


def redis_servers(folder: Path) -> list[int]:
    """Pids of those who may write the append-only file."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() in SERVERS and Path(process.cwd()) == folder / "redis" and lives(process):
                found.append(process.pid)
    return found


def test_what_a_killed_stack_left_behind_is_ended_by_the_next_start(stack: Stack) -> None:
    with running_stack(rooms=["R3"]) as first:
        left = first.processes()
        [redis], postgres = redis_servers(first.folder), first.pid("postgres")
        assert {redis, postgres} <= {process.pid for process in left}
        first.kill_supervisor()
        os.kill(redis, signal.SIGSTOP)  # one that hangs is ended, too
        again = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(first.port)],
            cwd=BASE_DIR, env={**os.environ, "VAR_DIR": str(first.folder)}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert again.stdout is not None
        assert f":{first.port}/" in again.stdout.readline()
        assert not [process for process in left if lives(process)]
        assert len(redis_servers(first.folder)) == 1
        again.send_signal(2)
        again.wait(WITHIN_S)
        again.stdout.close()
        assert not first.processes()
        assert not redis_servers(first.folder)


def open_to_others(folder: Path) -> set[str]:
    found = set()
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # PostgreSQL works there
            if path.lstat().st_mode & 0o077:
                found.add(str(path.relative_to(folder)))
    return found


def test_what_a_stack_writes_is_for_whoever_runs_it(stack: Stack) -> None:
    for_postgresql = {
        "sockets",
        "postgres-access",
        "postgres-access/pg_hba.conf",
        "postgres-access/pg_ident.conf",
    }
    behind_a_closed_door = {"sockets/pg/.s.PGSQL.5432"}
    written_by_fault_injection = {"schedule.json"}
    found = {path for path in open_to_others(stack.folder) if path.split("/")[0] != "locale"}  # no secrets
    assert found <= for_postgresql | behind_a_closed_door | written_by_fault_injection


@pytest.mark.parametrize("server", ["postgres", "redis"])
def test_servers_know_no_secret(stack: Stack, server: str) -> None:
    environment = Path(f"/proc/{stack.pid(server)}/environ").read_bytes()
    assert HOST_PASSWORD.encode() not in environment
    assert b"SECRET_KEY" not in environment
