"""One turn of a worker: translate the newest sentences of one language of a room, or of several that are quick."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Protocol

from django.utils import timezone

from translation import chain, circuit, claims, store
from translation.circuit import Choice, Known, Unavailable
from translation.claims import NO_ENGINE, Claim, ClaimLost
from translation.pacing import Spoken
from translation.plan import Plan, Result, plans
from translation.translate import Outcome, translate

ENGINE_DOWN = "engine_down"
LANE_FULL_S = 0.1  # until the engine is asked for again that has no thread left
SHARED_MOST_S = 0.2  # a turn that several languages share ends here, or where something fails
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


def take_turn(worker: str) -> bool:
    """Do one turn's work, if any is due. False: nothing was."""
    for turn in claims.take(worker):
        work(turn)
        return True
    return False


def work(turn: Sequence[Claim], slot: Slot | None = None) -> float | None:
    """Do the work of a turn. Returns the seconds until something of it is due again, None where nothing is."""
    found = plans(turn)
    results: dict[int, Result] = {}
    wanted = [claim for claim in turn if found[claim.cycle_id].chosen]
    known = circuit.Known() if wanted else None
    began = time.monotonic()
    for claim in wanted:
        late = time.monotonic() - began > SHARED_MOST_S
        if results and (late or any(result.error for result in results.values())):
            results[claim.cycle_id] = Result(retry_s=0.0)
            continue
        try:
            results[claim.cycle_id] = translated(claim, found[claim.cycle_id], slot or NoSlot(), known)
        except ClaimLost:
            logger.warning("claim lost", extra={"room": claim.room_id, "lang": claim.lang})
    return store.write(turn, found, results)


def translated(claim: Claim, plan: Plan, slot: Slot, known: Known | None = None) -> Result:
    """Each run of one spoken language in one call; sentences of several appear where a host changed it."""
    result = Result()
    for source, items in groupby(plan.chosen, key=lambda item: item.source_lang):
        batch = list(items)
        choice = circuit.engine_for(source, claim.lang, engines=chain.engines(), known=known)
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
        result.asked += outcome.asked
        result.given += len(batch)
        _note_outcome(result, choice, batch, outcome)
        known = known if outcome.error is None else None  # the engine may have said when to come back
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
        if outcome.asked and circuit.succeeded(choice, seconds=outcome.seconds):
            store.wake_failing()
    elif outcome.error is not None:
        circuit.failed(choice, outcome.error)
        if outcome.error.per_text and not choice.trial:
            result.refused.extend(batch)
    if outcome.error is not None:
        result.error = outcome.error.code
