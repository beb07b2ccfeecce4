"""What is translated now for a group of jobs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.conf import settings

from transcripts.models import Part
from translation import pacing, selectors
from translation.claims import Claim
from translation.models import Job
from translation.pacing import Call, Pace, Spoken

COMPLETION_BATCH = 8
REFUSED_TRIES = 4  # more than the failures that open a circuit: then it was perhaps not the text


@dataclass
class Plan:
    """What is translated for one job. `versions`: of the spoken tracks, read before the sentences; None: no readers."""

    chosen: list[Spoken] = field(default_factory=list)
    window: selectors.SentenceWindow = field(default_factory=lambda: selectors.SentenceWindow([], {}, {}))
    more: bool = False
    wait_s: float = 0.0
    batch: int = 1
    versions: dict[str, int] | None = None


@dataclass
class Result:
    """The result of one job. `given`: sentences tried, `asked`: those among them that were sent to an engine."""

    translated: list[tuple[Spoken, str]] = field(default_factory=list)
    refused: list[Spoken] = field(default_factory=list)
    error: str = ""
    given: int = 0
    asked: int = 0
    seconds: float = 0.0
    retry_s: float | None = None


def pace() -> Pace:
    """The settings' pace."""
    env = settings.ENV
    return Pace(env.translation_per_cycle, env.translation_cycle_s, env.newest_sentences)


def batch_most(job: Job) -> int:
    """How many sentences a call may hold."""
    return max(COMPLETION_BATCH, pace().per_cycle) if job.part_id is not None else pace().per_cycle


def plans(group: Sequence[Claim]) -> dict[int, Plan]:
    """A plan for each job of a group; they are all of one room."""
    found = {claim.job_id: Plan() for claim in group}
    live = [claim.job for claim in group if claim.job.part is None]
    demanded = selectors.demanded_langs(live[0].room_id) if live else set()
    read = [job for job in live if job.lang in demanded]
    if read:
        found |= _live(read[0].room_id, read)
    for claim in group:
        if claim.job.part is not None:
            found[claim.job_id] = _completion(claim.job, claim.job.part)
    return found


def _live(room_id: int, jobs: Sequence[Job]) -> dict[int, Plan]:
    now, speed = time.time(), pace()
    versions = selectors.spoken_versions(room_id)
    translated_versions = {
        lang: min(job.translated_versions.get(lang, 0) for job in jobs) for lang in versions
    }
    langs = [job.lang for job in jobs]
    windows = selectors.newest_windows(
        room_id, langs, newest=speed.newest, translated_versions=translated_versions
    )
    return {job.pk: _next(job, windows[job.lang], versions, now, speed) for job in jobs}


def _next(
    job: Job, window: selectors.SentenceWindow, versions: dict[str, int], now: float, speed: Pace
) -> Plan:
    skip = _given_up(job)
    calls = [Call(at, int(count), seconds) for at, count, seconds in job.recent_calls]
    allowed, wait_s = pacing.allowance(calls, now=now, pace=speed)
    batch = min(job.batch, speed.per_cycle)
    absent = pacing.choose(window.spoken, window.translated, pace=speed, allowed=None, skip=skip)
    chosen = absent[: min(allowed, batch)]
    calls.append(Call(now, len(chosen)))
    _, next_s = pacing.allowance(calls, now=now, pace=speed)
    return Plan(
        chosen, window, more=len(absent) > len(chosen), wait_s=next_s if chosen else wait_s, batch=batch,
        versions=versions,
    )  # fmt: skip


def _completion(job: Job, part: Part) -> Plan:
    """Of a part that ended."""
    window = selectors.whole_part(part, job.lang)
    absent = pacing.missing(window.spoken, window.translated, skip=_given_up(job))
    batch = min(job.batch, batch_most(job))
    return Plan(absent[:batch], window, more=len(absent) > batch, batch=batch)


def _given_up(job: Job) -> set[tuple[pacing.Key, int]]:
    """Texts that no engine translates."""
    keys = [key.split(":") for key, tries in job.refused.items() if tries >= REFUSED_TRIES]
    return {((int(part), int(index)), int(version)) for part, index, version in keys}
