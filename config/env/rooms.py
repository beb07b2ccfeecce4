"""Settings of rooms, their schedule and their transcripts."""

from pydantic import Field

from config.env.section import Section, Words


class RoomsEnv(Section):
    """Rooms."""

    schedule_url: str = Field(
        "", description="URL or path of the first event's pretalx/frab schedule (JSON or XML)."
    )
    schedule_hidden_tracks: Words = Field(
        default=[], description="Names of the first event's tracks to hide."
    )
    schedule_refresh_min: int = Field(60, ge=1, description="Minutes between two readings of the schedule.")
    room_list_ahead_min: int = Field(30, ge=0, description="Talks are listed this long before they start.")
    first_page_shared_s: float = Field(
        2.0,
        ge=0,
        le=60,
        description="Visitors of the first page share what was read for it this long; 0: never.",
    )
    grace_s: float = Field(300, gt=0, description="A room waits this long for its host to come back.")
    host_return_s: float = Field(
        30,
        ge=0,
        description="Of that time the room is for this long its own host's alone: by its key or its personal login, or an admin. Then anybody who may host goes on, in a part of their own.",
    )
    newest_sentences: int = Field(20, ge=1, le=200, description="Sentences in a conference chunk.")
    retention_days: int = Field(0, ge=0, description="Stored transcripts are deleted after this; 0: never.")
