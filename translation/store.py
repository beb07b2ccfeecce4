"""The end of a turn: what came is stored with the rows of its languages, in one transaction that proves the claims."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from django.db import transaction
from django.utils import timezone

from rooms.locks import update_in_order
from transcripts import live
from transcripts.events import Delays
from transcripts.models import Part
from transcripts.services import Translation, add_translations_by_lang
from translation import claims, pacing, selectors
from translation.claims import NO_ENGINE, Claim
from translation.models import Cycle
from translation.plan import Plan, Result, batch_most, pace
from translation.wake import bell

REFUSED_KEPT = 40
RETRY_MOST_S = 1.5
TELL_EVERY_S, TOLD_MOST = 1.0, 1000
Delay = list[float]  # unix time, seconds
_told_at: dict[int, float] = {}
logger = logging.getLogger(__name__)


def write(turn: Sequence[Claim], plans: Mapping[int, Plan], results: Mapping[int, Result]) -> float | None:
    """Store what came and let go. Returns the seconds until something of it is due, None where nothing is."""
    due_s = []
    with claims.held(turn) as cycles:
        stored = _store(cycles, plans, results)
        for pk, cycle in cycles.items():
            due_s.append(_finish(cycle, plans[pk], results.get(pk), stored.get(pk, [])))
        if any(stored.values()) or any(result.error for result in results.values()):
            transaction.on_commit(partial(tell_delay, turn[0].room_id))
    if len(cycles) < len(turn):
        logger.warning("claim lost", extra={"room": turn[0].room_id})
    return min((seconds for seconds in due_s if seconds is not None), default=None)


def tell_delay(room_id: int, *, clock: Callable[[], float] = time.monotonic) -> None:
    """Tell the room how far translations are behind, once a second: each telling is a chunk to every viewer."""
    now = clock()
    if now - _told_at.get(room_id, float("-inf")) < TELL_EVERY_S:
        return
    if len(_told_at) > TOLD_MOST:
        _told_at.clear()
    _told_at[room_id] = now
    delay_s = selectors.room_delay_s(room_id)
    if delay_s is not None:
        live.publish_room(room_id, Delays(translation_s=delay_s))


def wake_failing() -> None:
    """An engine is back: whoever waits for one goes on at once."""
    failing = Cycle.objects.filter(failures__gt=0, due_at__isnull=False, token="")
    if update_in_order(failing, due_at=timezone.now()):
        bell.ring()


def _store(
    cycles: Mapping[int, Cycle], plans: Mapping[int, Plan], results: Mapping[int, Result]
) -> dict[int, list[Delay]]:
    """Write the translations; returns for each cycle the delays of those that were new to somebody who waited."""
    by_part: dict[int, dict[int, list[Translation]]] = defaultdict(dict)
    parts: dict[int, Part] = {}
    for pk in cycles.keys() & results.keys():
        for item, text in results[pk].translated:
            part_id, index = item.key
            parts[part_id] = plans[pk].window.parts[part_id]
            by_part[part_id].setdefault(pk, []).append(Translation(index, text, item.version))
    new: set[tuple[int, pacing.Key]] = set()
    for part_id in sorted(by_part):
        by_lang = {cycles[pk].lang: items for pk, items in by_part[part_id].items()}
        stored = add_translations_by_lang(part=parts[part_id], translations=by_lang)
        new |= {(pk, (part_id, row.index)) for pk in by_part[part_id] for row in stored[cycles[pk].lang]}
    now, delays = time.time(), defaultdict(list)
    for pk in cycles.keys() & results.keys():
        for item, _ in results[pk].translated:
            if (pk, item.key) in new and item.key not in plans[pk].window.translated:
                waited_s = now - max(item.spoken_at, cycles[pk].wanted_at.timestamp())
                delays[pk].append([now, round(max(0.0, waited_s), 3)])
    return {pk: sorted(found) for pk, found in delays.items()}


def _finish(cycle: Cycle, plan: Plan, result: Result | None, delays: Sequence[Delay]) -> float | None:
    """Note what a turn did for a language, and when the next is due."""
    if result is None:  # nothing was missing, or the pace says later
        due_s = claims.let_go(cycle, in_s=plan.wait_s if plan.more else None)
        cycle.failures, cycle.last_error, cycle.waiting_s = 0, "", 0.0
    else:
        _note_calls(cycle, plan, result)
        if result.error:
            due_s = _let_failing_go(cycle, plan, result)
        else:
            later_s = plan.wait_s if plan.more else None
            due_s = claims.let_go(cycle, in_s=later_s if result.retry_s is None else result.retry_s)
            cycle.failures, cycle.waiting_s = 0, 0.0
    if cycle.part_id is not None and due_s is None:
        cycle.delete()
        return None
    if plan.versions is not None:  # what was said until the plan was made is dealt with, or due again
        cycle.seen_version = sum(plan.versions.values())
        whole = result is None or (not result.error and result.retry_s is None)
        if whole and not plan.more:
            cycle.settled = plan.versions
    cycle.delays = [*cycle.delays, *delays][-selectors.DELAY_MEAN_OF :]
    cycle.save()
    return due_s


def _note_calls(cycle: Cycle, plan: Plan, result: Result) -> None:
    for item in result.refused:
        key = f"{item.key[0]}:{item.key[1]}:{item.version}"
        cycle.refused[key] = cycle.refused.get(key, 0) + 1
    cycle.refused = dict(list(cycle.refused.items())[-REFUSED_KEPT:])
    cycle.last_error = result.error
    if result.given:
        begun_at = cycle.begun_at or timezone.now()
        begun = [*cycle.begun, [begun_at.timestamp(), result.given, round(result.seconds, 3)]]
        cycle.begun = begun[-pace().per_cycle - 1 :]  # more cannot matter to the pace
    if not result.given:
        cycle.quick = False  # it waited for another's call
    if result.asked:
        cycle.quick = not result.error and result.seconds < pacing.QUICK_S
        cycle.batch = pacing.next_batch(
            plan.batch, count=result.asked, seconds=result.seconds, most=batch_most(cycle)
        )


def _let_failing_go(cycle: Cycle, plan: Plan, result: Result) -> float | None:
    cycle.failures += 1
    oldest = min(max(item.spoken_at, cycle.wanted_at.timestamp()) for item in plan.chosen)
    cycle.waiting_s = round(max(0.0, time.time() - oldest), 1)
    if result.error == NO_ENGINE:
        return claims.let_go(cycle, in_s=None)
    retry_s = result.retry_s
    if retry_s is None:
        retry_s = pacing.backoff_s(cycle.failures, most_s=RETRY_MOST_S)
    return claims.let_go(cycle, in_s=retry_s, patient=True)
