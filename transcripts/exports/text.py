"""A stored transcript as plain text (docs/wires/conference.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

# strftime's names follow the process's locale; the wire's are English.
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TextLine:
    """One sentence and the line it belongs to; ms since the part began; speaker -1: unknown."""

    line: int
    start_ms: int
    end_ms: int
    speaker: int
    text: str


@dataclass(frozen=True, slots=True)
class TextPart:
    """A part: when it began, in the event's time zone, and its sentences in order."""

    started_at: datetime
    sentences: Sequence[TextLine]


def render_text(parts: Sequence[TextPart]) -> str:
    """Parts oldest first; parts without sentences are left out; a blank line after each part."""
    return "".join(_part(part) for part in parts if part.sentences)


def _part(part: TextPart) -> str:
    at = part.started_at
    header = (
        f"[Transcription started on {_DAYS[at.weekday()]}, {_MONTHS[at.month - 1]} {at.day:02d}, {at.year}"
        f" at {at:%H:%M}]"
    )
    lines = [header]
    for _, group in groupby(part.sentences, key=lambda sentence: sentence.line):
        sentences = list(group)
        speaker = f"{sentences[0].speaker}: " if sentences[0].speaker >= 0 else ""
        lines.append(f"[{speaker}{_clock(sentences[0].start_ms)} - {_clock(sentences[-1].end_ms)}]")
        lines.append(" ".join(sentence.text for sentence in sentences))
    return "\n".join(lines) + "\n\n"


def _clock(ms: int) -> str:
    seconds = ms // 1000
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
