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
