"""Prints docs/settings.md, every setting of config/env/: `manage.py settings_table > docs/settings.md`."""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

from django.core.management.base import BaseCommand
from pydantic.fields import FieldInfo

from config.env import BASE_DIR, Env, Section
from config.env.secret_files import SECRETS

HEAD = """# Settings

Environment variables, or lines of a file `.env` beside `manage.py`; what is set in the environment wins. Unknown names
are ignored. A missing secret or a value out of range stops every process at its start and names the variable, and so does a
`.env` that other users may read: `chmod 600 .env`.

Unless `DEBUG=1`, `SECRET_KEY`, `ADMIN_PASSWORD` and one of `HOST_PASSWORD`, `HOST_PASSWORDS` must be set.
A secret may stand in a file: where two names are given, set the second one to its path.
`DEFAULT_SOURCE_LANG` must be one of `SOURCE_LANGS`, and `ADMIN_PASSWORD` differ from every host's password. Lists are words
separated by spaces or commas, or JSON. Paths are relative to the working directory.

Made by `manage.py settings_table` from `config/env/`.
"""
KINDS: dict[Any, str] = {
    bool: "0 or 1",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    UUID: "UUID",
}
BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}


class Command(BaseCommand):
    """The table on standard output."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(settings_page(), ending="")


def settings_page() -> str:
    """The whole page as Markdown."""
    lines = [HEAD]
    for section, names in sections():
        lines.append(f"## {section}\n\n| variable | value | default | meaning |")
        lines.append("|---|---|---|---|")
        lines.extend(_row(name, Env.model_fields[name]) for name in names)
        lines.append("")
    return "\n".join(lines)


def sections() -> Iterator[tuple[str, list[str]]]:
    """Each section's heading and its settings, in the order of config/env/."""
    for section in Env.__bases__:
        if issubclass(section, Section):
            yield (inspect.getdoc(section) or "").partition("\n")[0].rstrip("."), list(section.model_fields)


def _row(name: str, info: FieldInfo) -> str:
    file = f", `{name.upper()}_FILE`" if name in SECRETS else ""
    cells = [f"`{name.upper()}`{file}", _kind(info), _default(info.default), info.description or ""]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _kind(info: FieldInfo) -> str:
    bounds = [
        f"{sign} {getattr(rule, attribute)}"
        for rule in info.metadata
        for attribute, sign in BOUNDS.items()
        if hasattr(rule, attribute)
    ]
    return ", ".join([_type_words(info.annotation), *bounds])


def _type_words(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if origin in (Union, types.UnionType):
        return _type_words(next(kind for kind in get_args(annotation) if kind is not type(None)))
    if origin is list:
        return "list"
    return "JSON object" if origin is dict else KINDS[annotation]


def _default(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{int(value)}`"
    if isinstance(value, Path):
        return f"`{value.relative_to(BASE_DIR)}` beside manage.py"
    if isinstance(value, list):
        value = " ".join(value)
    if value in ("", None, {}):
        return ""
    return f"`{json.dumps(value) if isinstance(value, dict) else value}`"
