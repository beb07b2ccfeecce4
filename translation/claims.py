"""Claims: which worker does what next, and the right to write its result.

One worker works on a language of a room at a time. A claim ends by itself when its worker is silent, and what
that worker sends later is refused, because its token is gone.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from rooms.locks import locked, update_in_order
from translation import pacing
from translation.models import Cycle

# One lock for every choice of what is next: two workers must not choose the same.
CHOICE_LOCK = 0x50FF1F
SERVED_LATELY = timedelta(minutes=1)


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


def take(worker: str) -> Claim | None:
    """Claim what is next, if anything is due."""
    now = timezone.now()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHOICE_LOCK])
        due = Cycle.objects.filter(due_at__lte=now).values("room")
        rows = {row.pk: row for row in Cycle.objects.select_related("part").filter(room__in=due)}
        chosen = pacing.pick([_facts(row, now) for row in rows.values()], now=now.timestamp())
        if chosen is None:
            return None
        row = rows[chosen.pk]
        claim = Claim(row.pk, str(uuid.uuid4()), row.room_id, row.lang, now, row)
        Cycle.objects.filter(pk=row.pk).update(
            token=claim.token, worker=worker, claimed_until=now + _lasts(), begun_at=now, due_at=None
        )
        return claim


@contextmanager
def held(claim: Claim) -> Iterator[Cycle]:
    """A transaction with the cycle's row locked. Raises ClaimLost."""
    with transaction.atomic():
        row = locked(Cycle.objects.filter(pk=claim.cycle_id, token=claim.token)).first()
        if row is None:
            raise ClaimLost
        yield row


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
    """Something is to do in these cycles. Returns how many turns that takes.

    What is due later, for its pace or after a failure, stays so; what is being worked on goes on after it.
    """
    now = timezone.now()
    idle = Cycle.objects.filter(due_at=None, pk__in=cycles)
    with transaction.atomic():
        tokens = {row.pk: row.token for row in locked(idle.only("pk", "token"))}
        Cycle.objects.filter(pk__in=tokens).update(due_at=now)
    return sum(not token for token in tokens.values())


def free_lost(*, worker: str | None = None) -> int:
    """Make due again what dead workers had: those that are silent, or all of `worker`, which has just started."""
    now = timezone.now()
    lost = Cycle.objects.exclude(token="")
    lost = lost.filter(worker=worker) if worker else lost.filter(claimed_until__lt=now)
    return update_in_order(lost, token="", worker="", claimed_until=None, due_at=now)


def overdue() -> int:
    """How many cycles wait for a worker longer than any queue in order lets them."""
    late = timezone.now() - timedelta(seconds=0.5)
    return Cycle.objects.filter(due_at__lt=late, token="").count()


def _lasts() -> timedelta:
    return timedelta(seconds=2 * settings.ENV.translation_timeout_s + 5)


def _facts(row: Cycle, now: datetime) -> pacing.Cycle:
    return pacing.Cycle(
        pk=row.pk, room=row.room_id, lang=row.lang,
        due_at=row.due_at.timestamp() if row.due_at else None,
        begun_at=row.begun_at.timestamp() if row.begun_at else 0.0,
        claimed=bool(row.token) and row.claimed_until is not None and row.claimed_until > now,
        background=row.part_id is not None,
    )  # fmt: skip
