"""Corrections and removals by people: who may, of what they have seen, with a history.

For pages and gateways: each of these asks the permission itself. Errors: NotFound (`sentence_not_found`), Forbidden
(`not_your_transcript`), Conflict (`sentence_changed` with the present `version`), BadInput (`text_missing`,
`text_too_long` with `most`).
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ObjectDoesNotExist

from rooms.access import Identity
from rooms.errors import Forbidden, NotFound
from transcripts.models import Part, Sentence, SentenceRevision
from transcripts.removal import remove_sentence
from transcripts.revisions import Editor
from transcripts.selectors import editable_parts
from transcripts.services import correct_sentence
from transcripts.text import REASON_MOST_CHARS, clean_text, one_line

HISTORY_MOST = 100


@dataclass(frozen=True, slots=True)
class SentencePlace:
    """A sentence as the wires name it: its part's number within the room, its index; `lang` "": the spoken one.

    `upto`: of a long one all pieces from `index` to this one; None: that piece alone.
    """

    room_id: int
    part: int
    index: int
    lang: str = ""
    upto: int | None = None


@dataclass(frozen=True, slots=True)
class SentenceNow:
    """A sentence as it is: what somebody who corrects it begins with."""

    version: int
    text: str
    is_removed: bool


@dataclass(frozen=True, slots=True)
class Removal:
    """A sentence that a person took back: where it stood, and what its history says."""

    part: int
    index: int
    start_ms: int
    revision: "Revision"


@dataclass(frozen=True, slots=True)
class Revision:
    """One change, oldest first. `text`: what stood there before; empty where a removal took it along.

    `by`: the user's name; empty for who was erased. `action`: "corrected" or "removed".
    """

    action: str
    at: datetime
    by: str
    role: str
    reason: str
    version: int
    text: str


def correct(
    place: SentencePlace, *, text: str, seen_version: int, identity: Identity, reason: str = ""
) -> Sentence:
    """Replace the text of a sentence (or of one translation: `lang`). Returns the row; its `version` is the next to show.

    `seen_version`: `version` of the sentence as the person sees it, from the wire or from this function. The text is
    cleaned (transcripts/text.py). Viewers get it as `sentence` with a new version; outdated translations are made
    again. It does not matter whether the part is being written or is over.
    """
    row, cleaned, editor = _row(place, identity), clean_text(text), _editor(identity, reason)
    with _still_there():
        return correct_sentence(
            sentence=row, text=cleaned, seen_version=seen_version, by=editor, upto=place.upto
        )


def remove(place: SentencePlace, *, seen_version: int, identity: Identity, reason: str = "") -> None:
    """Take a sentence back for good, with its translations, its pieces and its earlier texts; with `lang` of another
    language than the spoken one that translation alone. Viewers get `removed`. Removing again changes nothing.
    """
    with _still_there():
        remove_sentence(_row(place, identity), seen_version=seen_version, by=_editor(identity, reason))


def look(place: SentencePlace, *, identity: Identity) -> SentenceNow:
    """The sentence before it is corrected."""
    row = _row(place, identity)
    return SentenceNow(row.version, row.text, row.removed_at is not None)


def removals(parts: Collection[Part], *, identity: Identity) -> list[Removal]:
    """What people removed from those of these parts that this caller may correct, newest first; HISTORY_MOST of them."""
    rows = (
        SentenceRevision.objects.filter(
            action=SentenceRevision.Action.REMOVED, sentence__of_version=None,
            sentence__part__in=editable_parts(identity).filter(pk__in=[part.pk for part in parts]),
        )
        .select_related("by", "sentence__part")
        .order_by("-pk")[:HISTORY_MOST]
    )  # fmt: skip
    return [
        Removal(row.sentence.part.number, row.sentence.index, row.sentence.start_ms, _revision(row))
        for row in rows
    ]


def history(place: SentencePlace, *, identity: Identity) -> list[Revision]:
    """What people changed in this sentence, oldest first; the newest HISTORY_MOST."""
    row = _row(place, identity)
    rows = SentenceRevision.objects.filter(sentence=row).select_related("by").order_by("-pk")[:HISTORY_MOST]
    return [_revision(found) for found in reversed(rows)]


def _row(place: SentencePlace, identity: Identity) -> Sentence:
    """Raises NotFound, Forbidden. One that was removed is found."""
    part = Part.objects.filter(room_id=place.room_id, number=place.part).first()
    if part is None:
        raise NotFound("sentence_not_found")
    if not editable_parts(identity).filter(pk=part.pk).exists():
        raise Forbidden("not_your_transcript")
    rows = Sentence.with_removed.filter(part=part, track__lang=place.lang or part.source_lang)
    row = rows.select_related("part").filter(index=place.index).first()
    if row is None:
        raise NotFound("sentence_not_found")
    return row


@contextmanager
def _still_there() -> Iterator[None]:
    """What was deleted with its part since it was looked up is not found either."""
    try:
        yield
    except ObjectDoesNotExist:
        raise NotFound("sentence_not_found") from None


def _editor(identity: Identity, reason: str) -> Editor:
    return Editor(
        identity.user_id, identity.power, one_line(reason[: 2 * REASON_MOST_CHARS])[:REASON_MOST_CHARS]
    )


def _revision(row: SentenceRevision) -> Revision:
    name = row.by.get_username() if row.by else ""
    return Revision(row.action, row.at, name, row.role, row.reason, row.version, row.text)
