"""Every room's session at a glance, for who looks after all of them. A fixed number of queries, none to Redis."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from django.db.models import Count, Q
from django.utils import timezone

from asr.models import Session, Worker
from asr.rooms.models import Pen, RoomSession
from asr.selectors import WORKER_LIVES_FOR
from rooms.people import personal_users

SHOWN_AFTER_ITS_END = timedelta(minutes=15)
DEATHS_COUNT_FOR_S = 300.0
HostState = Literal["connected", "away", "none"]


@dataclass(frozen=True, slots=True)
class SessionNow:
    """The newest session of a room. Ages are seconds; None: it has not happened.

    `host`: who has the host lease; empty, where it is whoever knows the shared password (`shared`).
    `delay_s` None: its process is not there to say. `deaths`: of its processes in the last minutes. `heard`: there is a host
    who is heard, else a captioner opened the room and holds it as a host would. `typed`: a captioner has the pen.
    """

    room_id: int
    session_id: int
    part_id: int
    state: str
    is_open: bool
    heard: bool
    typed: bool
    source_lang: str
    stored: bool
    host_state: HostState
    host: str
    shared: bool
    grace_left_s: float | None
    opened_s: float
    waits_s: float | None
    beat_s: float | None
    heard_s: float | None
    delay_s: float | None
    worker: str
    model: str
    device: str
    deaths: int
    last_error: str
    last_error_s: float | None


@dataclass(frozen=True, slots=True)
class WorkerNow:
    """A worker on the queue `asr`, and how many of its slots are taken."""

    name: str
    model: str
    device: str
    slots: int
    taken: int
    alive: bool


def sessions_now(*, now: datetime | None = None) -> dict[int, SessionNow]:
    """Room → its newest session, where one runs or ended a short while ago. Four queries."""
    now = now or timezone.now()
    shown = Q(session__state__in=Session.RUNNING) | Q(session__closed_at__gt=now - SHOWN_AFTER_ITS_END)
    newest = RoomSession.objects.filter(shown).order_by("room_id", "-session_id").distinct("room_id")
    rows = list(newest.select_related("session", "part__owner"))
    workers = {worker.name: worker for worker in Worker.objects.all()}
    personal = personal_users(row.part.owner_id for row in rows if row.part.owner_id)
    pens = Pen.objects.filter(room__in=[row.room_id for row in rows], released_at=None, expires_at__gt=now)
    typed = set(pens.values_list("room_id", flat=True))
    return {row.room_id: _now(row, workers.get(row.session.worker), personal, typed, now) for row in rows}


def workers_now(*, now: datetime | None = None) -> list[WorkerNow]:
    """Every worker that is known, by name. Two queries."""
    alive_from = (now or timezone.now()) - WORKER_LIVES_FOR
    served = Session.objects.filter(state__in=Session.OPEN).order_by().values("worker")
    taken = dict(served.annotate(sessions=Count("pk")).values_list("worker", "sessions"))
    return [
        WorkerNow(
            row.name, row.model, row.device, row.slots, taken.get(row.name, 0), row.beat_at > alive_from
        )
        for row in Worker.objects.all()
    ]


def _now(
    row: RoomSession,
    worker: Worker | None,
    personal: Collection[int],
    typed: Collection[int],
    now: datetime,
) -> SessionNow:
    session, owner = row.session, row.part.owner
    is_open = session.state in Session.OPEN
    heard = session.kind != Session.Kind.TYPED
    ready = session.state in (Session.State.LIVE, Session.State.CLOSING) and session.pid is not None
    is_person = owner is not None and owner.pk in personal
    since = now.timestamp() - DEATHS_COUNT_FOR_S
    return SessionNow(
        room_id=row.room_id,
        session_id=row.pk,
        part_id=row.part_id,
        state=session.state,
        is_open=is_open,
        heard=heard,
        typed=row.room_id in typed,
        source_lang=session.source_lang,
        stored=row.part.store,
        host_state=_host_state(row, is_open=is_open),
        host=(owner.get_full_name() or owner.get_username()) if owner and is_person else "",
        shared=not is_person,
        grace_left_s=max(0.0, (row.grace_until - now).total_seconds()) if row.grace_until else None,
        opened_s=_age_s(session.created_at, now) or 0.0,
        waits_s=None if ready or not is_open or not heard else _age_s(session.queued_at, now),
        beat_s=_age_s(session.beat_at, now) if session.pid is not None else None,
        heard_s=_age_s(session.heard_at, now),
        delay_s=session.delay_s if ready else None,
        worker=session.worker,
        model=worker.model if worker else "",
        device=worker.device if worker else "",
        deaths=sum(at > since for at in session.deaths),
        last_error=row.last_error,
        last_error_s=_age_s(row.last_error_at, now),
    )


def _host_state(row: RoomSession, *, is_open: bool) -> HostState:
    if not is_open:
        return "none"
    return "connected" if row.host_seen_at is not None else "away"


def _age_s(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else max(0.0, (now - at).total_seconds())
