"""All sections together, what holds between them, and how they are read."""

from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError, model_validator

from config.env.django import DjangoEnv
from config.env.drain import DrainEnv
from config.env.echo import EchoEnv
from config.env.logs import LogsEnv
from config.env.meetings import MeetingsEnv
from config.env.places import PlacesEnv
from config.env.recogniser import RecogniserEnv
from config.env.rooms import RoomsEnv
from config.env.secret_files import SecretFileError
from config.env.section import ENV_FILE, EnvError, refuse_open_secrets
from config.env.speakers import SpeakersEnv
from config.env.speech import SpeechEnv
from config.env.statistics import StatisticsEnv
from config.env.translation import TranslationEnv
from config.env.wires import WiresEnv

SECRET_KEY_CHARS, SECRET_KEY_KINDS = 50, 5  # as Django's own check wants it
PASSWORD_CHARS, METRICS_TOKEN_CHARS = 8, 16


class Env(
    DjangoEnv,
    PlacesEnv,
    SpeakersEnv,
    RoomsEnv,
    WiresEnv,
    MeetingsEnv,
    RecogniserEnv,
    TranslationEnv,
    SpeechEnv,
    EchoEnv,
    DrainEnv,
    LogsEnv,
    StatisticsEnv,
):
    """The environment, parsed once at start-up."""

    @model_validator(mode="after")
    def _secrets_are_good(self) -> Self:
        if not self.debug:
            missing = [
                name
                for name, value in (
                    ("SECRET_KEY", self.secret_key),
                    ("HOST_PASSWORD or HOST_PASSWORDS", self.host_password or self.host_passwords),
                    ("ADMIN_PASSWORD", self.admin_password),
                )
                if not value
            ]
            if missing:
                raise ValueError("set " + ", ".join(missing) + " (secrets have no defaults outside DEBUG)")
            self._refuse_weak_secrets()
        return self

    def _refuse_weak_secrets(self) -> None:
        """What can be guessed keeps nobody out. Raises ValueError, which names no value."""
        if len(self.secret_key) < SECRET_KEY_CHARS or len(set(self.secret_key)) < SECRET_KEY_KINDS:
            raise ValueError(
                f"SECRET_KEY: at least {SECRET_KEY_CHARS} random characters, for instance those of "
                "python3 -c 'import secrets; print(secrets.token_hex(32))'"
            )
        passwords = {"ADMIN_PASSWORD": [self.admin_password], "HOST_PASSWORD": [self.host_password]}
        passwords["HOST_PASSWORDS"] = list(self.host_passwords.values())
        for name, values in passwords.items():
            if any(0 < len(value) < PASSWORD_CHARS for value in values):
                raise ValueError(f"{name}: a password has at least {PASSWORD_CHARS} characters")
        if 0 < len(self.metrics_token) < METRICS_TOKEN_CHARS:
            raise ValueError(f"METRICS_TOKEN: at least {METRICS_TOKEN_CHARS} characters")

    @model_validator(mode="after")
    def _meetings_are_guarded(self) -> Self:
        bypassed = self.bypass_authorization and not self.debug
        if bypassed and not self.bypass_authorization_outside_debug:
            raise ValueError(
                "BYPASS_AUTHORIZATION lets anybody use the recogniser: unset it, or set DEBUG, "
                "or BYPASS_AUTHORIZATION_OUTSIDE_DEBUG=1"
            )
        if self.asap_pub_keys_repo_url and not self.asap_pub_keys_auds:
            raise ValueError(
                "ASAP_PUB_KEYS_AUDS must name whom tokens are for: without, every token is refused"
            )
        return self


def read_env(*, env_file: Path = ENV_FILE, **overrides: Any) -> Env:
    """Parse the environment.

    Raises EnvError with one line a problem, naming the variable; values never appear in it.
    """
    refuse_open_secrets(env_file)
    try:
        return Env(_env_file=env_file, **overrides)  # type: ignore[call-arg]  # pydantic-settings takes it
    except ValidationError as error:
        lines = [
            f"  {'_'.join(map(str, item['loc'])).upper() or 'environment'}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise EnvError("Souffleur cannot start with this environment:\n" + "\n".join(lines)) from None
    except SecretFileError as error:
        raise EnvError(f"Souffleur cannot start with this environment:\n  {error}") from None
