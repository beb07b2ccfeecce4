"""Writes of translation: jobs, pinned languages, sweeps."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from rooms.locks import delete_in_order, locked, update_in_order
from rooms.models import Room
from transcripts.models import Part
from translation import claims, quota, selectors
from translation.demand import begin
from translation.engines import codes
from translation.models import Demand, Job, PinnedLanguage
from translation.pacing import missing
from translation.plan import pace
from translation.store import publish_delay
from translation.wake import wake_up

DELETE_AFTER = timedelta(hours=1)
logger = logging.getLogger(__name__)


def complete_part(part_id: int) -> int:
    """A part ended, or a sentence of it was corrected since: translate what is missing in the background.

    In the languages demanded now, and those that it has translations in. Returns in how many.
    """
    part = Part.objects.filter(pk=part_id).first()
    if part is None or part.ended_at is None or not part.store:
        return 0
    return complete([part], selectors.langs_of(part) | selectors.demanded_langs(part.room_id))


def complete(parts: Iterable[Part], langs: Iterable[str]) -> int:
    """Translate whole parts in the background. For parts that have ended."""
    wanted = [(part, lang) for part in parts for lang in set(langs) if _is_foreign(part, lang)]
    wanted.sort(key=lambda pair: (pair[0].pk, pair[1]))  # one order for all inserts
    with transaction.atomic():
        rooms = Room.objects.filter(pk__in={part.room_id for part, _ in wanted}).only("pk")
        list(
            locked(rooms)
        )  # a deletion of a part holds its room's lock: it is over, or waits for this commit
        there = set(Part.objects.filter(pk__in={part.pk for part, _ in wanted}).values_list("pk", flat=True))
        wanted = [(part, lang) for part, lang in wanted if part.pk in there]
        Job.objects.bulk_create(
            [Job(room_id=part.room_id, part=part, lang=lang) for part, lang in wanted],
            ignore_conflicts=True,
        )
    match = Q()
    for part, lang in wanted:
        match |= Q(part=part, lang=lang)
    return claims.make_due(list(Job.objects.filter(match).values_list("pk", flat=True))) if match else 0


def prepare_download(room: Room, lang: str) -> int:
    """Translate what a transcript in `lang` lacks. Returns how many sentences are missing."""
    parts = list(Part.objects.filter(room=room, store=True, ended_at__isnull=False))
    lacking = [part for part in parts if count_missing(part, lang)]
    if lacking:
        complete(lacking, [lang])
        wake_up.notify()
    return sum(count_missing(part, lang) for part in lacking)


def count_missing(part: Part, lang: str) -> int:
    """How many sentences of the part have no current translation in `lang`."""
    window = selectors.whole_part(part, lang)
    return len(missing(window.spoken, window.translated))


def pin(room: Room, lang: str) -> None:
    """Translate `lang` in this room whether or not anybody reads it."""
    PinnedLanguage.objects.get_or_create(room=room, lang=lang)
    transaction.on_commit(lambda: begin(room.pk, lang))


def retry(jobs: Iterable[Job]) -> None:
    """Clear failures and refused texts, and try at once."""
    update_in_order(
        Job.objects.filter(pk__in=[row.pk for row in jobs]),
        failures=0, last_error="", refused={}, translated_versions={}, due_at=timezone.now(),
    )  # fmt: skip
    wake_up.notify()


def sweep() -> None:
    """Expired claims and demand, jobs that an engine may serve by now, growing delays, stale jobs."""
    now = timezone.now()
    delete_in_order(Demand.objects.filter(expires_at__lt=now - timedelta(minutes=1)))
    claims.release_lost()
    live = Job.objects.filter(part=None).order_by()
    unmade = live.filter(last_error=claims.NO_ENGINE, due_at=None, token="")
    update_in_order(unmade, last_error="", seen_version=0)
    for row in live.filter(failures__gt=0):
        _grow_delay(row)
    idle = live.filter(due_at=None, token="")
    stale = Q(begun_at__lt=now - DELETE_AFTER) | Q(begun_at=None, demanded_at__lt=now - DELETE_AFTER)
    delete_in_order(idle.filter(stale))
    quota.forget()


def _grow_delay(row: Job) -> None:
    """An engine is down: publish the age of what waits."""
    window = selectors.newest_window(row.room_id, row.lang, newest=pace().newest)
    waiting = missing(window.spoken, window.translated)
    if waiting:
        oldest = min(max(item.spoken_at, row.demanded_at.timestamp()) for item in waiting)
        Job.objects.filter(pk=row.pk).update(waiting_s=round(timezone.now().timestamp() - oldest, 1))
        publish_delay(row.room_id)


def _is_foreign(part: Part, lang: str) -> bool:
    """Not the spoken language, by whichever of its names."""
    return not codes.same(part.source_lang, lang)
