"""The conference wire's bodies (docs/wires/conference.md). Unknown fields from old clients are ignored here."""

from typing import Annotated, Any, Literal, TypedDict, TypeVar

from django.http import HttpRequest
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints, ValidationError

from rooms.errors import BadInput

MAX_BODY_BYTES = 64 * 1024
Secret = Annotated[str, StringConstraints(max_length=1024)]


class Body(BaseModel):
    """What a client posts."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class LoginBody(Body):
    """POST /login"""

    password: Secret
    role: Literal["host", "admin"] | None = None


class CredentialsBody(Body):
    """POST /auth, /validate, /close, the transcripts: a key, or a password where one is accepted."""

    key: Secret | None = None
    password: Secret | None = None


class VoteBody(Body):
    """POST /vote/{code}"""

    vote: StrictBool = Field(description="True: one more; false: one fewer.")


class TrackView(TypedDict):
    """Never null, neither of them."""

    name: str
    color: str


class RoomView(TypedDict):
    """A room in the list; `host_connection_id` is "" exactly while the room is not active."""

    id: str
    title: str
    description: str
    track: TrackView
    location: str
    presenter: str
    host_connection_id: str
    source_lang: str


class RoomListView(TypedDict):
    """GET /room_list"""

    available_source_langs: list[str]
    available_target_langs: list[str]
    max_active_rooms: int
    rooms: list[RoomView]


class PersonView(TypedDict):
    """A speaker."""

    name: str


class TranscriptView(TypedDict):
    """A room in /transcript_list; times in unix seconds."""

    id: str
    code: str
    title: str
    persons: list[PersonView]
    room: str
    firstChunkTimestamp: int
    lastChunkTimestamp: int


# A talk to vote on: every field of the schedule's event, some of them made uniform, plus `votes`.
VoteView = dict[str, Any]


Model = TypeVar("Model", bound=Body)


class BodyTooLarge(BadInput):
    """More bytes than any client of this wire has a reason to send."""


def read_body(request: HttpRequest, model: type[Model]) -> Model:
    """The body as `model`; empty counts as {}. Raises BadInput, BodyTooLarge."""
    data = request.read(MAX_BODY_BYTES + 1)
    if len(data) > MAX_BODY_BYTES:
        raise BodyTooLarge("body_too_large")
    try:
        return model.model_validate_json(data.strip() or b"{}")
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
        field = problem["loc"][0] if problem["loc"] else ""
        raise (BadInput("bad_field", field=field) if field else BadInput("malformed_body")) from None
