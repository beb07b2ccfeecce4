"""Consent: who allowed what, by which wording, when. Rows are added and withdrawn, never changed and never deleted.

Whoever starts to process sound asks first, shows a wording of rooms/wordings.py, and records the answer here; what is then
made from the sound names the consent that it rests on (a part: `Part.consent`).
"""

import logging
from dataclasses import dataclass
from functools import partial

from django.db import transaction
from django.utils import timezone

from rooms.audit import Action, Actor, record
from rooms.errors import Forbidden
from rooms.locks import update_in_order
from rooms.models import Consent, Room
from rooms.signals import consent_withdrawn
from rooms.wordings import Wording

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answers:
    """What somebody allowed. Text that is not kept cannot be everybody's afterwards, but a live one can."""

    keep_text: bool
    public: bool


def record_consent(*, room: Room | None, user_id: int | None, answers: Answers, wording: Wording) -> Consent:
    """Write down that this user was shown `wording` and answered so: their sound may be processed.

    `room` None: it is not about a room. `user_id` None: nobody knows who it was.
    """
    consent = Consent.objects.create(
        user_id=user_id,
        event_id=room.event_id if room else None,
        room=room,
        room_code=room.code if room else "",
        keep_text=answers.keep_text,
        public=answers.public,
        wording=wording.name,
        wording_version=wording.version,
        wording_lang=wording.lang,
        wording_sha256=wording.sha256,
    )
    logger.info("consent recorded", extra={"room": consent.room_code, "consent": consent.pk})
    return consent


@transaction.atomic
def withdraw_consent(consent: Consent, *, by: Actor) -> bool:
    """From now on it allows nothing; False: it did not before. What was made under it is deleted behind the commit."""
    given = Consent.objects.filter(pk=consent.pk, withdrawn_at=None)
    if not update_in_order(given, withdrawn_at=timezone.now()):
        return False
    record(Action.WITHDRAWN, consent.room_code, by=by, consent=consent.pk)
    logger.info("consent withdrawn", extra={"room": consent.room_code, "consent": consent.pk})
    send = partial(consent_withdrawn.send_robust, sender=Consent, consent_id=consent.pk)
    transaction.on_commit(send, robust=True)
    return True


def usable_consent(consent_id: int, *, room: Room, user_id: int | None) -> Consent:
    """This user's own consent for this room, not withdrawn. Raises Forbidden (`no_consent`)."""
    consent = Consent.objects.filter(pk=consent_id, room=room, withdrawn_at=None).first()
    if consent is None or user_id is None or consent.user_id != user_id:
        raise Forbidden("no_consent", room=room.code)
    return consent
