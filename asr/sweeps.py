"""What no signal reported about sessions: silent or stuck processes, lost tasks, and what their kinds look for."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from asr.audio_log import AudioLog
from asr.kinds import all_kinds, kind_of
from asr.leases import Lease, LeaseLost, held, is_stale, start_next_generation
from asr.models import Session, Sweep
from asr.placement import is_queued, kill_process, request_process
from asr.selectors import live_workers
from asr.sessions import finish_session
from rooms.locks import locked

ASKED_AGAIN_AFTER = timedelta(seconds=5)  # asked for, not taken and not in the queue: the broker lost it
# Taken by a worker that lives, for a process that had loaded its model. Should that have died, the next may take longer: then its
# task is another.
STARTED_WITHIN = timedelta(seconds=30)
WAITING_REPORTED_AFTER = timedelta(seconds=5)
PAUSED_AFTER = timedelta(seconds=6)  # three sweeps are missing
GIVEN_UP_AFTER = timedelta(minutes=10)  # closing, and no process takes it: nobody waits for its text any more
logger = logging.getLogger(__name__)


def sweep() -> None:
    """Find it and repair it."""
    resumed_at = _note_sweep()
    for session in Session.objects.filter(state__in=Session.RUNNING):
        try:
            _sweep_session(session, resumed_at)
        except Exception:
            # One session that cannot be repaired must not keep the others from it.
            logger.exception("session not swept", extra={"session": session.pk})
    for kind in all_kinds():
        kind.sweep_all()


@transaction.atomic
def _note_sweep() -> datetime | None:
    """When sweeping went on after its newest pause, if there ever was one."""
    now = timezone.now()
    Sweep.objects.get_or_create(pk=1, defaults={"at": now})
    row = locked(Sweep.objects.filter(pk=1)).get()
    if row.at < now - PAUSED_AFTER:
        row.resumed_at = now
    row.at = now
    row.save(update_fields=["at", "resumed_at"])
    return row.resumed_at


def _sweep_session(session: Session, resumed_at: datetime | None) -> None:
    lease = Lease(session.pk, session.generation)
    if kind_of(session).must_stop(session):
        return
    if not kind_of(session).needs_process:
        pass  # nobody serves it
    elif session.pid is not None:
        # It has not beaten since before the pause: what kept the sweeps away kept it from beating, or killed it.
        by_outage = session.beat_at is not None and resumed_at is not None and session.beat_at < resumed_at
        if _is_silent(session, by_outage=by_outage) or _is_stuck(session):
            kill_process(session.worker, session.task_id)
            start_next_generation(lease, died=not by_outage)
    elif _is_given_up(session):
        _give_up(lease)
    else:
        _ensure_process(session)
    kind_of(session).sweep(session)


def _ensure_process(session: Session) -> None:
    """No process serves it yet. Its generation stays, and with it its task: another would only queue behind it."""
    now = timezone.now()
    if session.worker:
        if _is_task_lost(session):
            # In this order: a worker never runs a revoked task, so that generation must be over by then.
            start_next_generation(Lease(session.pk, session.generation), died=False)
            kill_process(session.worker, session.task_id)
    elif session.queued_at < now - ASKED_AGAIN_AFTER and is_queued(session) is False:
        request_process(session.pk, session.generation)
    if session.state in Session.OPEN and session.queued_at < now - WAITING_REPORTED_AFTER:
        kind_of(session).waiting(session)


def _is_task_lost(session: Session) -> bool:
    """A worker reserved its task, and has gone or has found no process for it."""
    if session.beat_at is None or session.beat_at < timezone.now() - STARTED_WITHIN:
        return True
    return session.worker not in live_workers()


def _is_silent(session: Session, *, by_outage: bool) -> bool:
    """Stale twice, a sweep apart; after a pause of the sweeps every lease is stale, and all have time to beat again."""
    now = timezone.now()
    if not is_stale(session):
        return False
    if session.suspect_at is None:
        Session.objects.filter(pk=session.pk, generation=session.generation).update(suspect_at=now)
        return False
    patience_s = settings.ENV.asr_beat_stale_s if by_outage else 1
    return session.suspect_at < now - timedelta(seconds=patience_s)


def _is_stuck(session: Session) -> bool:
    """It answers, but audio time stands still while audio waits."""
    limit = timezone.now() - timedelta(seconds=settings.ENV.asr_stuck_s)
    if is_stale(session) or not session.audio_waits:
        return False
    return session.progress_at is not None and session.progress_at < limit


def _is_given_up(session: Session) -> bool:
    if session.state != Session.State.CLOSING or session.progress_at is None:
        return False
    return session.progress_at < timezone.now() - GIVEN_UP_AFTER


def _give_up(lease: Lease) -> None:
    try:
        with held(lease) as session:
            logger.error(
                "closing session given up",
                extra={"session": session.pk, **kind_of(session).log_fields(session)},
            )
            finish_session(session, state=Session.State.FAILED)
            log = AudioLog(settings.REDIS_URL, session.audio_key)
            transaction.on_commit(log.delete, robust=True)
    except LeaseLost:
        return
