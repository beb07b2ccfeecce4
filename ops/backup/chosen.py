"""What the environment says, for whoever sets the next system up: settings as they are, secrets by their names alone."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from config.env import Env
from ops.backup.manifest import SCHEDULES
from rooms.models import Event
from rooms.schedule import MAX_BYTES

SECRET = re.compile(r"(^|_)(KEYS?|PASSWORDS?|TOKEN|KEY_FILE)$")
WITH_PASSWORDS = {"DATABASE_URL", "REDIS_URL"}


def chosen_settings(env: Env) -> tuple[str, list[str]]:
    """Lines of a `.env` file, and the names of secrets that are set: these are to be kept apart, or not all of it can be read."""
    lines, apart = ["# What was not as it is without being set. Secrets are named and left out."], []
    for field in type(env).model_fields:
        name, value = field.upper(), getattr(env, field)
        if value == type(env).model_fields[field].get_default(call_default_factory=True):
            continue
        if is_secret(name, value):
            apart.append(name)
            lines.append(f"#{name}=")
        else:
            lines.append(f"{name}={_text(value)}")
    return "\n".join(lines) + "\n", apart


def is_secret(name: str, value: Any = "") -> bool:
    """Also an address that has a password in it."""
    if SECRET.search(name) or name in WITH_PASSWORDS:
        return True
    try:
        return isinstance(value, str) and "://" in value and urlsplit(value).password is not None
    except ValueError:
        return True


def copy_schedules(folder: Path) -> list[str]:
    """Schedules that are files of this machine, each under its event's name. Returns the names in the backup."""
    copied = []
    for event in Event.objects.exclude(schedule_url="").order_by("pk"):
        source = Path(event.schedule_url)
        if "://" in event.schedule_url or not source.is_file() or source.stat().st_size > MAX_BYTES:
            continue
        name = f"{SCHEDULES}/{event.slug}{source.suffix}"
        (folder / SCHEDULES).mkdir(exist_ok=True)
        shutil.copyfile(source, folder / name)
        copied.append(name)
    return copied


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list):
        return " ".join(map(str, value))
    return json.dumps(value) if isinstance(value, dict) else str(value)
