"""Which engine may be called: circuit breakers whose state are rows, so that all processes share it.

(pybreaker holds its lock during the call, which would make a worker's threads wait for each other; purgatory
lets every caller try at once when an engine might be back. The admin and /health read the rows.)
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from rooms.locks import locked, update_in_order
from translation import chain
from translation.engines import codes
from translation.engines.base import Engine, EngineError, Pair
from translation.engines.pivot import Pivot
from translation.models import EngineState, PairState
from translation.pacing import backoff_s

OPENS_AFTER = 3  # failures in a row
RETRY_MOST_S = 1.5
# While a trial has no answer yet, because it may hang until its time-out. For an engine and not for each of its pairs:
# trials that hang leave a worker's other calls to the pairs that are in order.
TRIAL_EVERY = timedelta(seconds=2)
ANSWER_LASTS = timedelta(seconds=35)
NOTED_EVERY_S = 1.0
LATENCY_WEIGHT = 0.2
_noted_at: dict[str, float] = {}
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine that may be called for a pair. `trial`: its circuit is open, this call with one text is the trial.

    `in_order`: nothing had failed when it was chosen.
    """

    engine: Engine
    source: str
    target: str
    trial: bool = False
    in_order: bool = False


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No engine may translate this pair now. `again_at` None: none offers it."""

    again_at: datetime | None


class Known:
    """The circuits as they are, read once for several pairs."""

    def __init__(self) -> None:
        self.engines = states()
        self._pairs = {
            (row.engine, row.source, row.target): row for row in PairState.objects.filter(failures__gt=0)
        }

    def of(self, engine: str, source: str, target: str) -> list[EngineState | PairState]:
        """The rows that a call depends on."""
        rows = (self.engines.get(engine), self._pairs.get((engine, source, target)))
        return [row for row in rows if row is not None]


def states() -> dict[str, EngineState]:
    """The rows of the engines that were seen so far."""
    return {row.name: row for row in EngineState.objects.all()}


def pairs_of(engine: Engine, known: dict[str, EngineState]) -> frozenset[Pair]:
    """What `engine` offers, by its last answer; a pivot by those of the engines that it goes through."""
    if isinstance(engine, Pivot):
        return engine.pairs_through([pairs_of(each, known) for each in engine.engines])
    if not engine.remote:
        return chain.local_pairs(engine)
    row = known.get(engine.name)
    return frozenset((str(one), str(other)) for one, other in row.pairs) if row else frozenset()


def offering(offered: Sequence[tuple[Engine, frozenset[Pair]]], source: str, target: str) -> list[Engine]:
    """The engines that offer a pair, in their order: first those that know the very variant (pt-BR), then those of its language."""
    found = [(engine, pairs) for engine, pairs in offered if codes.offers(pairs, source, target)]
    found.sort(key=lambda each: not codes.offers_exactly(each[1], source, target))
    return [engine for engine, _ in found]


def engine_for(
    source: str, target: str, *, engines: Sequence[Engine], known: Known | None = None
) -> EngineChoice | Unavailable:
    """The first engine that offers the pair and may be called; may be the one call that tries it again."""
    known = known or Known()
    again: list[datetime] = []
    offered = [(engine, pairs_of(engine, known.engines)) for engine in engines]
    for engine in offering(offered, source, target):
        rows = known.of(engine.name, source, target)
        opened = [row for row in rows if row.opened_at is not None]
        if not opened or _may_try(engine.name, opened):
            in_order = not any(row.failures for row in rows)
            return EngineChoice(engine, source, target, trial=bool(opened), in_order=in_order)
        waits = [row.retry_at for row in opened]
        if (state := known.engines.get(engine.name)) is not None and state.tried_at is not None:
            waits.append(state.tried_at + TRIAL_EVERY)
        again.append(max((at for at in waits if at is not None), default=timezone.now()))
    return Unavailable(min(again) if again else None)


def engine_in_order(source: str, target: str, *, engines: Sequence[Engine], known: Known) -> Engine | None:
    """The first engine that offers the pair, where nothing of its circuits is open; takes no trial."""
    offered = [(engine, pairs_of(engine, known.engines)) for engine in engines]
    first = next(iter(offering(offered, source, target)), None)
    if first is None or any(row.opened_at is not None for row in known.of(first.name, source, target)):
        return None
    return first


class Routes:
    """Which engine a pair's next call goes to, from one snapshot of the circuits; takes no trial."""

    def __init__(self) -> None:
        engines = chain.engines()
        self._first = engines[0].name
        self._one = len(engines) == 1
        self._known = {} if self._one else states()
        self._offered: dict[tuple[str, ...], list[tuple[Engine, frozenset[Pair]]]] = {}
        rows: list[EngineState | PairState] = [*self._known.values()]
        if not self._one:
            rows += PairState.objects.filter(opened_at__isnull=False)
        self._waiting = {self._key(row) for row in rows if row.retry_at and row.retry_at > timezone.now()}

    def engine_of(self, source: str, target: str, names: Sequence[str] = ()) -> str:
        """The engine's name; the chain's first where none may be called, so that the failure is recorded.

        `names`: of the room's own chain.
        """
        if self._one:
            return self._first
        found = [engine.name for engine in offering(self._chain(tuple(names)), source, target)]
        free = [name for name in found if not {(name, "", ""), (name, source, target)} & self._waiting]
        return next(iter([*free, *found, self._first]))

    def _chain(self, names: tuple[str, ...]) -> list[tuple[Engine, frozenset[Pair]]]:
        if names not in self._offered:
            self._offered[names] = [
                (engine, pairs_of(engine, self._known)) for engine in chain.engines(names)
            ]
        return self._offered[names]

    @staticmethod
    def _key(row: EngineState | PairState) -> tuple[str, str, str]:
        return (row.name, "", "") if isinstance(row, EngineState) else (row.engine, row.source, row.target)


def succeeded(choice: EngineChoice, *, seconds: float) -> bool:
    """A call came back. True: a circuit was open and is closed now."""
    name = choice.engine.name
    if choice.in_order and time.monotonic() - _noted_at.get(name, float("-inf")) < NOTED_EVERY_S:
        return False
    _noted_at[name] = time.monotonic()
    now = timezone.now()
    with transaction.atomic():
        row, _ = locked(EngineState.objects.all()).get_or_create(name=name)
        weight = LATENCY_WEIGHT if row.latency_s else 1.0
        row.latency_s = round((1 - weight) * row.latency_s + weight * seconds, 4)
        row.answered_at = now
        opened = _close(row, choice, "latency_s", "answered_at")
        failing = PairState.objects.filter(engine=name, failures__gt=0)
        for pair in locked(failing.filter(source=choice.source, target=choice.target)):
            opened = _close(pair, choice) or opened
        if opened:  # the others may be back as well
            update_in_order(failing.filter(opened_at__isnull=False), retry_at=now)
    _end_trial(choice)
    if opened:
        logger.info("engine up", extra=_facts(choice))
    return opened


def failed(choice: EngineChoice, error: EngineError) -> None:
    """A call failed, and not for its text; several in a row open the circuit of the pair, or of the engine."""
    with transaction.atomic():
        row: EngineState | PairState
        if error.whole_engine:
            row, _ = locked(EngineState.objects.all()).get_or_create(name=choice.engine.name)
        else:
            row, _ = locked(PairState.objects.all()).get_or_create(
                engine=choice.engine.name, source=choice.source, target=choice.target
            )
        went_down = _count_failure(row, error, trial=choice.trial)
    _end_trial(choice)
    if went_down:
        logger.info("engine down", extra={**_facts(choice), "code": error.code})


def any_open() -> bool:
    """Whether the circuit of some engine or pair is open."""
    return any(model.objects.filter(opened_at__isnull=False).exists() for model in (EngineState, PairState))


def close(names: Sequence[str]) -> None:
    """Use these engines again at once, with all their pairs."""
    closed = {"failures": 0, "opened_at": None, "retry_at": None}
    update_in_order(EngineState.objects.filter(name__in=names), **closed)
    update_in_order(PairState.objects.filter(engine__in=names), **closed)


def check(engine: Engine) -> bool:
    """Read an engine's languages, and try what has an open circuit. True: it was closed by this."""
    row, _ = EngineState.objects.get_or_create(name=engine.name)
    if row.retry_at is not None and row.retry_at > timezone.now():
        return False  # it asked for a pause, or another process's call is the trial
    choice = EngineChoice(engine, "", "")
    try:
        pairs = sorted(engine.languages())
        EngineState.objects.filter(pk=row.pk).update(
            pairs=pairs or row.pairs, answered_at=timezone.now() if row.opened_at is None else row.answered_at
        )
        trial = _trial(engine, row, pairs)
        if trial is not None:
            choice = trial
            began = time.monotonic()
            engine.translate(["OK"], choice.source, choice.target)
            return succeeded(choice, seconds=time.monotonic() - began)
    except EngineError as error:
        if error.whole_engine or choice.trial:
            failed(choice, error)
    return False


def answers(row: EngineState | None) -> bool:
    """Whether the engine is in use and has answered a worker lately."""
    if row is None or row.opened_at is not None or row.answered_at is None:
        return False
    return row.answered_at > timezone.now() - ANSWER_LASTS


def _trial(engine: Engine, row: EngineState, pairs: Sequence[Pair]) -> EngineChoice | None:
    """A pair to try, where a circuit is open and its time has come."""
    opened = (
        PairState.objects.filter(engine=engine.name, opened_at__isnull=False).order_by("retry_at").first()
    )
    rows = [item for item in (row if row.opened_at else None, opened) if item is not None]
    if not rows or not pairs or not _may_try(engine.name, rows):
        return None
    source, target = (opened.source, opened.target) if opened is not None else pairs[0]
    return EngineChoice(engine, source, target, trial=True)


def _may_try(engine: str, rows: Sequence[EngineState | PairState]) -> bool:
    """Take the one try that open circuits allow until the next `retry_at`; only where all of them do."""
    now = timezone.now()
    if any(row.retry_at is not None and row.retry_at > now for row in rows):
        return False
    trials = EngineState.objects.filter(name=engine)
    free = trials.filter(Q(tried_at=None) | Q(tried_at__lte=now - TRIAL_EVERY))
    if not free.update(tried_at=now) and trials.exists():
        return False
    return all(
        type(row)
        .objects.filter(Q(retry_at=None) | Q(retry_at__lte=now), pk=row.pk, opened_at__isnull=False)
        .update(retry_at=now + TRIAL_EVERY)
        for row in rows
    )


def _end_trial(choice: EngineChoice) -> None:
    """It has its answer: another pair may be tried."""
    if choice.trial:
        EngineState.objects.filter(name=choice.engine.name).update(tried_at=None)


def _close(row: EngineState | PairState, choice: EngineChoice, *also: str) -> bool:
    """True: it was open. A call that was under way when it opened does not close it, and none a time that was named."""
    was_open = row.opened_at is not None
    if was_open and (not choice.trial or _has_named_time(row)):
        row.save(update_fields=also)
        return False
    row.failures, row.opened_at, row.retry_at = 0, None, None
    row.save(update_fields=["failures", "opened_at", "retry_at", *also])
    return was_open


def _has_named_time(row: EngineState | PairState) -> bool:
    """Whether the engine set a time to come back; our own pauses, and those of trials, are shorter."""
    return row.retry_at is not None and row.retry_at > timezone.now() + TRIAL_EVERY


def _count_failure(row: EngineState | PairState, error: EngineError, *, trial: bool) -> bool:
    """True: it was in use until now. Calls that were under way do not shorten the wait."""
    now = timezone.now()
    row.failures += 1
    row.last_error, row.last_error_at = error.code, now
    was_used = row.opened_at is None
    if error.retry_after_s is not None or row.failures >= OPENS_AFTER:
        wait_s = error.retry_after_s
        if wait_s is None:
            wait_s = backoff_s(row.failures - OPENS_AFTER + 1, most_s=RETRY_MOST_S)
        again = now + timedelta(seconds=wait_s)
        shortens = trial and not _has_named_time(row)
        row.retry_at = again if shortens or row.retry_at is None else max(again, row.retry_at)
        row.opened_at = row.opened_at or now
    row.save(update_fields=["failures", "last_error", "last_error_at", "opened_at", "retry_at"])
    return was_used and row.opened_at is not None


def _facts(choice: EngineChoice) -> dict[str, str]:
    return {"engine": choice.engine.name, "source": choice.source, "target": choice.target}
