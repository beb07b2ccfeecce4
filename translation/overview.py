"""Readers, translations and engines at a glance, for who looks after all rooms. A fixed number of queries."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Sum
from django.utils import timezone

from translation import chain, circuit
from translation.models import Demand, Job, PairState
from translation.quota import QUOTA
from translation.selectors import delay_s


@dataclass(frozen=True, slots=True)
class TranslationNow:
    """How a room's live translations stand. `failing`: language → code of the last error, where calls fail now.

    `stopped`: languages into which nothing is translated any more today, because the room's quota is used up.
    """

    delay_s: float | None = None
    failing: dict[str, str] = field(default_factory=dict)
    stopped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineNow:
    """An engine of this deployment. `broken_pairs`: those that are left out at present."""

    name: str
    answers: bool
    last_error: str
    broken_pairs: tuple[str, ...]


def readers_now(room_ids: Collection[int], *, now: datetime | None = None) -> dict[int, dict[str, int]]:
    """Room → language → how many read it; a few seconds old. One query. A host reads, too."""
    leased = Demand.objects.filter(room_id__in=room_ids, expires_at__gt=now or timezone.now())
    counted = leased.order_by().values("room_id", "lang").annotate(count=Sum("readers"))
    found: dict[int, dict[str, int]] = {}
    for room_id, lang, count in counted.order_by("room_id", "lang").values_list("room_id", "lang", "count"):
        found.setdefault(room_id, {})[lang] = count
    return found


def screens_now(room_ids: Collection[int], *, now: datetime | None = None) -> dict[int, dict[str, float]]:
    """Room → language → seconds from a sentence's last sound until it is on a screen: of the median reader, where some report."""
    leased = Demand.objects.filter(room_id__in=room_ids, expires_at__gt=now or timezone.now())
    said = leased.filter(screen_s__isnull=False, readers__gt=0).order_by("room_id", "lang")
    sums: dict[tuple[int, str], tuple[float, int]] = {}
    for room_id, lang, screen_s, count in said.values_list("room_id", "lang", "screen_s", "readers"):
        seconds, readers = sums.get((room_id, lang), (0.0, 0))
        sums[room_id, lang] = (seconds + (screen_s or 0.0) * count, readers + count)
    found: dict[int, dict[str, float]] = {}
    for (room_id, lang), (seconds, readers) in sums.items():
        found.setdefault(room_id, {})[lang] = round(seconds / readers, 2)
    return found


def translations_now(readers: dict[int, dict[str, int]]) -> dict[int, TranslationNow]:
    """Of the languages that somebody reads, as `readers_now` says. One query."""
    rows: dict[int, list[Job]] = {}
    jobs = Job.objects.filter(room_id__in=readers, part=None).order_by()
    for job in jobs.only("room_id", "lang", "delays", "waiting_s", "failures", "last_error"):
        if job.lang in readers[job.room_id]:
            rows.setdefault(job.room_id, []).append(job)
    return {
        room_id: TranslationNow(
            delay_s([(job.delays, job.waiting_s) for job in found]),
            {job.lang: job.last_error for job in found if job.failures and job.last_error},
            tuple(sorted(job.lang for job in found if job.last_error == QUOTA)),
        )
        for room_id, found in rows.items()
    }


def engines_now() -> list[EngineNow]:
    """The engines of this deployment, in the order in which they are asked. Two queries."""
    known, names = circuit.states(), [engine.name for engine in chain.engines()]
    broken: dict[str, list[str]] = {}
    for pair in PairState.objects.filter(engine__in=names, opened_at__isnull=False):
        broken.setdefault(pair.engine, []).append(f"{pair.source}→{pair.target}")
    return [
        EngineNow(
            name,
            circuit.answers(known.get(name)),
            known[name].last_error if name in known else "",
            tuple(broken.get(name, ())),
        )
        for name in names
    ]
