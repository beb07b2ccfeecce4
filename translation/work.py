"""A worker's unit of work: the newest sentences of one job, or of a group of quick ones."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Protocol

from django.utils import timezone

from translation import circuit, claims, fragments, pacing, quota, store
from translation.circuit import EngineChoice, Known, Unavailable
from translation.claims import NO_ENGINE, Claim, ClaimLost
from translation.engines.base import Engine
from translation.engines.hints import TakesHints
from translation.pacing import Spoken
from translation.plan import Plan, Result, plans
from translation.room_settings import RoomSettings, room_settings
from translation.translate import Outcome, translate

ENGINE_DOWN = "engine_down"
ENGINE_BUSY_RETRY_S = 0.1  # until the next try for a slot of that engine
SHARED_MOST_S = 0.2  # a group ends here, or where something fails
logger = logging.getLogger(__name__)


class Slot(Protocol):
    """One of the concurrent calls that an engine may get."""

    def switch(self, engine: str) -> bool:
        """Exchange it for one of this engine; False: it has none free."""
        ...


class NoSlot:
    """Calls are not counted."""

    def switch(self, engine: str) -> bool:
        """Always."""
        return True


def work_next(worker: str) -> bool:
    """Work on the next group, if any is due. False: none was."""
    for group in claims.claim_next(worker):
        work(group)
        return True
    return False


def work(group: Sequence[Claim], slot: Slot | None = None) -> float | None:
    """Translate a group. Returns the seconds until one of its jobs is due again, None if none is."""
    found = plans(group)
    results: dict[int, Result] = {}
    pending = [claim for claim in group if found[claim.job_id].chosen]
    known = circuit.Known() if pending else None
    room = room_settings(group[0].room_id) if pending else RoomSettings()
    began = time.monotonic()
    for claim in pending:
        late = time.monotonic() - began > SHARED_MOST_S
        if results and (late or any(result.error for result in results.values())):
            results[claim.job_id] = Result(retry_s=0.0)
            continue
        try:
            results[claim.job_id] = translated(claim, found[claim.job_id], slot or NoSlot(), known, room)
        except ClaimLost:
            logger.warning("claim lost", extra={"room": claim.room_id, "lang": claim.lang})
    return store.write(group, found, results)


def translated(
    claim: Claim, plan: Plan, slot: Slot, known: Known | None = None, room: RoomSettings | None = None
) -> Result:
    """One call per run of sentences in one spoken language; there are several where a host changed it."""
    room = room or room_settings(claim.room_id)
    result = Result()
    for source, items in groupby(plan.chosen, key=lambda item: item.source_lang):
        batch = list(items)
        choice = circuit.engine_for(source, claim.lang, engines=room.chain(), known=known)
        if isinstance(choice, Unavailable):
            _note_unavailable(result, choice)
            continue
        if not slot.switch(choice.engine.name):
            result.retry_s = ENGINE_BUSY_RETRY_S
            continue
        if choice.trial and len(batch) > 1:
            batch, result.retry_s = batch[:1], 0.0
        batch.sort(key=lambda item: item.key)  # as they were said: an engine may read one behind the other
        asked = [_asked_for(choice.engine, plan.window.spoken, item) for item in batch]
        texts = [text for texts in asked for text in texts]
        chars = sum(map(len, texts))
        if not quota.take(claim.room_id, chars, per_day=room.chars_per_day):
            result.error, result.retry_s = quota.QUOTA, quota.retry_s()
            break
        outcome = translate(
            choice.engine,
            texts,
            source,
            claim.lang,
            between=partial(claims.renew, claim),
            context=replace(room.context, before=pacing.said_before(plan.window.spoken, batch[0])),
        )
        if not outcome.answered:
            quota.give_back(claim.room_id, chars, per_day=room.chars_per_day)
        result.seconds += outcome.seconds
        result.asked += outcome.asked
        result.given += len(batch)
        _note_outcome(result, choice, batch, replace(outcome, texts=_own_parts(asked, outcome.texts)))
        known = known if outcome.error is None else None  # the engine may have set a time to come back
    return result


def _asked_for(engine: Engine, spoken: Sequence[Spoken], item: Spoken) -> list[str]:
    """An engine that is told what was said before needs no more than the text."""
    before = "" if isinstance(engine, TakesHints) else fragments.unfinished_before(spoken, item)
    return fragments.asked_for(item.text, before)


def _own_parts(asked: Sequence[Sequence[str]], translations: Sequence[str | None]) -> list[str | None]:
    """One translation for each of what was asked for together."""
    came = iter(translations)
    return [fragments.own_part([next(came) for _ in texts]) for texts in asked]


def _note_unavailable(result: Result, none: Unavailable) -> None:
    if none.again_at is None:
        result.error = result.error or NO_ENGINE
        return
    wait_s = (none.again_at - timezone.now()).total_seconds()
    result.error, result.retry_s = ENGINE_DOWN, max(0.1, wait_s + 0.05)


def _note_outcome(result: Result, choice: EngineChoice, batch: Sequence[Spoken], outcome: Outcome) -> None:
    for item, text in zip(batch, outcome.texts, strict=True):
        if text is not None:
            result.translated.append((item, text))
        elif outcome.answered:
            result.refused.append(item)
    if outcome.answered:
        if outcome.asked and circuit.succeeded(choice, seconds=outcome.seconds):
            store.retry_failing()
    elif outcome.error is not None:
        circuit.failed(choice, outcome.error)
        if outcome.error.per_text and not choice.trial:
            result.refused.extend(batch)
    if outcome.error is not None:
        result.error = outcome.error.code
