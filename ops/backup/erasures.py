"""What was erased stays so: the audit log says what it was, and a restore of something older erases it once more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import psycopg
from django.contrib.auth.models import User

from asr.rooms.withdrawal import carry_out_withdrawal
from ops.backup.database import connect
from ops.backup.manifest import Erasure, Keys
from rooms.audit import Actor, acting
from rooms.consent import withdraw_consent
from rooms.erasure import erase_person
from rooms.models import Consent
from transcripts.models import Part, Sentence
from transcripts.removal import remove_sentence
from transcripts.retention import delete_overdue
from transcripts.revisions import Editor

RESTORED = Actor(role="restore")
FOUND = """
SELECT at, action, room_code, details FROM public.rooms_auditentry
WHERE action IN ('erased', 'removed', 'withdrawn') ORDER BY id
"""


def erasures(db: psycopg.Connection[Any]) -> list[Erasure]:
    """All that the audit log has, oldest first; read by SQL, for the snapshot is not Django's."""
    found = (_erasure(*row) for row in db.execute(FOUND).fetchall())
    return [erasure for erasure in found if erasure is not None]


def erase_what_was_erased(newest: Keys) -> int:
    """In the database as it is. Returns how much of it there was to do. Raises BackupError."""
    with connect(autocommit=True) as db:
        known = set(erasures(db))
    return erase_again(each for each in newest.erased if each not in known)


def erase_again(erased: Iterable[Erasure]) -> int:
    """Carry out what the backup's own log does not have yet. Returns how much of it there was to do. May be called again."""
    with acting(RESTORED):
        return sum(_carry_out(erasure) for erasure in erased)


def delete_what_is_too_old() -> int:
    """Whose time was over since the backup was made. Returns how many parts."""
    return delete_overdue()


def _erasure(at: datetime, action: str, room: str, details: dict[str, Any]) -> Erasure | None:
    part, person = details.get("part"), details.get("person")
    if action == "withdrawn":
        return Erasure(at=at, kind="consent", number=int(details["consent"]))
    if action == "removed":
        return Erasure(
            at=at, kind="sentence", room=room, number=int(details["part"]), index=int(details["index"]),
            lang=str(details.get("lang", "")),
        )  # fmt: skip
    if person is not None:
        return Erasure(at=at, kind="person", number=int(person))
    return None if part is None else Erasure(at=at, kind="part", room=room, number=int(part))


def _carry_out(erasure: Erasure) -> bool:
    if erasure.kind == "person":
        user = User.objects.filter(pk=erasure.number).first()
        if user is not None:
            erase_person(user.username)
        return user is not None
    if erasure.kind == "consent":
        consent = Consent.objects.filter(pk=erasure.number).first()
        withdrawn = consent is not None and withdraw_consent(consent, by=RESTORED)
        if withdrawn:
            carry_out_withdrawal(erasure.number)  # also where nobody hears the signal
        return withdrawn
    part = Part.objects.filter(room__code=erasure.room, number=erasure.number).first()
    if part is None:
        return False
    if erasure.kind == "part":
        part.delete()
        return True
    return _remove(part, erasure)


def _remove(part: Part, erasure: Erasure) -> bool:
    lang = erasure.lang or part.source_lang
    row = (
        Sentence.objects.filter(part=part, track__lang=lang, index=erasure.index)
        .select_related("part")
        .first()
    )
    if row is not None:
        remove_sentence(row, by=Editor(None, RESTORED.role, ""))
    return row is not None
