"""Sessions for tests: rooms with hosts, workers that live, leases that are held."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from asr.audio_log import AudioLog
from asr.leases import Lease, announce_ready, claim
from asr.models import Session, Worker
from asr.rooms.models import RoomSession
from asr.rooms.services import HostLease, HostRequest, join_as_host
from asr.session_keys import session_cipher
from rooms.models import Room
from rooms.tests.make import room as make_room
from transcripts.models import Part
from transcripts.services import PartTerms, open_part

TERMS = PartTerms("en", store=True, public=True, owner_id=None)
KEY = "a" * 64


def slots(count: int) -> None:
    """So many rooms may be open, by a worker that lives as long as the test takes: nothing renews its beat."""
    Worker.objects.update_or_create(
        name="asr@test",
        defaults={"slots": count, "model": "base", "device": "cpu", "beat_at": beat_for_a_test()},
    )


def beat_for_a_test() -> datetime:
    """A worker's beat that is young however slowly the test goes on."""
    return timezone.now() + timedelta(hours=1)


def join(
    room: Room | str,
    *,
    terms: PartTerms = TERMS,
    connection_id: str = "",
    key: str = KEY,
    is_admin: bool = False,
) -> HostLease:
    """A host takes its lease; a code that is no room yet becomes one."""
    if isinstance(room, str):
        room = Room.objects.filter(code=room).first() or make_room(room)
    if not Worker.objects.exists():
        slots(9)
    return join_as_host(HostRequest(room.code, terms, connection_id, key, is_admin))


def served(host_lease: HostLease, *, pid: int = 4711) -> Lease:
    """The host lease's session is served by a process that is ready."""
    session = Session.objects.get(pk=host_lease.session_id)
    lease = Lease(session.pk, session.generation)
    claim(lease, worker="asr@test", pid=pid)
    announce_ready(lease)
    return lease


def session_of(host_lease: HostLease) -> Session:
    return Session.objects.get(pk=host_lease.session_id)


def room_session_of(host_lease: HostLease) -> RoomSession:
    return RoomSession.objects.select_related("session", "room", "part").get(pk=host_lease.session_id)


def bare_session(room: Room, *, part: Part | None = None, host: str = "", **fields: Any) -> RoomSession:
    """The rows of a room's session, as no service made them."""
    values: dict[str, Any] = {"state": "live", "source_lang": "en", **fields}
    session = Session.objects.create(**values)
    if part is None:
        part = open_part(room=room, terms=replace(TERMS, source_lang=session.source_lang))
    is_open = session.state in Session.OPEN
    return RoomSession.objects.create(
        session=session, room=room, part=part, is_open=is_open, host_connection_id=host
    )


def aged(host_lease: HostLease, **ages_s: float) -> None:
    """Set times of the session's rows this many seconds into the past."""
    now = timezone.now()
    for name, age_s in ages_s.items():
        model = RoomSession if name in ("host_seen_at", "grace_until") else Session
        model._default_manager.filter(pk=host_lease.session_id).update(
            **{name: now - timedelta(seconds=age_s)}
        )


def log_of(host_lease: HostLease, redis_url: str = "") -> AudioLog:
    """The session's audio log, as its host's socket writes it."""
    cipher = session_cipher(host_lease.session_id)
    return AudioLog(redis_url or settings.REDIS_URL, str(host_lease.session_id), cipher=cipher)


def break_connection() -> None:
    """PostgreSQL ends this thread's connection, as its restart would."""
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    finally:
        other.close()
