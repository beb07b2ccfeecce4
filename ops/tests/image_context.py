"""What .dockerignore leaves of the working tree: the files that `COPY . .` puts into an image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from config.env import BASE_DIR

# Never in a clone; they would only be walked through.
ELSEWHERE = {
    ".git",
    ".venv",
    "var",
    "node_modules",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
}


def context_files() -> list[str]:
    """Their paths, by the rules of Docker's .dockerignore: the last line that matches a path or a folder above it decides."""
    rules = [
        _rule(line) for line in (BASE_DIR / ".dockerignore").read_text().splitlines() if line[:1] not in "#"
    ]
    return [path for path in _walk(BASE_DIR) if _kept(path, rules)]


def _walk(folder: Path) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            if path.name not in ELSEWHERE:
                yield from _walk(path)
        elif path.name not in ELSEWHERE:
            yield str(path.relative_to(BASE_DIR))


def _rule(line: str) -> tuple[bool, re.Pattern[str]]:
    keeps, pattern = line.startswith("!"), line.lstrip("!").strip("/")
    words = re.escape(pattern).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
    return keeps, re.compile(f"{words}(?:/.*)?")


def _kept(path: str, rules: list[tuple[bool, re.Pattern[str]]]) -> bool:
    return next((keeps for keeps, pattern in reversed(rules) if pattern.fullmatch(path)), True)
