"""Writes of translation: what is to be done, by whom it was wished."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from rooms.locks import delete_in_order, update_in_order
from rooms.models import Room
from transcripts.models import Part
from translation import claims, selectors
from translation.demand import begin
from translation.engines import codes
from translation.models import Cycle, Demand, PinnedLanguage
from translation.pacing import missing
from translation.wake import bell, send_turns
from translation.work import NO_ENGINE, pace, tell_delay

FORGET_AFTER = timedelta(hours=1)
TURNS_MOST = 20
logger = logging.getLogger(__name__)


def wake_room(room_id: int) -> int:
    """Sentences came, or readers: make the demanded languages due. Returns how many turns that takes."""
    part = Part.objects.filter(room_id=room_id).order_by("-number").first()
    if part is None or part.ended_at is not None:
        return 0
    langs = {lang for lang in selectors.demanded_langs(room_id) if _is_foreign(part, lang)}
    if not langs:
        return 0
    Cycle.objects.bulk_create(
        [Cycle(room_id=room_id, lang=lang) for lang in sorted(langs)], ignore_conflicts=True
    )
    cycles = Cycle.objects.filter(room_id=room_id, part=None, lang__in=langs).exclude(last_error=NO_ENGINE)
    return claims.make_due(list(cycles.values_list("pk", flat=True)))


def complete_part(part_id: int) -> int:
    """A part ended, or a sentence of it was corrected since: have what its languages lack translated.

    Its languages: those demanded now, and those that it has translations in. Returns how many turns that takes.
    """
    part = Part.objects.filter(pk=part_id).first()
    if part is None or part.ended_at is None or not part.store:
        return 0
    return complete([part], selectors.langs_of(part) | selectors.demanded_langs(part.room_id))


def complete(parts: Iterable[Part], langs: Iterable[str]) -> int:
    """Have whole parts translated in the background. For parts that have ended."""
    wanted = [(part, lang) for part in parts for lang in set(langs) if _is_foreign(part, lang)]
    wanted.sort(
        key=lambda pair: (pair[0].pk, pair[1])
    )  # everybody inserts in one order, or waits in a circle
    Cycle.objects.bulk_create(
        [Cycle(room_id=part.room_id, part=part, lang=lang) for part, lang in wanted], ignore_conflicts=True
    )
    match = Q()
    for part, lang in wanted:
        match |= Q(part=part, lang=lang)
    return claims.make_due(list(Cycle.objects.filter(match).values_list("pk", flat=True))) if match else 0


def prepare_download(room: Room, lang: str) -> int:
    """Somebody wants the transcript in `lang`: translate what it lacks. Returns how many sentences are missing."""
    parts = list(Part.objects.filter(room=room, store=True, ended_at__isnull=False))
    lacking = [part for part in parts if count_missing(part, lang)]
    if lacking:
        send_turns(complete(lacking, [lang]))
    return sum(count_missing(part, lang) for part in lacking)


def count_missing(part: Part, lang: str) -> int:
    """How many sentences of the part have no present translation in `lang`."""
    window = selectors.whole_part(part, lang)
    return len(missing(window.spoken, window.translated))


def pin(room: Room, lang: str) -> None:
    """Translate `lang` in this room whether or not anybody reads it."""
    PinnedLanguage.objects.get_or_create(room=room, lang=lang)
    transaction.on_commit(lambda: begin(room.pk, lang))


def retry(cycles: Iterable[Cycle]) -> None:
    """Forget failures and refused texts, and try at once."""
    rooms = list(cycles)
    update_in_order(
        Cycle.objects.filter(pk__in=[row.pk for row in rooms]),
        failures=0, last_error="", refused={}, due_at=timezone.now(),
    )  # fmt: skip
    send_turns(len(rooms))
    for row in rooms:
        bell.ring("wake", row.room_id)


def sweep() -> None:
    """Repair what no wake-up told: lost messages, dead workers, expired demand; tell delays that grow."""
    now = timezone.now()
    delete_in_order(Demand.objects.filter(expires_at__lt=now - timedelta(minutes=1)))
    claims.free_lost()
    for room_id in _live_rooms():
        _repair_room(room_id)
    send_turns(min(claims.overdue(), TURNS_MOST))
    idle = Cycle.objects.filter(part=None, due_at=None, token="")
    forgotten = Q(begun_at__lt=now - FORGET_AFTER) | Q(begun_at=None, wanted_at__lt=now - FORGET_AFTER)
    delete_in_order(idle.filter(forgotten))


def _live_rooms() -> list[int]:
    demanded = Q(room__demands__expires_at__gt=timezone.now()) | Q(room__pinned_languages__isnull=False)
    return list(Part.objects.filter(demanded, ended_at=None).values_list("room_id", flat=True).distinct())


def _repair_room(room_id: int) -> None:
    cycles = {row.lang: row for row in Cycle.objects.filter(room_id=room_id, part=None)}
    newest = pace().newest
    for lang in selectors.demanded_langs(room_id):
        row = cycles.get(lang)
        if row is not None and (row.due_at is not None or row.token):
            if row.failures:
                _grow_delay(row)
            continue
        window = selectors.newest_window(room_id, lang, newest=newest)
        if row is not None and row.last_error == NO_ENGINE:
            Cycle.objects.filter(pk=row.pk).update(last_error="")  # perhaps one offers it by now
        if _is_workable(window, row):
            send_turns(wake_room(room_id))
            return


def _is_workable(window: selectors.Window, row: Cycle | None) -> bool:
    refused = {tuple(map(int, key.split(":"))) for key in row.refused} if row is not None else set()
    return any((*item.key, item.version) not in refused for item in missing(window.spoken, window.translated))


def _grow_delay(row: Cycle) -> None:
    """An engine is down: what waits grows older, and the room is told."""
    window = selectors.newest_window(row.room_id, row.lang, newest=pace().newest)
    waiting = missing(window.spoken, window.translated)
    if waiting:
        oldest = min(max(item.spoken_at, row.wanted_at.timestamp()) for item in waiting)
        Cycle.objects.filter(pk=row.pk).update(waiting_s=round(timezone.now().timestamp() - oldest, 1))
        tell_delay(row.room_id)


def _is_foreign(part: Part, lang: str) -> bool:
    """Not the spoken language, by whichever of its names."""
    return not codes.same(part.source_lang, lang)
