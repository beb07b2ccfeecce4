"""Settings of logs and metrics."""

from typing import Any, Literal

from pydantic import Field, field_validator

from config.env.section import Section


class LogsEnv(Section):
    """Logs and metrics."""

    metrics_token: str = Field(
        "",
        description="Bearer token for /metrics, at least 16 characters; without it only this machine itself may read them, and through no proxy.",
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="Least level of our own lines; libraries speak from WARNING on."
    )
    log_json: bool = Field(True, description="One JSON object a line; false: for people.")

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value
