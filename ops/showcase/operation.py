"""What changes all the time while a conference runs: signs of life, readers, engines that answer. Told again and again."""

from __future__ import annotations

from django.utils import timezone

from asr.models import Session, Worker
from asr.rooms.models import RoomSession
from rooms.models import Room
from translation import chain
from translation.demand import lease
from translation.models import EngineState, Job

READERS = {"LIVE": {"en": 41, "de": 87, "fr": 12, "ar": 3}, "FUNKE": {"de": 9, "en": 14}}
WEB = "web@showcase"


def tick() -> None:
    """As of now, everything is well but for what the talks' states say."""
    now = timezone.now()
    Worker.objects.update(beat_at=now)
    EngineState.objects.bulk_create(
        [EngineState(name=engine.name, answered_at=now) for engine in chain.engines()],
        update_conflicts=True, unique_fields=["name"], update_fields=["answered_at"],
    )  # fmt: skip
    served = Session.objects.filter(state=Session.State.LIVE)
    served.update(beat_at=now, heard_at=now, delay_s=1.4)
    RoomSession.objects.filter(session__in=served, grace_until=None).update(host_seen_at=now)
    rooms = dict(Room.objects.filter(code__in=READERS).values_list("code", "pk"))
    lease(WEB, {(rooms[code], lang): n for code in rooms for lang, n in READERS[code].items()})
    Job.objects.filter(room__in=rooms.values()).update(delays=[[now.timestamp(), 0.9]], due_at=None)
