"""Which jobs are due, found in the database: no message is needed to remember a sentence."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from transcripts.models import Part, Track
from translation import claims, services
from translation.engines import codes
from translation.models import Demand, Job, PinnedLanguage

ENDED_LATELY = timedelta(hours=1)
SEEN_MOST = 10_000


def find() -> int:
    """Make every job due that lacks translations, in live rooms and in recently ended parts. Returns how many."""
    _add_missing_jobs()
    found = find_spoken()
    for part_id in ended.unseen():
        found += services.complete_part(part_id)
        ended.mark_seen(part_id)
    return found


def find_spoken() -> int:
    """Make the demanded jobs due of rooms where sentences were committed or corrected since they were last read."""
    spoken = Part.objects.filter(room=OuterRef("room")).order_by().values("source_lang")
    versions = Track.objects.filter(room=OuterRef("room"), lang__in=spoken).order_by().values("room")
    newest = Part.objects.filter(room=OuterRef("room")).order_by("-number")
    idle = (
        Job.objects.filter(_is_demanded(), part=None, due_at=None, token="")
        .exclude(last_error=claims.NO_ENGINE)
        .order_by()
        .annotate(
            spoken_version=Coalesce(Subquery(versions.annotate(total=Sum("version")).values("total")), 0),
            source=Subquery(newest.values("source_lang")[:1]),
            is_open=Exists(Part.objects.filter(room=OuterRef("room"), ended_at=None)),
        )
        .filter(is_open=True)
        .exclude(spoken_version=F("seen_version"))  # less, where a part in another language was deleted
        .exclude(source=F("lang"))
    )
    found = list(idle.values_list("pk", flat=True))
    return claims.make_due(found) if found else 0


def _add_missing_jobs() -> None:
    """A job for each demanded or pinned language of a live room, except the spoken one under any of its codes."""
    here = Job.objects.filter(room=OuterRef("room"), lang=OuterRef("lang"), part=None)
    newest = Part.objects.filter(room=OuterRef("room")).order_by("-number")

    def missing(rows: QuerySet[Demand] | QuerySet[PinnedLanguage]) -> list[tuple[int, str, str]]:
        lacking = rows.filter(~Exists(here), room__parts__ended_at=None, room__parts__isnull=False).order_by()
        lacking = lacking.annotate(source=Subquery(newest.values("source_lang")[:1]))
        return list(lacking.values_list("room_id", "lang", "source").distinct())

    leased = Demand.objects.filter(expires_at__gt=timezone.now())
    wanted = {*missing(leased), *missing(PinnedLanguage.objects.all())}
    rows = [
        Job(room_id=room_id, lang=lang)
        for room_id, lang, source in sorted(wanted)
        if not codes.same(source, lang)
    ]
    if rows:
        Job.objects.bulk_create(rows, ignore_conflicts=True)


def _is_demanded() -> Q:
    leased = Demand.objects.filter(
        room=OuterRef("room"), lang=OuterRef("lang"), expires_at__gt=timezone.now()
    )
    pinned = PinnedLanguage.objects.filter(room=OuterRef("room"), lang=OuterRef("lang"))
    return Q(Exists(leased)) | Q(Exists(pinned))


class _Ended:
    """Recently ended parts, and which of them this process has read.

    A later correction completes its part itself (`apps.py`).
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[int, None] = OrderedDict()

    def unseen(self) -> list[int]:
        """The parts to read."""
        lately = Part.objects.filter(ended_at__gt=timezone.now() - ENDED_LATELY, store=True).order_by("pk")
        return [pk for pk in lately.values_list("pk", flat=True) if pk not in self._seen]

    def mark_seen(self, part_id: int) -> None:
        """Remember that it was read."""
        self._seen[part_id] = None
        while len(self._seen) > SEEN_MOST:
            self._seen.popitem(last=False)


ended = _Ended()
