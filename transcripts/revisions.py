"""What people change in sentences: who they are, what they had seen, and the history that it leaves."""

from collections.abc import Collection
from dataclasses import dataclass

from rooms.audit import Action, Actor, record
from rooms.errors import Conflict
from rooms.locks import update_in_order
from transcripts.models import Sentence, SentenceRevision


@dataclass(frozen=True, slots=True)
class Editor:
    """Who changes a sentence: a user's key, or None where only the role is known (host, admin, captioner)."""

    user_id: int | None
    role: str
    reason: str = ""


def refuse_outdated(row: Sentence, seen_version: int | None) -> None:
    """Raises Conflict (`sentence_changed`, with the present version) where somebody else was faster."""
    if seen_version is not None and row.version != seen_version:
        raise Conflict("sentence_changed", version=row.version)


def note_revision(rows: Collection[Sentence], action: SentenceRevision.Action, by: Editor | None) -> None:
    """Remember what these sentences were before. The caller holds their locks."""
    if by is None or not rows:
        return
    _record(rows, action, by)
    SentenceRevision.objects.bulk_create(
        SentenceRevision(
            sentence=row, action=action, version=row.version, by_id=by.user_id, role=by.role, reason=by.reason,
            text=row.text if action == SentenceRevision.Action.CORRECTED else "",
        )
        for row in rows
    )  # fmt: skip


def _record(rows: Collection[Sentence], action: SentenceRevision.Action, by: Editor) -> None:
    first = min(rows, key=lambda row: row.index)
    what = Action.CORRECTED if action == SentenceRevision.Action.CORRECTED else Action.REMOVED
    code, who = first.part.room.code, Actor(by.user_id, by.role)
    # A translation alone: of its language. With what was spoken go all translations.
    of = {} if any(row.of_version is None for row in rows) else {"lang": first.track.lang}
    record(what, code, by=who, part=first.part.number, index=first.index, sentences=len(rows), **of)


def forget_earlier_texts(rows: Collection[Sentence]) -> None:
    """A removed sentence's history has no text either. The caller holds the sentences' locks."""
    kept = SentenceRevision.objects.filter(sentence__in=[row.pk for row in rows]).exclude(text="")
    update_in_order(kept, text="")
