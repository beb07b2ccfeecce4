"""Claims: which worker gets which job next, and the right to write its result.

One worker works on a job at a time. A claim expires when its worker does not renew it, and what that worker writes later
is refused, because its token is gone.
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
from translation.models import Job

# One lock for choosing: two workers must not choose the same job.
CHOICE_LOCK = 0x50FF1F
NO_ENGINE = "no_engine"  # of Job.last_error: no engine offers this language


class ClaimLost(Exception):
    """The claim expired and may be another worker's; stop without writing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write for a job."""

    job_id: int
    token: str
    room_id: int
    lang: str
    begun_at: datetime
    job: Job = field(compare=False)  # as it was when it was claimed
    engine: str = ""  # that its slot was reserved of


@contextmanager
def choosing() -> Iterator[None]:
    """A transaction in which no other worker chooses."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHOICE_LOCK])
        yield


def claim_next(
    worker: str,
    *,
    most: int = 1,
    free: Mapping[str, int] | None = None,
    engine_of: Callable[[str, str, Sequence[str]], str] = lambda source, target, names: "",
) -> list[list[Claim]]:
    """Claim the next groups of jobs, if any are due: at most `most`, and per engine no more than `free` says.

    A group is one job, or several quick ones of a room. `engine_of`: by the languages, and the room's own chain.
    """
    now = timezone.now()
    with choosing():
        facts = _facts(now, engine_of)
        groups = pacing.pick(facts, now=now.timestamp(), most=most, free=free)
        if not groups:
            return []
        rows = Job.objects.filter(pk__in=[item.pk for group in groups for item in group]).order_by()
        values = {"worker": worker, "claimed_until": now + _claim_duration(), "begun_at": now, "due_at": None}
        token = str(uuid.uuid4())
        update_in_order(rows, token=token, **values)
        claimed = {row.pk: row for row in rows.select_related("part")}  # some may have gone with their part
        taken = [
            [
                Claim(item.pk, token, item.room, item.lang, now, claimed[item.pk], item.engine)
                for item in group
                if item.pk in claimed
            ]
            for group in groups
        ]
        return [group for group in taken if group]


@contextmanager
def hold(claims: Sequence[Claim]) -> Iterator[dict[int, Job]]:
    """A transaction with the rows of those claims locked that are still valid, by their keys."""
    with transaction.atomic():
        rows = Job.objects.filter(pk__in=[claim.job_id for claim in claims])
        tokens = {claim.job_id: claim.token for claim in claims}
        yield {row.pk: row for row in locked(rows) if row.token == tokens[row.pk]}


def renew(claim: Claim) -> None:
    """Renew the claim. Raises ClaimLost."""
    mine = Job.objects.filter(pk=claim.job_id, token=claim.token)
    if not mine.update(claimed_until=timezone.now() + _claim_duration()):
        raise ClaimLost


def release(job: Job, *, in_s: float | None, patient: bool = False) -> float | None:
    """End the claim of a locked row; due again `in_s`, or earlier if it was made due meanwhile, unless `patient`.

    Returns the seconds until it is due, None where it is not. The caller saves the row.
    """
    now = timezone.now()
    wanted = None if in_s is None else now + timedelta(seconds=in_s)
    woken = None if patient and wanted is not None else job.due_at
    job.due_at = min((at for at in (wanted, woken) if at is not None), default=None)
    job.token, job.worker, job.claimed_until = "", "", None
    return None if job.due_at is None else max(0.0, (job.due_at - now).total_seconds())


def make_due(jobs: Sequence[int]) -> int:
    """Make idle jobs due. Returns how many were.

    Jobs that are due later, for pacing or after a failure, stay so; claimed ones are read again at their claim's end.
    """
    return update_in_order(Job.objects.filter(due_at=None, pk__in=jobs), due_at=timezone.now())


def abandon(group: Sequence[Claim]) -> None:
    """End claims whose result could not be written: their jobs are due again."""
    for claim in group:
        Job.objects.filter(pk=claim.job_id, token=claim.token).update(
            token="", worker="", claimed_until=None, due_at=timezone.now()
        )


def release_lost(*, worker: str | None = None) -> int:
    """Make the jobs of dead workers due again: expired claims, or all of `worker`, which has just started."""
    now = timezone.now()
    lost = Job.objects.exclude(token="")
    lost = lost.filter(worker=worker) if worker else lost.filter(claimed_until__lt=now)
    return update_in_order(lost, token="", worker="", claimed_until=None, due_at=now)


def _claim_duration() -> timedelta:
    return timedelta(seconds=2 * settings.ENV.translation_timeout_s + 5)


def _facts(now: datetime, engine_of: Callable[[str, str, Sequence[str]], str]) -> list[pacing.Candidate]:
    """All jobs of the rooms where one is due."""
    due = Job.objects.filter(due_at__lte=now).order_by().values("room")
    newest = Part.objects.filter(room=OuterRef("room")).order_by("-number").values("source_lang")[:1]
    names = [
        "pk", "room", "lang", "due_at", "begun_at", "token", "claimed_until", "part", "source", "quick",
        "room__translation__engines",
    ]  # fmt: skip
    rows = Job.objects.filter(room__in=due).order_by()
    rows = rows.annotate(source=Coalesce("part__source_lang", Subquery(newest)))
    return [
        pacing.Candidate(
            pk=pk, room=room, lang=lang,
            due_at=due_at.timestamp() if due_at else None,
            begun_at=begun_at.timestamp() if begun_at else 0.0,
            claimed=bool(token) and claimed_until is not None and claimed_until > now,
            background=part is not None,
            engine=engine_of(source or "", lang, own or ()),
            quick=quick,
        )
        for pk, room, lang, due_at, begun_at, token, claimed_until, part, source, quick, own in rows.values_list(*names)
    ]  # fmt: skip
