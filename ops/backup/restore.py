"""The way back: everything is checked first, then all of it is there, or nothing is.

What the database held is put aside (a schema's new name), and goes when the restored one is whole: migrated, with its keys, and with
everything erased that was erased since. A restore that was killed between is undone by the next one; until then nothing migrates.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from ops.backup import database
from ops.backup.after import bring_keys, end_what_was_live
from ops.backup.erasures import delete_what_is_too_old, erase_again, erasures
from ops.backup.manifest import (
    DUMP,
    KEYS,
    MANIFEST,
    BackupError,
    Keys,
    Manifest,
    check_files,
    read_sealed,
)
from ops.backup.tools import postgres_tool
from rooms.data_keys import key_ring, sealing_keys
from rooms.encryption import Undecryptable

_restoring: ContextVar[bool] = ContextVar("restoring", default=False)
ASIDE = "souffleur_before_restore"
ONE_AT_A_TIME = 0x5E5708E
PATIENCE_S, LOOKED_EVERY_S = 10.0, 0.2
TABLES = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = %s"
COMPANY = """
SELECT coalesce(nullif(application_name, ''), 'unnamed'), count(*) FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Checked:
    """A backup that is whole, and whose keys are here. `keys`: None where the caller does without."""

    folder: Path
    manifest: Manifest
    keys: Keys | None


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back, and what went again."""

    tables: int
    rows: int
    keys: int
    ended: int
    erased: int
    too_old: int


def check_backup(
    folder: Path, *, keys: Path | None, without_keys: bool = False, trust: bool = False
) -> Checked:
    """`keys`: None: beside the backup. Raises BackupError; no database is asked."""
    seals = sealing_keys()
    manifest = read_sealed(folder / MANIFEST, Manifest, seals, trust=trust)
    if DUMP not in manifest.files:
        raise BackupError(f"{folder} has no {DUMP}")
    check_files(folder, manifest)
    known = set(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
    ours = {app for app, _ in known}
    unknown = [
        name
        for name in manifest.migrations
        if (app := name.partition(".")[0]) in ours and (app, name.partition(".")[2]) not in known
    ]
    if unknown:
        raise BackupError(
            f"The backup is of a newer Souffleur ({manifest.souffleur}), which has {', '.join(unknown)}: install that one, then restore"
        )
    if without_keys:
        return Checked(folder, manifest, None)
    newest = read_sealed(keys or folder.parent / KEYS, Keys, seals, trust=trust)
    if newest.made_at < manifest.made_at:
        raise BackupError(
            f"The keys are of {newest.made_at:%Y-%m-%d %H:%M}, older than the backup: newer ones were written with it. Look for them, "
            "or say --without-keys: encrypted transcripts are lost then, and nothing is erased again"
        )
    _check_keys(newest)
    return Checked(folder, manifest, newest)


def restore(
    checked: Checked,
    *,
    replace: bool = False,
    patience_s: float = PATIENCE_S,
    say: Callable[[str], None] = lambda line: None,
) -> Restored:
    """Bring it into this deployment's database. Raises BackupError; the database is then as it was.

    `patience_s`: for others to leave it; PostgreSQL may see late that a process was killed.
    """
    connections.close_all()
    try:
        with database.reachable(), database.connect(autocommit=True) as db:
            db.execute("SET statement_timeout = 0")
            _wait_until_alone(db, patience_s)
            _undo(db)
            _refuse_other_server(db, checked.manifest)
            held = database.count_rows(db)
            if held and not replace:
                raise BackupError(
                    f"The database is not empty: {len(held)} tables, {sum(held.values())} rows. --replace puts the backup in their place"
                )
            with _aside(db):
                return _bring(db, checked, say)
    except psycopg.Error as error:
        raise BackupError(f"PostgreSQL refused: {str(error).strip()}") from error


def refuse_half_restored(**_: Any) -> None:
    """Before every migration, and so before every start of a stack. Raises CommandError where a restore was killed, or is running."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", [ASIDE])
        if cursor.fetchone() is not None and not _restoring.get():
            raise CommandError("A restore of this database has not finished: run manage.py restore once more")


def _bring(db: psycopg.Connection[Any], checked: Checked, say: Callable[[str], None]) -> Restored:
    manifest = checked.manifest
    say(f"Reading {checked.folder / DUMP} …")
    _run_pg_restore(db, checked.folder / DUMP)
    found = database.count_rows(db)
    expected = {**manifest.rows, **{table: 0 for table in found if table not in manifest.rows}}
    if found != expected:
        other = sorted(table for table in expected if found.get(table) != expected[table])
        raise BackupError(f"After reading, tables have other rows than the manifest says: {', '.join(other)}")
    say(f"{len(found)} tables, {sum(found.values())} rows, as many as were written.")
    done_before = set(erasures(db))
    with _migrating():
        call_command("migrate", verbosity=0, interactive=False)
    kept = bring_keys(checked.keys.keys()) if checked.keys else 0
    ended = end_what_was_live()
    erased = (
        erase_again([each for each in checked.keys.erased if each not in done_before]) if checked.keys else 0
    )
    too_old = delete_what_is_too_old()
    connections.close_all()
    return Restored(len(found), sum(found.values()), kept, ended, erased, too_old)


@contextlib.contextmanager
def _migrating() -> Iterator[None]:
    token = _restoring.set(True)
    try:
        yield
    finally:
        _restoring.reset(token)


def _run_pg_restore(db: psycopg.Connection[Any], dump: Path) -> None:
    conninfo, environment = database.program_arguments()
    tool = postgres_tool("pg_restore", server_major=database.server_major(db))
    command: list[str | Path] = [
        tool,
        "--single-transaction",
        "--no-owner",
        "--no-privileges",
        f"--dbname={conninfo}",
        dump,
    ]
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        _, said = process.communicate()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode != 0:
        raise BackupError(f"pg_restore failed: {said.decode(errors='replace').strip()[:4000]}")


def _check_keys(newest: Keys) -> None:
    ring, lost = key_ring(), 0
    try:
        for name, wrapped in newest.keys().items():
            try:
                ring.unwrap(wrapped, name)
            except Undecryptable:
                lost += 1
    except ValueError:
        raise BackupError("The file of keys has one that is none") from None
    if lost:
        raise BackupError(
            f"{lost} of {len(newest.wrapped)} keys were wrapped by one that is neither in ENCRYPTION_KEYS nor in ENCRYPTION_KEY_FILE, nor "
            "follows from SECRET_KEY: set the one of then, or say --without-keys: what they encrypt is lost then"
        )


def _refuse_other_server(db: psycopg.Connection[Any], manifest: Manifest) -> None:
    major = database.server_major(db)
    if major < manifest.server_major:
        raise BackupError(
            f"The backup is of PostgreSQL {manifest.server}, this server is {database.server_version(db)}: it needs {manifest.server_major} "
            "or a newer one"
        )


def _wait_until_alone(db: psycopg.Connection[Any], patience_s: float) -> None:
    """Nobody else is connected, and no other restore begins as long as this connection lives. Raises BackupError."""
    deadline_s = time.monotonic() + patience_s
    while why := _disturbed(db):
        if time.monotonic() >= deadline_s:
            raise BackupError(why)
        time.sleep(LOOKED_EVERY_S)


def _disturbed(db: psycopg.Connection[Any]) -> str:
    """By whom; empty: by nobody."""
    [(mine,)] = db.execute("SELECT pg_try_advisory_lock(%s)", [ONE_AT_A_TIME]).fetchall()
    if not mine:
        return "Another restore is at this database"
    company = db.execute(COMPANY).fetchall()
    if not company:
        return ""
    who = ", ".join(f"{name} ({count})" for name, count in company)
    return f"Others use this database: {who}. Stop web, workers and beat first"


@contextlib.contextmanager
def _aside(db: psycopg.Connection[Any]) -> Iterator[None]:
    """What is there waits under another name, and comes back unless the restored database is whole."""
    db.execute(f"ALTER SCHEMA public RENAME TO {ASIDE}")
    try:
        yield
        db.execute(f"DROP SCHEMA {ASIDE} CASCADE")
    except BaseException:
        connections.close_all()
        _undo(db)
        raise


def _undo(db: psycopg.Connection[Any]) -> None:
    """Bring back what a restore that did not finish has put aside."""
    if db.execute("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", [ASIDE]).fetchone() is None:
        return
    with db.transaction():
        db.execute("DROP SCHEMA IF EXISTS public CASCADE")
        db.execute(f"ALTER SCHEMA {ASIDE} RENAME TO public")
