"""What a section of settings is made of, and where files with settings lie."""

import json
import shlex
import stat
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from config.env.secret_files import SecretFiles

BASE_DIR = Path(__file__).resolve().parents[2]
ENV_FILE = BASE_DIR / ".env"


class EnvError(Exception):
    """The environment lacks a value or holds a wrong one; the message names the variables."""


def _split(value: Any) -> Any:
    """Words separated by commas or spaces, or JSON."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    separator = "," if "," in value else None
    return [word.strip() for word in value.split(separator) if word.strip()]


Words = Annotated[list[str], NoDecode, BeforeValidator(_split)]


class Section(BaseSettings):
    """Settings that belong together; the first line of a section's own docstring heads them in docs/settings.md."""

    model_config = SettingsConfigDict(env_file=ENV_FILE, extra="ignore", frozen=True, env_ignore_empty=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is set in the environment wins over `.env`; either may name files of secrets."""
        given: dict[str, str | None] = {}
        for source in (dotenv_settings, env_settings):
            if isinstance(source, EnvSettingsSource):
                given |= source.env_vars
        return init_settings, env_settings, dotenv_settings, SecretFiles(settings_cls, given)


def refuse_open_secrets(path: Path) -> None:
    """Passwords in a file that other users of the machine may read are none. Raises EnvError."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # there is none, or it is not ours to read
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise EnvError(
            f"Souffleur cannot start: other users may read the secrets in {path}. Mend it with:\n"
            f"  chmod 600 {shlex.quote(str(path))}"
        )
