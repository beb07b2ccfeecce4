"""Settings of a process's end."""

from pydantic import Field

from config.env.section import Section


class DrainEnv(Section):
    """Ending processes: what SIGTERM gives each of them time for (docs/deployment.md, "Deploys")."""

    web_drain_s: float = Field(
        20.0,
        ge=0,
        le=600,
        description="A web process sends its clients to another one, a few at a time, within this; 0: all at once.",
    )
    asr_drain_s: float = Field(
        30.0,
        ge=0,
        le=3600,
        description="Rooms move to other workers, to processes that read along until they have caught up, and at the latest after this.",
    )
    translation_drain_s: float = Field(
        10.0,
        ge=0,
        le=600,
        description="A translation worker's running calls may take this long; then another worker makes them.",
    )
