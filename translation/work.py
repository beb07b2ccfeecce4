"""One turn of a worker: claim a cycle, translate its newest sentences, write, go on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any, Protocol

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from rooms.locks import update_in_order
from transcripts import live
from transcripts.events import Delays
from transcripts.models import Part
from transcripts.services import Translation, add_translations
from translation import chain, circuit, claims, pacing, selectors
from translation.circuit import Choice, Unavailable
from translation.claims import NO_ENGINE, Claim, ClaimLost
from translation.models import Cycle
from translation.pacing import Begun, Pace, Spoken
from translation.translate import Outcome, translate
from translation.wake import bell

COMPLETION_BATCH = 8
REFUSED_TRIES = 3
REFUSED_KEPT = 40
RETRY_MOST_S = 1.5
ENGINE_DOWN = "engine_down"
LANE_FULL_S = 0.1  # until the engine is asked for again that has no thread left
TELL_EVERY_S, TOLD_MOST = 1.0, 1000
_told_at: dict[int, float] = {}
logger = logging.getLogger(__name__)


class Slot(Protocol):
    """One of the calls that an engine may be given at a time."""

    def move(self, engine: str) -> bool:
        """Take one of this engine's instead; False: it has none left."""
        ...


class NoSlot:
    """Calls are not counted."""

    def move(self, engine: str) -> bool:
        """Always."""
        return True


@dataclass
class Plan:
    """What one turn does. `versions`: of the spoken tracks, from before it looked; none where nobody reads."""

    chosen: list[Spoken] = field(default_factory=list)
    window: selectors.Window = field(default_factory=lambda: selectors.Window([], {}, {}))
    more: bool = False
    wait_s: float = 0.0
    batch: int = 1
    versions: dict[str, int] | None = None


@dataclass
class Result:
    """What one turn brought."""

    translated: list[tuple[Spoken, str]] = field(default_factory=list)
    refused: list[Spoken] = field(default_factory=list)
    error: str = ""
    asked: int = 0  # sentences that the engines were given
    seconds: float = 0.0
    retry_s: float | None = None


def take_turn(worker: str) -> bool:
    """Do one cycle's work, if any is due. False: nothing was."""
    for claim in claims.take(worker):
        work(claim)
        return True
    return False


def work(claim: Claim, slot: Slot | None = None) -> float | None:
    """Do a claimed cycle's work. Returns the seconds until it is due again, None where it is not."""
    try:
        plan = _plan(claim.cycle)
        if not plan.chosen:
            return _finish_idle(claim, plan)
        return _write(claim, plan, _translate(claim, plan, slot or NoSlot()))
    except ClaimLost:
        logger.warning("claim lost", extra={"room": claim.room_id, "lang": claim.lang})
        return None


def pace() -> Pace:
    """The settings' pace."""
    env = settings.ENV
    return Pace(env.translation_per_cycle, env.translation_cycle_s, env.newest_sentences)


def _plan(cycle: Cycle) -> Plan:
    skip = {
        ((int(part), int(index)), int(version))
        for (part, index, version), tries in ((key.split(":"), tries) for key, tries in cycle.refused.items())
        if tries >= REFUSED_TRIES
    }
    if cycle.part is not None:
        window = selectors.whole_part(cycle.part, cycle.lang)
        absent = pacing.missing(window.spoken, window.translated, skip=skip)
        most = max(COMPLETION_BATCH, pace().per_cycle)
        batch = min(cycle.batch, most)
        return Plan(absent[:batch], window, more=len(absent) > batch, batch=batch)
    if not selectors.is_demanded(cycle.room_id, cycle.lang):
        return Plan()
    now, speed = time.time(), pace()
    versions = selectors.spoken_versions(cycle.room_id)
    window = selectors.newest_window(cycle.room_id, cycle.lang, newest=speed.newest, settled=cycle.settled)
    begun = [Begun(at, int(count), seconds) for at, count, seconds in cycle.begun]
    allowed, wait_s = pacing.allowance(begun, now=now, pace=speed)
    batch = min(cycle.batch, speed.per_cycle)
    absent = pacing.missing(window.spoken, window.translated, skip=skip)
    chosen = pacing.choose(
        window.spoken, window.translated, pace=speed, allowed=min(allowed, batch), skip=skip
    )
    begun.append(Begun(now, len(chosen)))
    _, next_s = pacing.allowance(begun, now=now, pace=speed)
    return Plan(
        chosen, window, more=len(absent) > len(chosen), wait_s=next_s if chosen else wait_s, batch=batch,
        versions=versions,
    )  # fmt: skip


def _finish_idle(claim: Claim, plan: Plan) -> float | None:
    """Nothing is missing, or the pace says later."""
    with claims.held(claim) as cycle:
        due_s = claims.let_go(cycle, in_s=plan.wait_s if plan.more else None)
        if cycle.part_id is not None and due_s is None:
            cycle.delete()
            return None
        cycle.failures, cycle.last_error, cycle.waiting_s = 0, "", 0.0
        _note_seen(cycle, plan, whole=True)
        cycle.save()
    return due_s


def _note_seen(cycle: Cycle, plan: Plan, *, whole: bool) -> None:
    """What was said until the plan was made is dealt with, or the cycle is due again. `whole`: all that was chosen is."""
    if plan.versions is not None:
        cycle.seen_version = sum(plan.versions.values())
        if whole and not plan.more:
            cycle.settled = plan.versions


def _translate(claim: Claim, plan: Plan, slot: Slot) -> Result:
    """Each run of one spoken language in one call; sentences of several appear where a host changed it."""
    result = Result()
    for source, items in groupby(plan.chosen, key=lambda item: item.source_lang):
        batch = list(items)
        choice = circuit.engine_for(source, claim.lang, engines=chain.engines())
        if isinstance(choice, Unavailable):
            _note_unavailable(result, choice)
            continue
        if not slot.move(choice.engine.name):
            result.retry_s = LANE_FULL_S
            continue
        if choice.trial and len(batch) > 1:
            batch, result.retry_s = batch[:1], 0.0
        texts = [item.text for item in batch]
        outcome = translate(choice.engine, texts, source, claim.lang, between=partial(claims.renew, claim))
        result.seconds += outcome.seconds
        result.asked += len(batch)
        _note_outcome(result, choice, batch, outcome)
    return result


def _note_unavailable(result: Result, none: Unavailable) -> None:
    if none.again_at is None:
        result.error = result.error or NO_ENGINE
        return
    wait_s = (none.again_at - timezone.now()).total_seconds()
    result.error, result.retry_s = ENGINE_DOWN, max(0.1, wait_s + 0.05)


def _note_outcome(result: Result, choice: Choice, batch: Sequence[Spoken], outcome: Outcome) -> None:
    for item, text in zip(batch, outcome.texts, strict=True):
        if text is not None:
            result.translated.append((item, text))
        elif outcome.answered:
            result.refused.append(item)
    if outcome.answered:
        if circuit.succeeded(choice, seconds=outcome.seconds):
            wake_failing()
    elif outcome.error is not None:
        circuit.failed(choice, outcome.error)
        if outcome.error.per_text:
            result.refused.extend(batch)
    if outcome.error is not None:
        result.error = outcome.error.code


def _write(claim: Claim, plan: Plan, result: Result) -> float | None:
    """Store what came, in one transaction with the cycle's row. Returns the seconds until the cycle is due."""
    with claims.held(claim) as cycle:
        delays = _store(cycle, plan, result)
        for item in result.refused:
            key = f"{item.key[0]}:{item.key[1]}:{item.version}"
            cycle.refused[key] = cycle.refused.get(key, 0) + 1
        cycle.refused = dict(list(cycle.refused.items())[-REFUSED_KEPT:])
        cycle.last_error = result.error
        cycle.begun = [
            *cycle.begun,
            [claim.begun_at.timestamp(), result.asked, round(result.seconds, 3)],
        ][-_remembered_cycles() :]
        if result.asked:
            most = max(COMPLETION_BATCH, pace().per_cycle) if cycle.part_id is not None else pace().per_cycle
            cycle.batch = pacing.next_batch(plan.batch, count=result.asked, seconds=result.seconds, most=most)
        _note_seen(cycle, plan, whole=not result.error and result.retry_s is None)
        if result.error:
            due_s = _let_failing_go(cycle, plan, result)
        else:
            cycle.failures, cycle.waiting_s = 0, 0.0
            due_s = claims.let_go(cycle, in_s=plan.wait_s if plan.more else result.retry_s)
            if cycle.part_id is not None and due_s is None:
                cycle.delete()
                return None
        if delays:
            cycle.delays = [*cycle.delays, *delays][-selectors.DELAY_MEAN_OF :]
        cycle.save()
        if cycle.part_id is None:
            transaction.on_commit(partial(tell_delay, claim.room_id))
    return due_s


def _remembered_cycles() -> int:
    """How many earlier cycles can matter to the pace."""
    return pace().per_cycle + 1


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


def _store(cycle: Cycle, plan: Plan, result: Result) -> list[list[float]]:
    """Write the translations; returns [unix time, seconds] of those that were new to somebody who waited."""
    wanted_at = cycle.wanted_at.timestamp()
    delays = []
    for part_id, items in groupby(result.translated, key=lambda pair: pair[0].key[0]):
        pairs = list(items)
        part: Part = plan.window.parts[part_id]
        rows = add_translations(
            part=part, lang=cycle.lang,
            translations=[Translation(item.key[1], text, item.version) for item, text in pairs],
        )  # fmt: skip
        stored = {row.index for row in rows}
        now = time.time()
        delays += [
            [now, round(max(0.0, now - max(item.spoken_at, wanted_at)), 3)]
            for item, _ in pairs
            if item.key[1] in stored and item.key not in plan.window.translated
        ]
    return sorted(delays)


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


def wake_failing() -> None:
    """An engine is back: whoever waits for one goes on at once."""
    failing: Any = Cycle.objects.filter(failures__gt=0, due_at__isnull=False, token="")
    if update_in_order(failing, due_at=timezone.now()):
        bell.ring()
