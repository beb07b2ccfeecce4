"""The vocabulary to viewers: what travels through the channel layer.

Durable events carry their track's version; a receiver that sees a gap reads PostgreSQL again. The others
may be lost. Each class becomes a plain dict at the wire of the layer (`encode`), and back (`decode`).
"""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SentenceChanged:
    """Durable: a sentence is new or has a new text. `ends` False: it goes on in the next index.

    `spoken_s`: where it is published for the first time, when its last sound came (seconds since the epoch), if that is known.
    """

    lang: str
    version: int
    part: int
    broadcast: int
    index: int
    line: int
    position: int
    start_ms: int
    end_ms: int
    speaker: int
    text: str
    of_version: int | None = None
    ends: bool = True
    spoken_s: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SentenceRemoved:
    """Durable: a sentence of this track is gone."""

    lang: str
    version: int
    part: int
    index: int


@dataclass(frozen=True, slots=True)
class Partial:
    """The unfinished words; replaces the partial before it. Empty text: nothing is unfinished.

    `index`: of the sentence that they will become, so that a reader of that sentence knows that its words are in it.
    `confirmed_chars`: the first so many are never taken back.
    """

    lang: str
    part: int
    start_ms: int
    text: str
    index: int
    broadcast: int = 0
    confirmed_chars: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """The translation of the unfinished sentence into `lang`; replaces the draft before it. Empty text: it is taken back.

    Of the first `of_chars` characters of what was spoken, from the sentence's first piece on, whose place is `index`.
    `confirmed_chars`: the first so many are never taken back.
    """

    lang: str
    part: int
    index: int
    start_ms: int
    of_chars: int
    text: str
    broadcast: int = 0
    confirmed_chars: int = 0


@dataclass(frozen=True, slots=True)
class Delays:
    """Rolling means in seconds; None: nothing new of this kind. `broadcast` 0: of whichever is there.

    `stopped`: languages into which nothing is translated any more today.
    """

    transcription_s: float | None = None
    translation_s: float | None = None
    broadcast: int = 0
    stopped: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class LanguageAdded:
    """The room has a track more: subscribe to it."""

    lang: str


@dataclass(frozen=True, slots=True)
class PartDeleted:
    """A part is gone with all that was said in it. The versions of its tracks say so too."""

    part_id: int


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The room's life: read the session again if more than this matters."""

    state: str  # of transcripts.models.RoomState.Name
    broadcast: int = 0
    part: int = 0
    source_lang: str = ""
    grace_left_s: float | None = None


@dataclass(frozen=True, slots=True)
class EngineReady:
    """The ASR process of this session is ready for audio."""

    session_id: int


@dataclass(frozen=True, slots=True)
class SessionClosing:
    """This session's part ends with the audio that has come: its host's socket says which blob was the last."""

    session_id: int


@dataclass(frozen=True, slots=True)
class SessionReplaced:
    """The room goes on in `new_id` (restart, language change); whose host that is, its row says."""

    old_id: int
    new_id: int


@dataclass(frozen=True, slots=True)
class HostReplaced:
    """Another socket of the same browser took over: every host socket but `connection_id` goes quietly."""

    connection_id: str


@dataclass(frozen=True, slots=True)
class HostError:
    """Something only the host should read; `parameters`: what a gateway's words for the code may name."""

    code: str
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heard:
    """What the recogniser hears while a person writes: for that person alone, and never shown to the audience."""

    part: int
    text: str


@dataclass(frozen=True, slots=True)
class PenChanged:
    """A person writes the spoken track from now on, or does no more; for hosts and captioners."""

    held: bool


@dataclass(frozen=True, slots=True)
class RoomClosed:
    """Everyone who came to this broadcast, or to an older one, goes: the room is closed."""

    broadcast: int


Event = (
    SentenceChanged
    | SentenceRemoved
    | Partial
    | Draft
    | Delays
    | LanguageAdded
    | PartDeleted
    | StateChanged
    | EngineReady
    | SessionClosing
    | SessionReplaced
    | HostReplaced
    | HostError
    | Heard
    | PenChanged
    | RoomClosed
)
Durable = SentenceChanged | SentenceRemoved
Control = EngineReady | SessionClosing | SessionReplaced | HostReplaced | HostError | RoomClosed
_BY_NAME: dict[str, type[Event]] = {
    cls.__name__: cls
    for cls in (
        SentenceChanged,
        SentenceRemoved,
        Partial,
        Draft,
        Delays,
        LanguageAdded,
        PartDeleted,
        StateChanged,
        EngineReady,
        SessionClosing,
        SessionReplaced,
        HostReplaced,
        HostError,
        Heard,
        PenChanged,
        RoomClosed,
    )
}


def encode(event: Event) -> dict[str, Any]:
    """Event → dict of plain values with its class name under `event`."""
    return {"event": type(event).__name__, **asdict(event)}


def decode(message: dict[str, Any]) -> Event | None:
    """Dict → event; None for a name this version does not know (a newer process speaks)."""
    values = dict(message)
    cls = _BY_NAME.get(values.pop("event", ""))
    if cls is None:
        return None
    fields = cls.__dataclass_fields__
    return cls(**{name: value for name, value in values.items() if name in fields})
