"""Settings of where data lies, and of how PostgreSQL and Redis are reached."""

from pathlib import Path

from pydantic import Field, field_validator

from config.env.section import BASE_DIR, Section
from rooms.sentinels import sentinels_of


class PlacesEnv(Section):
    """Where things are."""

    var_dir: Path = Field(BASE_DIR / "var", description="Data of the embedded servers, models, logs.")
    database_url: str = Field("", description="postgres://…; empty: the embedded PostgreSQL.")
    database_password: str = Field("", description="The password of DATABASE_URL, where that has none.")
    database_pool_size: int = Field(
        30, ge=2, description="Connections to PostgreSQL that a web process opens at most."
    )
    database_statement_timeout_s: float = Field(
        30, ge=0, description="A statement of a server may take this long; 0: no limit. Commands have none."
    )
    database_lock_timeout_s: float = Field(
        8,
        ge=0,
        description="A web process waits this long for a row that another transaction has locked, longer than DATABASE_IDLE_TRANSACTION_S; 0: no limit. Workers have none.",
    )
    database_idle_transaction_s: float = Field(
        5,
        ge=0,
        description="A server's transaction may do nothing for this long, for instance where its process is stopped: its locks hold up others; 0: no limit.",
    )
    database_tcp_timeout_s: float = Field(
        10,
        ge=0,
        description="PostgreSQL's host is given up when it acknowledges nothing for this long; 0: the system's.",
    )
    redis_url: str = Field(
        "",
        description="redis://…, rediss://…, or sentinel://[user:password@]host[:port],host[:port]/service[/db]; empty: the embedded Redis.",
    )

    @field_validator("redis_url")
    @classmethod
    def _sentinels_can_be_asked(cls, url: str) -> str:
        sentinels_of(url)
        return url
