"""A consent is withdrawn: nothing more is heard under it, and what was made from it is deleted, in every language, before viewers' eyes.

Who withdraws dates it first (rooms/consent.py). The rest follows at once, and from the sweep where a process died between; each step
may be done again.
"""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from asr.models import Session
from asr.placement import kill_process
from asr.rooms.ending import lock_room_session
from asr.rooms.journal import note
from asr.sessions import stop_session
from rooms.access import Identity
from rooms.audit import Action, Actor, record
from rooms.consent import withdraw_consent
from rooms.errors import NotFound
from rooms.locks import locked
from rooms.models import Consent, Room
from transcripts.encryption import with_key
from transcripts.models import Part, Sentence
from transcripts.removal import take_back_parts


def withdrawable(room: Room, identity: Identity | None) -> QuerySet[Consent]:
    """This caller's own consents for the room that are not withdrawn; an admin's are everybody's."""
    given = Consent.objects.filter(room=room, withdrawn_at=None)
    if identity is not None and identity.is_admin:
        return given
    if identity is None or identity.user_id is None:
        return given.none()
    return given.filter(user=identity.user_id)


def withdraw_in_room(room: Room, identity: Identity) -> int:
    """Withdraw them all. Returns how many parts lost their text. Raises NotFound (`no_consent`) where there are none."""
    consents = list(withdrawable(room, identity))
    if not consents:
        raise NotFound("no_consent", room=room.code)
    parts = Part.objects.filter(consent__in=consents).count()
    for consent in consents:
        withdraw_consent(consent, by=Actor(identity.user_id, identity.power))
    return parts


def carry_out_withdrawal(consent_id: int) -> None:
    """Stop what is heard under it, delete what was written, close the room. For a consent that is withdrawn; idempotent."""
    running = Session.objects.filter(
        room_session__part__consent=consent_id, state__in=Session.RUNNING
    ).values_list("pk", flat=True)
    sessions = sorted(running)
    for pk in sessions:
        _shut_out(pk)
    take_back_parts(consent_id)  # viewers see it go before they are sent away
    for pk in sessions:
        _stop(pk)
    if sessions:
        take_back_parts(consent_id)  # what was typed meanwhile


def unfinished_withdrawals() -> list[int]:
    """Consents that are withdrawn, and under which there still is text, or a key of text that copies of the database have."""
    text = Exists(Sentence.objects.filter(part=OuterRef("pk")))
    withdrawn = Part.objects.filter(consent__withdrawn_at__isnull=False)
    parts = (withdrawn.filter(text) | with_key(withdrawn.exclude(ended_at=None))).order_by()
    return list(parts.values_list("consent", flat=True).distinct())


@transaction.atomic
def _shut_out(session_id: int) -> None:
    """Its process writes nothing from now on."""
    session = locked(Session.objects.filter(pk=session_id, state__in=Session.RUNNING)).first()
    if session is None:
        return
    transaction.on_commit(partial(kill_process, session.worker, session.task_id), robust=True)
    session.generation += 1
    session.worker, session.pid = "", None
    session.save(update_fields=["generation", "worker", "pid"])


@transaction.atomic
def _stop(session_id: int) -> None:
    session = locked(Session.objects.filter(pk=session_id, state__in=Session.RUNNING)).first()
    if session is not None:
        stopped = lock_room_session(session)
        note("recording stopped: consent withdrawn", stopped)
        by = Actor(role="consent withdrawn")
        record(Action.CLOSED, stopped.room.code, by=by, part=stopped.part.number)
        stop_session(session)
