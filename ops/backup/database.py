"""The database that a backup is of: reachable, as libpq's programs are told, and as it is in one moment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from config.layout import EmbeddedError, Layout
from ops.backup.manifest import BackupError

STARTED_WITHIN_S, STOPPED_WITHIN_S, POLL_S = 60.0, 60.0, 0.05
LOCK_WAIT_S = 120  # for a table that a migration has locked
NAMES = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The database in one moment: `name` gives it to pg_dump."""

    name: str
    server: str
    server_major: int
    rows: dict[str, int]
    migrations: list[str]


@contextlib.contextmanager
def reachable() -> Iterator[None]:
    """PostgreSQL answers inside; the embedded one is started for that long where no stack runs. Raises BackupError."""
    places = settings.EMBEDDED
    if settings.ENV.database_url or _answers(places):
        yield
        return
    from ops import embedded  # an image has no servers
    from ops.one_stack import keep_private, only_stack

    try:
        keep_private(settings.VAR_DIR, passing=places.system_user is not None)
        with only_stack(settings.VAR_DIR):
            embedded.prepare_postgres(places)
            with _embedded_server(places):
                yield
    except EmbeddedError as error:
        raise BackupError(str(error)) from error


def connect(**options: Any) -> psycopg.Connection[Any]:
    """A connection of its own, beside Django's. Raises BackupError."""
    try:
        return psycopg.connect(**_parameters(), **options)
    except psycopg.OperationalError as error:
        raise BackupError(f"PostgreSQL does not answer: {_first_line(error)}") from error


def program_arguments() -> tuple[str, dict[str, str]]:
    """What a program of PostgreSQL's is given: `--dbname` without the password, and an environment with it and no other secret."""
    parameters = _parameters()
    password = parameters.pop("password", "")
    kept = {
        key: value
        for key, value in os.environ.items()
        if key in ("PATH", "HOME", "LANG") or key.startswith("PG")
    }
    return make_conninfo("", **parameters), {
        **kept,
        "LC_ALL": "C",
        **({"PGPASSWORD": password} if password else {}),
    }


@contextlib.contextmanager
def snapshot(db: psycopg.Connection[Any]) -> Iterator[Snapshot]:
    """Hold the database as it is now: whoever writes meanwhile goes on, and is not in it."""
    with db.transaction():
        db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        db.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        db.execute("SET LOCAL statement_timeout = 0")
        db.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(1000 * LOCK_WAIT_S))
        [(name,)] = db.execute("SELECT pg_export_snapshot()").fetchall()
        rows = count_rows(db)
        if "django_migrations" not in rows:
            raise BackupError(
                "There is nothing of Souffleur in this database: manage.py migrate, or another DATABASE_URL"
            )
        applied = db.execute("SELECT app || '.' || name FROM public.django_migrations ORDER BY 1").fetchall()
        yield Snapshot(name, server_version(db), server_major(db), rows, [row[0] for row in applied])


def count_rows(db: psycopg.Connection[Any]) -> dict[str, int]:
    """Of every table."""
    query = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'public' ORDER BY 1"
    tables = [row[0] for row in db.execute(query).fetchall()]
    counted = {}
    for table in tables:
        [(counted[table],)] = db.execute(
            sql.SQL("SELECT count(*) FROM public.{}").format(sql.Identifier(table))
        ).fetchall()
    return counted


def server_version(db: psycopg.Connection[Any]) -> str:
    """Such as 18.4."""
    return str(db.info.parameter_status("server_version") or db.info.server_version)


def server_major(db: psycopg.Connection[Any]) -> int:
    """Such as 18."""
    return int(db.info.server_version) // 10_000


def _parameters() -> dict[str, Any]:
    database: Mapping[str, Any] = settings.DATABASES["default"]
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    named = {libpq: str(database[name]) for name, libpq in NAMES.items() if database.get(name)}
    given = {key: str(value) for key, value in database.get("OPTIONS", {}).items() if key in known}
    return {**given, **named, "application_name": "souffleur backup"}


def _answers(places: Layout) -> bool:
    from ops import embedded

    try:
        embedded.connect(places, database="postgres", connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


@contextlib.contextmanager
def _embedded_server(places: Layout) -> Iterator[None]:
    from ops import embedded
    from ops.stack import NO_SECRETS

    command = [*NO_SECRETS, *embedded.postgres_command(places)]
    server = subprocess.Popen(
        command, user=places.system_user, cwd="/", start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + STARTED_WITHIN_S
        while True:
            try:
                embedded.create_database(places)
                break
            except psycopg.OperationalError as error:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise BackupError(f"PostgreSQL did not start: {_first_line(error)}") from error
                time.sleep(POLL_S)
        yield
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            server.kill()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
