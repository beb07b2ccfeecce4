"""Secrets from files: NAME_FILE names the file that holds the setting NAME, as container engines and systemd hand secrets over.

Who may read the file is theirs to say: an engine's files are readable to everybody inside the container alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic_settings import BaseSettings, EnvSettingsSource

SECRETS: Final = (
    "secret_key", "host_password", "host_passwords", "admin_password", "database_url", "database_password", "redis_url",
    "metrics_token", "libretranslate_api_key", "chat_api_key", "centrifugo_api_key",
)  # fmt: skip


class SecretFileError(Exception):
    """A secret cannot be had from its file; the message names the variable, never the value."""


class SecretFiles(EnvSettingsSource):
    """What the files hold, as if it stood in the environment. `given`: all of the environment, by names in small letters."""

    def __init__(self, settings: type[BaseSettings], given: Mapping[str, str | None]) -> None:
        super().__init__(settings)
        self.env_vars = read_secret_files(given)


def read_secret_files(given: Mapping[str, str | None]) -> dict[str, str]:
    """Setting → content of its file. Raises SecretFileError."""
    return {name: _content(name, path, given) for name in SECRETS if (path := given.get(f"{name}_file"))}


def _content(name: str, path: str, given: Mapping[str, str | None]) -> str:
    variable = f"{name.upper()}_FILE"
    if given.get(name):
        raise SecretFileError(f"{variable}: {name.upper()} is set, too; set one of the two")
    try:
        text = Path(path).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SecretFileError(f"{variable} cannot be read: {reason}") from None
    if not text:
        raise SecretFileError(f"{variable}: the file is empty")
    return text
