"""The results of a group are stored with its jobs, in one transaction that proves the claims."""

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
from translation.models import Job
from translation.plan import Plan, Result, batch_most, pace
from translation.quota import QUOTA
from translation.wake import wake_up

REFUSED_KEPT = 40
RETRY_MOST_S = 1.5
PUBLISH_EVERY_S, MAX_ROOMS_NOTED = 1.0, 1000
Delay = list[float]  # unix time, seconds
_published_at: dict[int, float] = {}
logger = logging.getLogger(__name__)


def write(group: Sequence[Claim], plans: Mapping[int, Plan], results: Mapping[int, Result]) -> float | None:
    """Store the results and end the claims. Returns the seconds until one of the jobs is due, None if none is."""
    due_s = []
    with claims.hold(group) as jobs:
        stored = _store(jobs, plans, results)
        stopped = {pk for pk, job in jobs.items() if job.last_error == QUOTA}
        for pk, job in jobs.items():
            due_s.append(_finish(job, plans[pk], results.get(pk), stored.get(pk, [])))
        if any(stored.values()) or any(result.error for result in results.values()):
            changed = stopped != {pk for pk, job in jobs.items() if job.last_error == QUOTA}
            transaction.on_commit(partial(publish_delay, group[0].room_id, at_once=changed))
    if len(jobs) < len(group):
        logger.warning("claim lost", extra={"room": group[0].room_id})
    return min((seconds for seconds in due_s if seconds is not None), default=None)


def publish_delay(
    room_id: int, *, at_once: bool = False, clock: Callable[[], float] = time.monotonic
) -> None:
    """Publish how far the room's translations are behind, and which have stopped for the day.

    At most once a second, each is a chunk to every viewer; `at_once`: some have stopped, or go on.
    """
    now = clock()
    if not at_once and now - _published_at.get(room_id, float("-inf")) < PUBLISH_EVERY_S:
        return
    if len(_published_at) > MAX_ROOMS_NOTED:
        _published_at.clear()
    _published_at[room_id] = now
    delay_s, stopped = selectors.room_delay_s(room_id), selectors.stopped_langs(room_id)
    if delay_s is not None or stopped or at_once:
        live.publish_room(room_id, Delays(translation_s=delay_s, stopped=stopped))


def retry_failing() -> None:
    """An engine is back: jobs that wait for one are due at once."""
    failing = Job.objects.filter(failures__gt=0, due_at__isnull=False, token="")
    if update_in_order(failing, due_at=timezone.now()):
        wake_up.notify()


def _store(
    jobs: Mapping[int, Job], plans: Mapping[int, Plan], results: Mapping[int, Result]
) -> dict[int, list[Delay]]:
    """Write the translations; returns for each job the delays of new translations of sentences that had none."""
    by_part: dict[int, dict[int, list[Translation]]] = defaultdict(dict)
    parts: dict[int, Part] = {}
    for pk in jobs.keys() & results.keys():
        for item, text in results[pk].translated:
            part_id, index = item.key
            parts[part_id] = plans[pk].window.parts[part_id]
            items = [Translation(index, text, item.version)]
            items += [Translation(index, "", version) for (_, index), version in item.more]
            by_part[part_id].setdefault(pk, []).extend(items)
    new: set[tuple[int, pacing.Key]] = set()
    for part_id in sorted(by_part):
        by_lang = {jobs[pk].lang: items for pk, items in by_part[part_id].items()}
        stored = add_translations_by_lang(part=parts[part_id], translations=by_lang)
        new |= {(pk, (part_id, row.index)) for pk in by_part[part_id] for row in stored[jobs[pk].lang]}
    now, delays = time.time(), defaultdict(list)
    for pk in jobs.keys() & results.keys():
        for item, _ in results[pk].translated:
            if (pk, item.key) in new and item.key not in plans[pk].window.translated:
                waited_s = now - max(item.spoken_at, jobs[pk].demanded_at.timestamp())
                delays[pk].append([now, round(max(0.0, waited_s), 3)])
    return {pk: sorted(found) for pk, found in delays.items()}


def _finish(job: Job, plan: Plan, result: Result | None, delays: Sequence[Delay]) -> float | None:
    """Record a job's result, and when it is due next."""
    if result is None:  # nothing was missing, or pacing postpones it
        due_s = claims.release(job, in_s=plan.wait_s if plan.more else None)
        job.failures, job.last_error, job.waiting_s = 0, "", 0.0
    else:
        _note_calls(job, plan, result)
        if result.error:
            due_s = _release_failing(job, plan, result)
        else:
            later_s = plan.wait_s if plan.more else None
            due_s = claims.release(job, in_s=later_s if result.retry_s is None else result.retry_s)
            job.failures, job.waiting_s = 0, 0.0
    if job.part_id is not None and due_s is None:
        job.delete()
        return None
    if plan.versions is not None:  # sentences from before the plan are translated, or due again
        job.seen_version = sum(plan.versions.values())
        whole = result is None or (not result.error and result.retry_s is None)
        if whole and not plan.more:
            job.translated_versions = plan.versions
    job.delays = [*job.delays, *delays][-selectors.DELAY_MEAN_OF :]
    job.save()
    return due_s


def _note_calls(job: Job, plan: Plan, result: Result) -> None:
    for item in result.refused:
        key = f"{item.key[0]}:{item.key[1]}:{item.version}"
        job.refused[key] = job.refused.get(key, 0) + 1
    job.refused = dict(list(job.refused.items())[-REFUSED_KEPT:])
    job.last_error = result.error
    if result.given:
        begun_at = job.begun_at or timezone.now()
        calls = [*job.recent_calls, [begun_at.timestamp(), result.given, round(result.seconds, 3)]]
        job.recent_calls = calls[-pace().per_cycle - 1 :]  # pacing needs no more
    if not result.given:
        job.quick = False  # it waited for another job's call
    if result.asked:
        job.quick = not result.error and result.seconds < pacing.QUICK_S
        job.batch = pacing.next_batch(
            plan.batch, count=result.asked, seconds=result.seconds, most=batch_most(job)
        )


def _release_failing(job: Job, plan: Plan, result: Result) -> float | None:
    if result.error == QUOTA:  # nothing is broken, and nobody waits for what will not come today
        job.failures, job.waiting_s = 0, 0.0
        return claims.release(job, in_s=result.retry_s, patient=True)
    job.failures += 1
    oldest = min(max(item.spoken_at, job.demanded_at.timestamp()) for item in plan.chosen)
    job.waiting_s = round(max(0.0, time.time() - oldest), 1)
    if result.error == NO_ENGINE:
        return claims.release(job, in_s=None)
    retry_s = result.retry_s
    if retry_s is None:
        retry_s = pacing.backoff_s(job.failures, most_s=RETRY_MOST_S)
    return claims.release(job, in_s=retry_s, patient=True)
