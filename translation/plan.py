"""What one turn does: the sentences of each of its languages that are translated now."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.conf import settings

from transcripts.models import Part
from translation import pacing, selectors
from translation.claims import Claim
from translation.models import Cycle
from translation.pacing import Begun, Pace, Spoken

COMPLETION_BATCH = 8
REFUSED_TRIES = (
    4  # more than failures in a row until the pair is left alone: then it was perhaps not the text
)


@dataclass
class Plan:
    """What is done for one language. `versions`: of the spoken tracks, from before it looked; none where nobody reads."""

    chosen: list[Spoken] = field(default_factory=list)
    window: selectors.Window = field(default_factory=lambda: selectors.Window([], {}, {}))
    more: bool = False
    wait_s: float = 0.0
    batch: int = 1
    versions: dict[str, int] | None = None


@dataclass
class Result:
    """What a turn brought for one language. `given`: sentences that were tried, `asked`: of these, by an engine."""

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


def batch_most(cycle: Cycle) -> int:
    """How many sentences a call may hold."""
    return max(COMPLETION_BATCH, pace().per_cycle) if cycle.part_id is not None else pace().per_cycle


def plans(turn: Sequence[Claim]) -> dict[int, Plan]:
    """For each cycle of a turn, which are all of one room."""
    found = {claim.cycle_id: Plan() for claim in turn}
    live = [claim.cycle for claim in turn if claim.cycle.part is None]
    demanded = selectors.demanded_langs(live[0].room_id) if live else set()
    read = [cycle for cycle in live if cycle.lang in demanded]
    if read:
        found |= _live(read[0].room_id, read)
    for claim in turn:
        if claim.cycle.part is not None:
            found[claim.cycle_id] = _completion(claim.cycle, claim.cycle.part)
    return found


def _live(room_id: int, cycles: Sequence[Cycle]) -> dict[int, Plan]:
    now, speed = time.time(), pace()
    versions = selectors.spoken_versions(room_id)
    settled = {lang: min(cycle.settled.get(lang, 0) for cycle in cycles) for lang in versions}
    langs = [cycle.lang for cycle in cycles]
    windows = selectors.newest_windows(room_id, langs, newest=speed.newest, settled=settled)
    return {cycle.pk: _next(cycle, windows[cycle.lang], versions, now, speed) for cycle in cycles}


def _next(cycle: Cycle, window: selectors.Window, versions: dict[str, int], now: float, speed: Pace) -> Plan:
    skip = _given_up(cycle)
    begun = [Begun(at, int(count), seconds) for at, count, seconds in cycle.begun]
    allowed, wait_s = pacing.allowance(begun, now=now, pace=speed)
    batch = min(cycle.batch, speed.per_cycle)
    absent = pacing.choose(window.spoken, window.translated, pace=speed, allowed=None, skip=skip)
    chosen = absent[: min(allowed, batch)]
    begun.append(Begun(now, len(chosen)))
    _, next_s = pacing.allowance(begun, now=now, pace=speed)
    return Plan(
        chosen, window, more=len(absent) > len(chosen), wait_s=next_s if chosen else wait_s, batch=batch,
        versions=versions,
    )  # fmt: skip


def _completion(cycle: Cycle, part: Part) -> Plan:
    """Of a part that ended."""
    window = selectors.whole_part(part, cycle.lang)
    absent = pacing.missing(window.spoken, window.translated, skip=_given_up(cycle))
    batch = min(cycle.batch, batch_most(cycle))
    return Plan(absent[:batch], window, more=len(absent) > batch, batch=batch)


def _given_up(cycle: Cycle) -> set[tuple[pacing.Key, int]]:
    """Texts that no engine takes."""
    keys = [key.split(":") for key, tries in cycle.refused.items() if tries >= REFUSED_TRIES]
    return {((int(part), int(index)), int(version)) for part, index, version in keys}
