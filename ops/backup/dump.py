"""Making a backup: all of it, or nothing. A folder appears under its name when everything in it is on the disk."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from django.conf import settings

from config.version import VERSION
from ops.backup import database
from ops.backup.chosen import chosen_settings, copy_schedules
from ops.backup.erasures import erasures
from ops.backup.manifest import (
    DUMP,
    MANIFEST,
    PIECE_BYTES,
    SETTINGS,
    BackupError,
    Keys,
    Manifest,
    StoredFile,
    folder_name,
    stored_file,
    sync_folder,
    write_sealed,
)
from ops.backup.tools import postgres_tool
from rooms.data_keys import sealing_keys

# Of text that is kept alone: what is not to be stored, and sound, are over when somebody restores, and stay unreadable.
KEPT_KEYS = """
SELECT key.name, key.wrapped FROM public.rooms_datakey AS key
JOIN public.transcripts_part AS part ON key.name = 'part:' || part.id WHERE part.store ORDER BY key.id
"""
WITHOUT = ("rooms_datakey",)  # 0091: it is backed up apart, each copy over the one before


@dataclass(frozen=True, slots=True)
class Made:
    """`folder`: None where only the keys were asked for."""

    folder: Path | None
    keys: int
    erased: int
    manifest: Manifest | None = None
    removed: int = 0


def make_backup(folder: Path, *, keys: Path, keep: int = 0, only_keys: bool = False) -> Made:
    """`keys`: the file of the newest keys. `keep`: so many backups stay, 0: all. Raises BackupError."""
    try:
        with database.reachable(), _alone(folder), database.connect(autocommit=True) as db:
            return _make(db, folder, keys, keep, only_keys=only_keys)
    except OSError as error:
        raise BackupError(f"Not written: {error.strerror or error} ({error.filename or folder})") from error
    except psycopg.Error as error:
        raise BackupError(f"PostgreSQL did not let it be read: {str(error).strip()}") from error


def _make(
    db: psycopg.Connection[tuple[object, ...]], folder: Path, keys: Path, keep: int, *, only_keys: bool
) -> Made:
    with database.snapshot(db) as now:
        made_at = datetime.now(UTC)
        newest = _keys(db, made_at)
        if only_keys:
            _write_keys(keys, newest)
            return Made(None, len(newest.wrapped), len(newest.erased))
        name = folder_name(made_at)
        if (folder / name).exists():
            raise BackupError(f"{folder / name} is there already")
        part = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=".part", dir=folder))
        try:
            files = {DUMP: _dump(now, part / DUMP)}
            _write_keys(keys, newest)  # before the backup is there: no backup is younger than its keys
            manifest = _manifest(now, made_at, part, files)
            write_sealed(part / MANIFEST, manifest, sealing_keys())
            part.rename(folder / name)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        sync_folder(folder)
    return Made(
        folder / name, len(newest.wrapped), len(newest.erased), manifest, _remove_oldest(folder, keep)
    )


def _keys(db: psycopg.Connection[tuple[object, ...]], made_at: datetime) -> Keys:
    import base64

    rows = db.execute(KEPT_KEYS).fetchall()
    wrapped = {str(name): base64.b64encode(bytes(key)).decode() for name, key in rows}  # type: ignore[call-overload]
    return Keys(made_at=made_at, wrapped=wrapped, erased=erasures(db))


def _write_keys(path: Path, newest: Keys) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_sealed(path, newest, sealing_keys())


def _manifest(
    now: database.Snapshot, made_at: datetime, part: Path, files: dict[str, StoredFile]
) -> Manifest:
    text, apart = chosen_settings(settings.ENV)
    (part / SETTINGS).write_text(text)
    for name in (SETTINGS, *copy_schedules(part)):
        files[name] = stored_file(part / name)
        _sync(part / name)
    return Manifest(
        made_at=made_at, souffleur=VERSION, server=now.server, server_major=now.server_major,
        migrations=now.migrations, rows={table: count for table, count in now.rows.items() if table not in WITHOUT},
        files=files, apart=apart,
    )  # fmt: skip


def _dump(now: database.Snapshot, path: Path) -> StoredFile:
    """pg_dump's output, counted and summed on its way to the disk. Its end is what it says, not that it stopped writing."""
    conninfo, environment = database.program_arguments()
    command: list[str | Path] = [
        postgres_tool("pg_dump", server_major=now.server_major),
        "--format=custom", "--schema=public", "--no-owner", "--no-privileges", f"--snapshot={now.name}",
        f"--lock-wait-timeout={1000 * database.LOCK_WAIT_S}", *(f"--exclude-table-data=public.{table}" for table in WITHOUT),
        f"--dbname={conninfo}",
    ]  # fmt: skip
    digest = hashlib.sha256()
    with tempfile.TemporaryFile() as said, path.open("xb", buffering=0) as file:
        dump = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=said, stdin=subprocess.DEVNULL
        )
        with _ended(dump):
            assert dump.stdout is not None  # noqa: S101
            for piece in iter(lambda: dump.stdout.read(PIECE_BYTES), b""):  # type: ignore[union-attr]
                digest.update(piece)
                _write_all(file.write, piece)
            if dump.wait() != 0:
                said.seek(0)
                raise BackupError(f"pg_dump failed: {said.read(4000).decode(errors='replace').strip()}")
        os.fsync(file.fileno())
        return StoredFile(size_bytes=file.tell(), sha256=digest.hexdigest())


def _write_all(write: Callable[[memoryview], int | None], piece: bytes) -> None:
    """A disk that is nearly full takes a part, and says so the next time."""
    rest = memoryview(piece)
    while rest:
        rest = rest[write(rest) or 0 :]


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()
        if process.stdout is not None:
            process.stdout.close()
        process.wait()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One backup at a time in a folder; what one that was killed left there is removed."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"Another backup is being made in {folder}") from None
        for left in folder.glob(".souffleur-*.part"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def _remove_oldest(folder: Path, keep: int) -> int:
    """Only what is a whole backup is counted, and removed."""
    whole = sorted(path.parent for path in folder.glob(f"souffleur-*Z/{MANIFEST}"))
    surplus = whole[:-keep] if keep else []
    for old in surplus:
        shutil.rmtree(old)
    return len(surplus)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
