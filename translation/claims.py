"""Claims: which worker does what next, and the right to write its result.

One worker works on a language of a room at a time. A claim ends by itself when its worker is silent, and what
that worker sends later is refused, because its token is gone.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from rooms.locks import locked, update_in_order
from transcripts.models import Part
from translation import pacing
from translation.models import Cycle

# One lock for every choice of what is next: two workers must not choose the same.
CHOICE_LOCK = 0x50FF1F
NO_ENGINE = "no_engine"  # of Cycle.last_error: nobody makes this language


class ClaimLost(Exception):
    """Somebody else works on this by now; stop without writing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write for a cycle."""

    cycle_id: int
    token: str
    room_id: int
    lang: str
    begun_at: datetime
    cycle: Cycle = field(compare=False)  # as it was when it was claimed
    lane: str = ""  # the engine that it was claimed for


@contextmanager
def choosing() -> Iterator[None]:
    """A transaction in which no other worker chooses."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHOICE_LOCK])
        yield


def take(
    worker: str,
    *,
    most: int = 1,
    free: Mapping[str, int] | None = None,
    lane_of: Callable[[str, str], str] = lambda source, target: "",
) -> list[list[Claim]]:
    """Claim the next turns, if anything is due: at most `most`, and no more of an engine than `free` says.

    A turn is one language of one room, or several of one room that are quick.
    """
    now = timezone.now()
    with choosing():
        facts = _facts(now, lane_of)
        turns = pacing.pick(facts, now=now.timestamp(), most=most, free=free)
        if not turns:
            return []
        rows = Cycle.objects.filter(pk__in=[item.pk for turn in turns for item in turn]).order_by()
        values = {"worker": worker, "claimed_until": now + _lasts(), "begun_at": now, "due_at": None}
        token = str(uuid.uuid4())
        update_in_order(rows, token=token, **values)
        claimed = {row.pk: row for row in rows.select_related("part")}
        return [
            [Claim(item.pk, token, item.room, item.lang, now, claimed[item.pk], item.lane) for item in turn]
            for turn in turns
        ]


@contextmanager
def held(claims: Sequence[Claim]) -> Iterator[dict[int, Cycle]]:
    """A transaction with the rows locked of those claims that hold still, by their keys."""
    with transaction.atomic():
        rows = Cycle.objects.filter(pk__in=[claim.cycle_id for claim in claims])
        tokens = {claim.cycle_id: claim.token for claim in claims}
        yield {row.pk: row for row in locked(rows) if row.token == tokens[row.pk]}


def renew(claim: Claim) -> None:
    """Say that this worker still works. Raises ClaimLost."""
    mine = Cycle.objects.filter(pk=claim.cycle_id, token=claim.token)
    if not mine.update(claimed_until=timezone.now() + _lasts()):
        raise ClaimLost


def let_go(cycle: Cycle, *, in_s: float | None, patient: bool = False) -> float | None:
    """End the claim of a locked row; due again `in_s`, or earlier where it was woken meanwhile unless `patient`.

    Returns the seconds until it is due, None where it is not. The caller saves the row.
    """
    now = timezone.now()
    wanted = None if in_s is None else now + timedelta(seconds=in_s)
    woken = None if patient and wanted is not None else cycle.due_at
    cycle.due_at = min((at for at in (wanted, woken) if at is not None), default=None)
    cycle.token, cycle.worker, cycle.claimed_until = "", "", None
    return None if cycle.due_at is None else max(0.0, (cycle.due_at - now).total_seconds())


def make_due(cycles: Sequence[int]) -> int:
    """Something is to do in these cycles. Returns in how many of them.

    What is due later, for its pace or after a failure, stays so; what is being worked on is looked at after it.
    """
    return update_in_order(Cycle.objects.filter(due_at=None, pk__in=cycles), due_at=timezone.now())


def give_up(turn: Sequence[Claim]) -> None:
    """End claims whose result could not be written: what they were for is due again."""
    for claim in turn:
        Cycle.objects.filter(pk=claim.cycle_id, token=claim.token).update(
            token="", worker="", claimed_until=None, due_at=timezone.now()
        )


def free_lost(*, worker: str | None = None) -> int:
    """Make due again what dead workers had: those that are silent, or all of `worker`, which has just started."""
    now = timezone.now()
    lost = Cycle.objects.exclude(token="")
    lost = lost.filter(worker=worker) if worker else lost.filter(claimed_until__lt=now)
    return update_in_order(lost, token="", worker="", claimed_until=None, due_at=now)


def _lasts() -> timedelta:
    return timedelta(seconds=2 * settings.ENV.translation_timeout_s + 5)


def _facts(now: datetime, lane_of: Callable[[str, str], str]) -> list[pacing.Cycle]:
    """Everything in the rooms where something is due."""
    due = Cycle.objects.filter(due_at__lte=now).order_by().values("room")
    newest = Part.objects.filter(room=OuterRef("room")).order_by("-number").values("source_lang")[:1]
    names = ["pk", "room", "lang", "due_at", "begun_at", "token", "claimed_until", "part", "source", "quick"]
    rows = Cycle.objects.filter(room__in=due).order_by()
    rows = rows.annotate(source=Coalesce("part__source_lang", Subquery(newest)))
    return [
        pacing.Cycle(
            pk=pk, room=room, lang=lang,
            due_at=due_at.timestamp() if due_at else None,
            begun_at=begun_at.timestamp() if begun_at else 0.0,
            claimed=bool(token) and claimed_until is not None and claimed_until > now,
            background=part is not None,
            lane=lane_of(source or "", lang),
            quick=quick,
        )
        for pk, room, lang, due_at, begun_at, token, claimed_until, part, source, quick in rows.values_list(*names)
    ]  # fmt: skip
