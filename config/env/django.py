"""Settings of Django, of the server and of the event's clock."""

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from config.env.section import Section, Words


class DjangoEnv(Section):
    """Django."""

    debug: bool = Field(False, description="Development only: tracebacks in answers, throw-away secrets.")
    secret_key: str = Field("", description="Django's signing key; at least 50 random characters.")
    allowed_hosts: Words = Field(
        default=["localhost", "127.0.0.1", "[::1]"], description="Host names served."
    )
    web_server: Literal["uvicorn", "daphne"] = Field(
        "uvicorn", description="The ASGI server of the web process."
    )
    trust_proxy: bool = Field(
        False, description="Believe X-Forwarded-Proto and X-Forwarded-For of the reverse proxy in front."
    )
    https_only: bool = Field(True, description="Secure cookies, HSTS and redirect to https outside DEBUG.")
    cors_allowed_origins: Words = Field(default=[], description="Origins of browser clients on other hosts.")
    event_time_zone: str = Field(
        "Europe/Berlin", description="Time zone of the first event: transcripts and days are dated in it."
    )

    @field_validator("event_time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("is not an IANA time zone, for instance Europe/Berlin") from error
        return value
