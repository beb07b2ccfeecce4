"""How sessions of rooms differ from others: viewers and the host are informed, and the text has an end."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from django.core.cache import cache
from django.db import transaction
from redis.exceptions import RedisError

from asr.kinds import SessionKind, Vocabulary
from asr.leases import Lease, LeaseLost, held
from asr.models import Session
from asr.rooms import sweeps
from asr.rooms.ending import lock_room_session, part_closes, part_finished, stop_recording
from asr.rooms.last_error import note_error
from asr.rooms.models import RoomSession
from asr.rooms.pen import end_expired_pen
from asr.rooms.state import publish_state
from asr.rooms.withdrawal import carry_out_withdrawal, unfinished_withdrawals
from asr.sessions import finish_session
from rooms.glossary import parse
from transcripts import live
from transcripts.events import EngineReady, HostError
from transcripts.room_state import note_delay

WAITING_REPORTED_EVERY_S = 60
if TYPE_CHECKING:  # a process alone needs the libraries behind them
    from asr.sinks.sink import Sink

logger = logging.getLogger(__name__)


class RoomKind(SessionKind):
    """See `SessionKind`."""

    speaker_returns = True
    has_standby = True

    def ready(self, session: Session) -> None:
        """The host may speak."""
        room_id = _of(session).room_id
        publish_state(room_id)
        transaction.on_commit(partial(live.publish_room, room_id, EngineReady(session.pk)))

    def beaten(self, session: Session) -> None:
        """Viewers may know how late text is."""
        if session.state == Session.State.LIVE:
            note_delay(room_id=_of(session).room_id, session=session.pk, delay_s=session.delay_s)

    def closing(self, session: Session, *, by: str) -> None:
        """Inform host and viewers."""
        part_closes(session, by=by)

    def finished(self, session: Session) -> None:
        """The part ends, and the room with its last one."""
        part_finished(session)

    def failed(self, session: Session) -> None:
        """The host reads why the room closes."""
        failed = lock_room_session(session)
        note_error(session.pk, "asr_failed")
        if failed.closed_to_viewers_at is None:
            error = HostError("asr_failed")
            transaction.on_commit(partial(live.publish_room, failed.room_id, error))

    def waiting(self, session: Session) -> None:
        """The host reads why nothing is transcribed: when it comes, then now and then, not with every sweep."""
        waiting = _of(session)
        reported = f"waiting-reported-{session.pk}-{waiting.host_connection_id}"
        try:
            first = cache.add(reported, value=True, timeout=WAITING_REPORTED_EVERY_S)
        except RedisError:
            return  # the host could not be informed either
        if first:
            room = waiting.room
            logger.warning("waits for a process", extra={"session": session.pk, "room": room.code})
            note_error(session.pk, "waiting_for_engine")
            live.publish_room(room.pk, HostError("waiting_for_engine"))

    def must_stop(self, session: Session) -> bool:
        """The speaker does not want to be recorded, or not any more."""
        part = _of(session).part
        if part.room.do_not_record:
            stop_recording(part.room_id)
        elif part.consent is not None and part.consent.withdrawn_at is not None:
            carry_out_withdrawal(part.consent.pk)
        else:
            return False
        return True

    def sweep(self, session: Session) -> None:
        """Hosts that are gone, grace that is over, viewers that have stayed long enough."""
        sweeps.sweep_host(session)
        end_expired_pen(_of(session).room_id)
        sweeps.sweep_viewers(_of(session).room_id)

    def sweep_all(self) -> None:
        """Text that was not to be stored, or must not be any more."""
        sweeps.sweep_unstored()
        for consent_id in unfinished_withdrawals():
            carry_out_withdrawal(consent_id)

    def log_fields(self, session: Session) -> dict[str, object]:
        """The room."""
        return {"room": _of(session).room.code}

    def sink(self, lease: Lease, session: Session, channel: str, wait: Callable[[float], None]) -> Sink:
        """Sentences are rows of the part."""
        from asr.sinks.transcript import TranscriptSink

        return TranscriptSink(lease, _of(session).part, wait=wait)

    def vocabulary(self, session: Session) -> Vocabulary:
        """What the schedule says of the talk."""
        room = _of(session).room
        return Vocabulary(
            title=room.title,
            abstract=room.abstract,
            speakers=tuple(room.presenters),
            glossary=tuple(term.text for term in parse(room.glossary).terms),
        )


class TypedKind(RoomKind):
    """A room that a captioner opened: nobody is heard, so no process ends it."""

    needs_process = False

    def sweep(self, session: Session) -> None:
        """Who has left, and what is closing: nothing more is to be written there."""
        super().sweep(session)
        with contextlib.suppress(LeaseLost), held(Lease(session.pk, session.generation)) as running:
            if running.state == Session.State.CLOSING:
                finish_session(running)

    def sweep_all(self) -> None:
        """The kind `room` does it."""


def _of(session: Session) -> RoomSession:
    """What never changes of the session's room."""
    return RoomSession.objects.select_related("room", "part__room", "part__consent").get(pk=session.pk)
