"""Every process of a stack, whoever started it and whatever became of its supervisor (manage.py up, fault injection)."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
from pathlib import Path

import psutil

from config.layout import layout

MARK = "SOUFFLEUR_STACK"  # in the environment of every process of a stack: its var folder
SERVERS = {"postgres", "redis-server", "valkey-server"}
ENDED_WITHIN_S = 2.0
KILLED_WITHIN_S = 10.0
LOOKS = 3
CONNECTED_WITHIN_S = 1.0


def stack_processes(var_dir: Path) -> list[psutil.Process]:
    """All processes that belong to the stack of this folder.

    They carry its mark; but servers overwrite their environment with a title, and another user's cannot be read. Those
    are known by the sockets that they listen on and by the data folders that they work in.
    """
    places = layout(var_dir)
    listening = {_listener(places.redis_socket), _listener(places.postgres_socket)}
    folders = {str(folder.resolve()) for folder in (places.postgres_data, places.redis_data)}
    return [
        process
        for process in psutil.process_iter()
        if process.pid in listening or _is_marked(process, var_dir) or _serves_from(process, folders)
    ]


def end_stack_processes(var_dir: Path) -> list[psutil.Process]:
    """End what a killed stack left behind, except ourselves and our ancestors. Returns what would not end.

    What is ended may have started something at its end, so it is looked for again.
    """
    for _ in range(LOOKS):
        leftovers = _leftovers(var_dir)
        if not leftovers:
            break
        _end(leftovers)
    return _leftovers(var_dir)


def _leftovers(var_dir: Path) -> list[psutil.Process]:
    spared = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    return [process for process in stack_processes(var_dir) if process.pid not in spared and _lives(process)]


def _end(leftovers: list[psutil.Process]) -> None:
    for process in leftovers:
        with contextlib.suppress(psutil.Error):
            # PostgreSQL waits for its clients on SIGTERM.
            process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    _, alive = psutil.wait_procs(leftovers, timeout=ENDED_WITHIN_S)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=KILLED_WITHIN_S)


def _lives(process: psutil.Process) -> bool:
    """Runs; a dead process that nobody has asked for its status yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_marked(process: psutil.Process, var_dir: Path) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.environ().get(MARK) == str(var_dir)
    return False


def _serves_from(process: psutil.Process, folders: set[str]) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.name() in SERVERS and process.cwd() in folders
    return False


def _listener(path: Path) -> int | None:
    """Process id of whoever listens on a Unix socket; the kernel knows, also of a server that hangs."""
    if not hasattr(socket, "SO_PEERCRED"):  # not Linux
        return None
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(CONNECTED_WITHIN_S)
        try:
            probe.connect(str(path))
        except OSError:
            return None
        credentials = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid: int = struct.unpack("3i", credentials)[0]
    return pid
