"""The messages of the native captions wire (docs/wires/captions.md), as types: the AsyncAPI document is made of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

TRACKS_MOST, HISTORY_MOST = 4, 200
_NUMBER_MOST = 2**31 - 1

Lang = Annotated[str, Field(max_length=16, pattern=r"^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$", examples=["de"])]
Version = Annotated[int, Field(ge=0, lt=10**15, strict=True)]
Number = Annotated[int, Field(ge=0, le=_NUMBER_MOST, strict=True)]
Versions = dict[Lang, Version]


class Message(BaseModel):
    """One JSON text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# --- from the server


class Talk(Message):
    """A talk that is to come."""

    room: str
    title: str
    starts_at: datetime


class DelaysNow(Message):
    """Rolling means of how late text is."""

    transcription_s: float | None = None
    translation_s: float | None = None
    stopped: tuple[str, ...] | None = Field(
        None,
        description="Languages into which nothing is translated any more today: the room's quota is used up.",
    )


class StateNow(Message):
    """How a room stands. In a hall without a talk: closed."""

    state: Literal["waiting", "live", "grace", "closed"]
    source_lang: str = Field(description="The spoken language; empty where nobody has spoken yet.")
    grace_left_s: int | None = Field(None, ge=0, description="So long a host has left to come back.")
    next: Talk | None = Field(None, description="In a closed room: what comes there, or next in its hall.")


class Hello(StateNow):
    """First of all, and again where a reader begins anew. Unless it is `resumed`, what a client shows is to be dropped."""

    type: Literal["hello"] = "hello"
    room: str = Field(description="Empty in a hall where nothing is on.")
    title: str
    lang: str
    resumed: bool
    versions: Versions = Field(description="That this beginning, or replay, reaches.")
    delays: DelaysNow
    report_s: int | None = Field(
        None, description="`shown` is welcome, once in so many seconds; missing: it is not."
    )


class Sentence(Message):
    """Durable: a sentence is new or has a new text."""

    type: Literal["sentence"] = "sentence"
    lang: str
    version: Version
    part: Number
    index: Number
    start_ms: int = Field(description="Since the part's first sample.")
    end_ms: int
    speaker: int = Field(description="-1: unknown.")
    text: str
    ends: bool = Field(description="False: it goes on at the next index, with its translation at the first.")
    of_version: Version | None = Field(None, description="Of what was spoken, in a translation of it.")


class Removed(Message):
    """Durable: a sentence is gone."""

    type: Literal["removed"] = "removed"
    lang: str
    version: Version
    part: Number
    index: Number


class VersionsReached(Message):
    """The end of a beginning or replay: from here on a version that is left out is a gap."""

    type: Literal["versions"] = "versions"
    versions: Versions


class HistoryEnd(Message):
    """Behind the older sentences; fewer than asked for: these are the first."""

    type: Literal["history"] = "history"
    count: int


class PartialText(Message):
    """The unfinished sentence: `confirmed` only grows until the sentence comes. Both empty: nothing is unfinished."""

    type: Literal["partial"] = "partial"
    lang: str
    part: Number
    index: Number = Field(description="Of the sentence that it will become.")
    start_ms: int
    confirmed: str
    tentative: str


class DraftText(Message):
    """The translation of the unfinished sentence as far as it was confirmed. Both empty: it is taken back."""

    type: Literal["draft"] = "draft"
    lang: str
    part: Number
    index: Number = Field(description="Of the sentence's first piece.")
    start_ms: int
    of_chars: int = Field(ge=0, description="So many characters of what was spoken, from its first piece on.")
    confirmed: str
    tentative: str


class State(StateNow):
    """The room's life."""

    type: Literal["state"] = "state"


class Delays(DelaysNow):
    """How late text is."""

    type: Literal["delays"] = "delays"


class Pong(Message):
    """The connection lives. With the server's clock, by which `shown` is said."""

    type: Literal["pong"] = "pong"
    server_ms: int = Field(description="Since the epoch.")


FROM_SERVER: tuple[type[Message], ...] = (
    Hello, Sentence, Removed, VersionsReached, HistoryEnd, PartialText, DraftText, State, Delays, Pong,
)  # fmt: skip

# --- from a reader


class RoomQuery(Message):
    """How a reader of a room asks."""

    lang: str = Field(description="The reader's language, one of those on offer.")
    after: str = Field(
        "", description="Versions that it knows, to resume behind them.", examples=["en:41,de:38"]
    )


class HallQuery(RoomQuery):
    """How a reader of a hall asks."""

    room: str = Field("", description="The room whose versions `after` names.")


class ChangeLanguage(Message):
    """Go on in another language, behind these versions of what is kept."""

    type: Literal["lang"]
    lang: str
    after: Versions = Field(default={}, max_length=TRACKS_MOST)


class Resume(Message):
    """Give what came behind these versions."""

    type: Literal["resume"]
    after: Versions = Field(max_length=TRACKS_MOST)


class Place(Message):
    """Where a sentence stands."""

    part: Number
    index: Number


class AskHistory(Message):
    """Give the sentences before this place, at most HISTORY_MOST."""

    type: Literal["history"]
    before: Place
    count: Number


class Ping(Message):
    """Say that the connection lives."""

    type: Literal["ping"]


class Shown(Place):
    """When a sentence was on the screen, by the server's clock; from a reader whose `hello` said `report_s`. Not answered."""

    type: Literal["shown"]
    lang: Lang
    at_ms: int = Field(
        ge=0, lt=2**53, strict=True, description="End of the frame that showed it, since the epoch."
    )


FROM_READER: tuple[type[Message], ...] = (ChangeLanguage, Resume, AskHistory, Ping, Shown)
Asked = ChangeLanguage | Resume | AskHistory | Ping | Shown
ASKED: TypeAdapter[Asked] = TypeAdapter(Annotated[Asked, Field(discriminator="type")])
