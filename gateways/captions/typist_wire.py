"""A captioner's messages, both ways (docs/wires/captions.md), as types: the AsyncAPI document is made of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from gateways.captions.wire import Message, Number

TEXT_MOST_CHARS = 2000  # of a message; what a sentence may have is the service's to say

Text = Annotated[str, Field(max_length=TEXT_MOST_CHARS)]
SentenceId = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9-]{8,36}$", description="The page's own name for a sentence.")
]
Flag = Annotated[bool, Field(strict=True)]
Holder = Literal["nobody", "you", "other"]
Asks = Literal["take", "typing", "write", "keep", "release", "undo", "correct", "open", "close"]

# --- from the page. Times come as ages, so that clocks need not agree.


class Take(Message):
    """Take the pen before anything is typed, or after a break."""

    type: Literal["take"]
    token: str = Field("", pattern=r"^([0-9a-f-]{36})?$", description="That this page had, from `pen`.")


class TypedSoFar(Message):
    """What is typed so far: shown to the audience as a tentative `partial`, stored nowhere."""

    type: Literal["typing"]
    text: Text
    began_ms_ago: Number = 0


class Write(Message):
    """A finished sentence. The same `id` is stored once."""

    type: Literal["write"]
    id: SentenceId
    text: Text
    began_ms_ago: Number = 0
    ended_ms_ago: Number = 0


class Keep(Message):
    """The recogniser stays quiet although nothing is typed; once a second."""

    type: Literal["keep"]


class Release(Message):
    """The recogniser goes on at once."""

    type: Literal["release"]


class Undo(Message):
    """Take a typed sentence back."""

    type: Literal["undo"]
    id: SentenceId


class Correct(Message):
    """Mend a sentence that stands, whoever wrote it."""

    type: Literal["correct"]
    part: Number
    index: Number
    upto: Number | None = Field(
        default=None, description="The text is of all pieces from `index` to this one."
    )
    version: Number = Field(description="That the captioner saw, the newest of those pieces.")
    text: Text


class Open(Message):
    """Open a closed room in which nothing is heard and a person types alone."""

    type: Literal["open"]
    lang: str = Field(max_length=16)
    store: Flag = Field(description="Keep the text.")
    public: Flag = Field(description="Everybody may read it afterwards.")


class CloseRoom(Message):
    """Close a room that was opened so."""

    type: Literal["close"]


FROM_TYPIST: tuple[type[Message], ...] = (
    Take, TypedSoFar, Write, Keep, Release, Undo, Correct, Open, CloseRoom,
)  # fmt: skip
Sent = Take | TypedSoFar | Write | Keep | Release | Undo | Correct | Open | CloseRoom
SENT: TypeAdapter[Sent] = TypeAdapter(Annotated[Sent, Field(discriminator="type")])

# --- to the page


class PenHeld(Message):
    """Who writes: when it changes, and every two seconds."""

    type: Literal["pen"] = "pen"
    holder: Holder = Field(description="Where nobody has the pen, the recogniser writes.")
    alone: bool = Field(description="Nothing is heard in this room.")
    token: str | None = Field(None, description="This page's, to come back with.")


class HeardText(Message):
    """What the recogniser hears while a person writes; nobody else sees it."""

    type: Literal["heard"] = "heard"
    text: str


class Stored(Message):
    """A sentence stands, with this place; it came to the audience as `sentence`."""

    type: Literal["stored"] = "stored"
    id: str
    part: Number
    index: Number


class Undone(Message):
    """A sentence was taken back."""

    type: Literal["undone"] = "undone"
    id: str
    text: str = Field(description="What it was.")


class Corrected(Message):
    """A sentence was mended; its new text comes as `sentence`."""

    type: Literal["corrected"] = "corrected"
    part: Number
    index: Number


class Refused(Message):
    """Something was not done."""

    type: Literal["refused"] = "refused"
    of: Asks
    id: str | None = None
    part: Number | None = None
    index: Number | None = None
    error: str = Field(description="A code.")
    retry: bool = Field(description="The same again may work; nothing was lost.")


TO_TYPIST: tuple[type[Message], ...] = (PenHeld, HeardText, Stored, Undone, Corrected, Refused)
