"""One stack a var folder: who starts a server in it holds the folder's lock, and stops what a killed stack left behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from config.layout import EmbeddedError
from ops import leftovers


def keep_private(var_dir: Path, *, passing: bool) -> None:
    """What this stack writes is for whoever runs it; `passing`: PostgreSQL's user passes through."""
    if not var_dir.exists():
        var_dir.mkdir(parents=True)
        var_dir.chmod(0o711 if passing else 0o700)
    os.umask(0o077)


@contextlib.contextmanager
def only_stack(var_dir: Path) -> Iterator[None]:
    """Raises EmbeddedError where another one runs, or where processes of a dead one do not end."""
    with (var_dir / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EmbeddedError(
                f"A stack runs in {var_dir} already; use another VAR_DIR and --port."
            ) from None
        os.environ[leftovers.MARK] = str(var_dir)
        _stop_leftovers(var_dir)
        try:
            yield
        finally:
            _stop_leftovers(var_dir)


def _stop_leftovers(var_dir: Path) -> None:
    """Two servers on one data folder would ruin it: what does not end keeps a new stack from starting."""
    alive = leftovers.end_stack_processes(var_dir)
    if alive:
        names = ", ".join(f"{process.pid} ({process.name()})" for process in alive)
        raise EmbeddedError(f"Processes of a stack in {var_dir} do not end: {names}")
