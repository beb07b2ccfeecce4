"""PostgreSQL's own programs, of the server's major version: an older one refuses the server, a newer one writes what it cannot read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from config.layout import EmbeddedError, wheel_binaries
from ops.backup.manifest import BackupError

INSTALLED = (  # where packages put several versions beside each other
    "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
    "/opt/homebrew/opt/libpq/bin", "/usr/local/opt/libpq/bin",
)  # fmt: skip
VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


def postgres_tool(name: str, *, server_major: int) -> Path:
    """pg_dump or pg_restore for this server. Raises BackupError, which says what was found and what to install."""
    found: dict[int, Path] = {}
    for path in _candidates(name):
        major = _major(path)
        if major is not None:
            found.setdefault(major, path)
    if server_major in found:
        return found[server_major]
    there = ", ".join(f"{major} ({path})" for major, path in sorted(found.items())) or "none"
    raise BackupError(
        f"The server is PostgreSQL {server_major}, and there is no {name} of that version; found: {there}. Install its client programs "
        f"(Debian, Ubuntu: postgresql-client-{server_major}; macOS: brew install postgresql@{server_major}), or put their folder "
        "on the PATH"
    )


def _candidates(name: str) -> Iterator[Path]:
    if on_path := shutil.which(name):
        yield Path(on_path)
    for pattern in INSTALLED:
        yield from sorted(Path("/").glob(f"{pattern.lstrip('/')}/{name}"))
    try:
        yield wheel_binaries() / name
    except EmbeddedError:
        return  # a deployment's image has none


def _major(path: Path) -> int | None:
    if not os.access(path, os.X_OK):
        return None
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    matched = VERSION.search(said.stdout)
    return int(matched[1]) if matched else None
