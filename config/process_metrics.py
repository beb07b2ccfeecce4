"""What the processes of a machine count, summed: prometheus_client's multiprocess mode, and what it leaves to others.

Each process that calls `share` writes into files of its own in one folder, and so does whatever it forks; whoever is asked for
metrics reads the files of all. A process holds a lock as long as it lives. What one that is gone had counted is added to
the past, so that totals never fall, its gauges end, and its files go: a recogniser's process serves one talk, and no more.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prometheus_client import values
from prometheus_client.core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

KINDS = {"counter": 1 << 16, "histogram": 1 << 18}  # bytes; the library makes a file that is too small longer
GAUGES = ("gauge_livesum", "gauge_livemax")
GAUGE_BYTES = 1 << 16
PAST = "past"
PAST_BYTES = 1 << 20
BEGINS_WITHIN_S = 60.0
LOCKED_WITHIN_S = 1.0  # by one that reads, and may be stopped while it does
logger = logging.getLogger(__name__)


class ProcessMetrics:
    """The folder, and this process's name in it. One a process; `share` is called before the first metric has a value."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self._name = ""
        self._held: int | None = None

    def share(self, folder: Path) -> None:
        """Count into `folder` from now on. Where it cannot be written, this process counts for itself alone."""
        if self.folder is not None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._enter(folder)
        except OSError as error:
            logger.warning("metrics are not shared", extra={"error": type(error).__name__})
            return
        self.folder = folder
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        values.ValueClass = values.MultiProcessValue(lambda: self._name)
        os.register_at_fork(after_in_child=self._forked)
        with contextlib.suppress(OSError), _locked(folder) as alone:
            if alone:
                _bury(folder)

    def collectors(self, own: Callable[[], Iterable[Collector]]) -> list[Collector]:
        """What tells of all processes; of this one alone (`own`) where nothing is shared."""
        return list(own()) if self.folder is None else [_Shared(self)]

    def collect(self) -> list[Metric]:
        """The sums of all processes, living and dead."""
        if self.folder is None:
            return []
        with _locked(self.folder) as alone:
            if alone:
                _bury(self.folder)
            return list(MultiProcessCollector(None, str(self.folder)).collect())

    def _forked(self) -> None:
        """A child counts under a name of its own; where that cannot be had, under its parent's."""
        held = self._held
        try:
            if self.folder is not None:
                self._enter(self.folder)
                if held is not None:
                    os.close(held)
        except OSError:
            logger.warning("metrics of a child are not its own")

    def _enter(self, folder: Path) -> None:
        """Take a name, and the room on the disk that it needs: a write to a mapped file on a full disk would end this process."""
        name = secrets.token_hex(6)
        for prefix, size in (*KINDS.items(), *((gauge, GAUGE_BYTES) for gauge in GAUGES)):
            _make(folder / f"{prefix}_{name}.db.new", size)
        held = os.open(folder / f"{name}.new", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX)
        (folder / f"{name}.new").rename(folder / f"{name}.alive")
        for path in folder.glob(f"*_{name}.db.new"):
            path.rename(path.with_suffix(""))
        self._name, self._held = name, held


class _Shared(Collector):
    def __init__(self, metrics: ProcessMetrics) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        """See `ProcessMetrics`."""
        return self._metrics.collect()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Whether nobody else reads or buries meanwhile; one that is stopped keeps nobody waiting."""
    deadline = time.monotonic() + LOCKED_WITHIN_S
    with (folder / "lock").open("ab") as file:
        while not _has_locked(file.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                yield False
                return
            time.sleep(0.01)
        yield True


def _bury(folder: Path) -> None:
    """Add what dead processes had counted to the past."""
    for path in folder.glob("*.alive"):
        if _is_dead(path):
            for kind in KINDS:
                _add_to_past(folder, kind, folder / f"{kind}_{path.stem}.db")
            for gauge in GAUGES:
                (folder / f"{gauge}_{path.stem}.db").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
    for path in folder.glob("*.new"):  # of one that died while it began
        if path.stat().st_mtime < time.time() - BEGINS_WITHIN_S:
            path.unlink(missing_ok=True)


def _has_locked(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_dead(path: Path) -> bool:
    """Nobody holds its lock."""
    with path.open("rb") as file:
        return _has_locked(file.fileno(), fcntl.LOCK_SH)


def _add_to_past(folder: Path, kind: str, path: Path) -> None:
    if not path.exists():
        return
    past_path = folder / f"{kind}_{PAST}.db"
    if not past_path.exists():
        _make(past_path, PAST_BYTES)
    past = MmapedDict(str(past_path))
    try:
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):
            if value:
                past.write_value(key, past.read_value(key)[0] + value, 0.0)
    finally:
        past.close()
    path.unlink()


def _make(path: Path, size: int) -> None:
    """With all of its blocks. Raises OSError where the disk is full."""
    with path.open("wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except AttributeError:  # macOS
            file.write(bytes(size))


shared = ProcessMetrics()
