"""Reads of sessions and workers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import FloatField, QuerySet, Sum, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.utils import timezone

from asr.models import PastCounters, Session, Worker

WORKER_LIVES_FOR = timedelta(seconds=10)


def counter_totals(names: Sequence[str]) -> dict[str, float]:
    """What all sessions counted, those included whose rows are deleted. One query: one moment."""

    def sums(model: type[Session] | type[PastCounters]) -> QuerySet[Any, Any]:
        each = {f"sum_{name}": Sum(Cast(KeyTextTransform(name, "counters"), FloatField())) for name in names}
        rows = model._default_manager.order_by().values(everything=Value(1)).annotate(**each)
        return rows.values_list(*each)

    rows = list(sums(Session).union(sums(PastCounters), all=True))
    return {name: sum(row[column] or 0.0 for row in rows) for column, name in enumerate(names)}


def max_active_rooms() -> int:
    """Slots of the workers that live and are not about to end."""
    return taking_workers().aggregate(slots=Sum("slots"))["slots"] or 0


def live_workers() -> set[str]:
    """Names of the workers that live."""
    return set(_alive().values_list("name", flat=True))


def live_models() -> set[str]:
    """Models that the workers that live serve."""
    return set(_alive().values_list("model", flat=True))


def taking_workers(*, said_within: timedelta = WORKER_LIVES_FOR) -> QuerySet[Worker]:
    """Workers that live and take sessions."""
    return Worker.objects.filter(beat_at__gt=timezone.now() - said_within, drains_until=None)


def drains_until(worker: str) -> datetime | None:
    """When the sessions of this worker are to be elsewhere; None: it stays."""
    return Worker.objects.filter(name=worker).values_list("drains_until", flat=True).first()


def turn_of(session: Session) -> float:
    """0 for the first of its worker's sessions, towards 1 for the last one."""
    served = list(
        Session.objects.filter(worker=session.worker, state__in=Session.RUNNING)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    return served.index(session.pk) / len(served) if session.pk in served else 0.0


def _alive() -> QuerySet[Worker]:
    return Worker.objects.filter(beat_at__gt=timezone.now() - WORKER_LIVES_FOR)
