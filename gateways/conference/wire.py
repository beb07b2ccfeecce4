"""The conference wire's bodies (docs/wires/conference.md). Unknown fields from old clients are ignored here."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints, WithJsonSchema

from rooms.people import Power

Secret = Annotated[str, StringConstraints(max_length=1024)]


class Body(BaseModel):
    """What a client posts, or reads."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class LoginBody(Body):
    """A password, and what for; the admin's gives power admin whatever the role is."""

    password: Secret
    role: Literal["host", "admin"] | None = None


class CredentialsBody(Body):
    """A key, or a password where one is accepted."""

    key: Secret | None = None
    password: Secret | None = None


class VoteBody(Body):
    """A wish for captions of a talk."""

    vote: StrictBool = Field(description="True: one more; false: one fewer.")


class RefusalView(Body):
    """Why not; clients look at `status` only."""

    status: Literal["fail"] = "fail"
    detail: str


class LoginView(Body):
    """A fresh key: 32 hexadecimal digits."""

    status: Literal["ok"] = "ok"
    key: str
    power: Power
    expire_hours: int


class KeyView(Body):
    """A key that is good."""

    status: Literal["valid"] = "valid"


class PowerView(KeyView):
    """A key that is good, and for what."""

    power: Power


class OkView(Body):
    """Done."""

    status: Literal["ok"] = "ok"


class TrackView(Body):
    """Never null, neither of them."""

    name: str
    color: str


class RoomView(Body):
    """A room in the list; `host_connection_id` is "" exactly while the room is not active."""

    id: str
    title: str
    description: str
    track: TrackView
    location: str
    presenter: str
    host_connection_id: str
    source_lang: str


class RoomListView(Body):
    """What can be watched or opened now."""

    available_source_langs: list[str]
    available_target_langs: list[str]
    max_active_rooms: int
    rooms: list[RoomView]


class PersonView(Body):
    """A speaker."""

    name: str


class TranscriptView(Body):
    """A room with a stored transcript; times in unix seconds."""

    id: str
    code: str
    title: str
    persons: list[PersonView]
    room: str
    firstChunkTimestamp: int
    lastChunkTimestamp: int


# --- sockets: JSON text without a type field


class SentenceView(Body):
    """A sentence in its language, and whichever translations exist by now."""

    sent_idx: int
    content: dict[str, str]


class LineView(Body):
    """One speaker's stretch; without diarisation, one part. `beg`, `end`: whole seconds since the part began."""

    line_idx: int
    beg: int
    end: int
    speaker: int
    sentences: list[SentenceView]


class Chunk(Body):
    """The newest sentences as one whole state: at once and on every change."""

    last_n_sents: list[LineView]
    incomplete_sentence: str
    transcription_delay: float
    translation_delay: float


class Info(Body):
    """One fact; the others are left out."""

    connection_id: str = ""
    ready_to_recieve_audio: bool = False
    audio_received: int | None = Field(
        0, description="Everything before this number is kept; null: not known yet."
    )


class HostInfo(Body):
    """For a host: its connection's id, that the engine is ready, what was received."""

    info: Info


class HostProblem(Body):
    """A code, and words for the host's page."""

    code: str
    message: str


class HostError(Body):
    """For a host; the room stays open, and the present chunk follows."""

    error: HostProblem


class HostSignal(Body):
    """From a host: a new engine and a new part, with the same sockets."""

    signal: Literal["restart_backend_engine"]


class HostQuery(Body):
    """What a host's socket may say beside its path."""

    format: Literal["", "pcm_s16le"] = Field(
        "", description="Raw s16le at 16 kHz, mono, instead of WebM or Ogg."
    )
    consent: str = Field(
        "", description="Our own page: the number of a recorded consent, instead of cookies."
    )
    connection: str = Field("", description="Our own page: the id that it was given last.")
    recorder: str = Field(
        "",
        description="32 hexadecimal digits: each binary message begins with its number (4 bytes, big-endian).",
    )


_VOTE_FIELDS = [
    "code", "title", "room", "url", "abstract", "description", "persons", "date", "start", "duration", "language",
]  # fmt: skip
VoteView = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "description": "Every field that the schedule gives the talk, some of them made uniform, and its votes.",
            "additionalProperties": True,
            "properties": {
                **{name: {"type": "string"} for name in _VOTE_FIELDS},
                "track": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "color": {"type": "string"}},
                },
                "votes": {"type": "integer", "minimum": 0},
            },
            "required": [*_VOTE_FIELDS, "track", "votes"],
        }
    ),
]
