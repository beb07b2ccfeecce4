"""Settings of logs and metrics."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from config.env.section import Section


class LogsEnv(Section):
    """Logs and metrics."""

    metrics_token: str = Field(
        "",
        description="Bearer token for /metrics, at least 16 characters; without it only this machine itself may read them, and through no proxy.",
    )
    metrics_dir: Path | None = Field(
        None,
        description="Folder of what processes of this machine count, which share it; best in memory. Empty: metrics in VAR_DIR.",
    )
    metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Port at which a process tells its metrics, workers too, with the rules of /metrics; 0: none. On one machine /metrics tells those of all.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="Least level of our own lines; libraries speak from WARNING on."
    )
    log_json: bool = Field(True, description="One JSON object a line; false: for people.")

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value
