"""What is translated next (docs/wires/conference.md). Pure: values in, a decision out; clocks are parameters."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

Key = tuple[int, int]  # part, index
SHORTEST_WAIT_S = 0.001
CALL_AIM_S = 1.0  # a call that takes longer keeps other languages waiting
QUICK_S = 0.05  # calls under it cost less than the queries around them
GROUP_MOST = 10
BEFORE_CHARS = 400  # context of a call


@dataclass(frozen=True, slots=True)
class Pace:
    """At most `per_cycle` sentences of a language in any `cycle_s`, all within the room's `newest`."""

    per_cycle: int = 4
    cycle_s: float = 1.0
    newest: int = 20


@dataclass(frozen=True, slots=True)
class Spoken:
    """A finished sentence as it reads now: a corrected one has a higher version.

    `key`: of its first piece, where its translation stands; `more`: the keys and versions of those behind it. `line`: of its
    part; a long pause begins another.
    """

    key: Key
    version: int
    text: str = ""
    source_lang: str = ""
    spoken_at: float = 0.0
    more: tuple[tuple[Key, int], ...] = ()
    line: int = 0

    def is_in(self, translated: Mapping[Key, int]) -> bool:
        """Whether the translations of all its pieces are of their present text."""
        return all(translated.get(key) == version for key, version in ((self.key, self.version), *self.more))


@dataclass(frozen=True, slots=True)
class Call:
    """An earlier call of the same job: when it began, its sentences, and how long the engine took."""

    at: float
    count: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """What decides whether a job is next. Times in seconds since the epoch.

    `due_at` None: nothing to do. `claimed`: by a worker. `background`: completes a part that has ended.
    `engine`: that its next call goes to. `quick`: its calls are so short that it may be grouped.
    """

    pk: int
    room: int
    lang: str
    due_at: float | None
    begun_at: float = 0.0
    claimed: bool = False
    background: bool = False
    engine: str = ""
    quick: bool = False


def missing(
    spoken: Sequence[Spoken], translated: Mapping[Key, int], *, skip: Collection[tuple[Key, int]] = ()
) -> list[Spoken]:
    """Those of `spoken` (in reading order) whose translation is not of their present version, newest first."""
    return [
        item
        for item in reversed(spoken)
        if not item.is_in(translated) and (item.key, item.version) not in skip
    ]


def choose(
    spoken: Sequence[Spoken],
    translated: Mapping[Key, int],
    *,
    pace: Pace,
    allowed: int | None,
    skip: Collection[tuple[Key, int]] = (),
) -> list[Spoken]:
    """The sentences of the next call, newest first: at most `allowed` and a cycle's worth (None: all that are missing).

    They are within the newest, or were translated before and have been corrected since.
    """
    outside = max(0, len(spoken) - pace.newest)
    window = [*(item for item in spoken[:outside] if item.key in translated), *spoken[outside:]]
    absent = missing(window, translated, skip=skip)
    return absent if allowed is None else absent[: max(0, min(allowed, pace.per_cycle))]


def said_before(spoken: Sequence[Spoken], item: Spoken) -> str:
    """The end of what was said before a sentence, in its language: whole sentences."""
    before = ""
    for each in reversed(
        [each for each in spoken if each.key < item.key and each.source_lang == item.source_lang]
    ):
        if len(each.text) + len(before) >= BEFORE_CHARS:
            break
        before = f"{each.text} {before}".strip()
    return before


def allowance(calls: Iterable[Call], *, now: float, pace: Pace) -> tuple[int, float]:
    """How many sentences may be sent now, and in how many seconds more may be (0.0: now).

    Counted over the last `cycle_s`, so that a sentence after a quiet second waits for no tick.
    """
    recent = sorted((item for item in calls if 0 <= now - item.at < pace.cycle_s), key=lambda item: item.at)
    free = pace.per_cycle - sum(item.count for item in recent)
    if free > 0 or not recent:
        return max(free, 0), 0.0
    return 0, max(SHORTEST_WAIT_S, recent[0].at + pace.cycle_s - now)


def next_batch(batch: int, *, count: int, seconds: float, most: int) -> int:
    """How many sentences the next call gets, after one of `count` took `seconds` and might have had `batch`.

    By the call's duration, not by seconds per sentence: an engine with a fixed cost per call needs large batches.
    """
    if seconds > CALL_AIM_S:
        return max(1, min(batch, count) // 2)
    return min(most, 2 * batch) if count >= batch else min(most, batch)


def pick(
    candidates: Sequence[Candidate], *, now: float, most: int = 1, free: Mapping[str, int] | None = None
) -> list[list[Candidate]]:
    """The next groups: least recently served room first, then least recently served language; live before background.

    So a room with nine languages gets as many calls as one with a single language; quick jobs of one room and engine
    form one group. `free`: free slots per engine (None: unlimited); jobs of an engine without one are skipped, so a
    slow engine holds up no other.
    """
    due = [item for item in candidates if item.due_at is not None and item.due_at <= now and not item.claimed]
    served: dict[int, float] = {}
    busy: Counter[int] = Counter()
    for item in candidates if due else ():
        served[item.room] = max(served.get(item.room, 0.0), item.begun_at)
        busy[item.room] += item.claimed
    slots = None if free is None else dict(free)
    groups: list[list[Candidate]] = []
    while len(groups) < most:
        eligible = [item for item in due if slots is None or slots.get(item.engine, 0) > 0]
        if not eligible:
            break
        first = min(
            eligible,
            key=lambda item: (
                item.background, busy[item.room], served[item.room], item.begun_at, item.due_at or 0.0, item.pk,
            ),
        )  # fmt: skip
        group = [first, *(item for item in due if _goes_with(item, first))][:GROUP_MOST]
        due = [item for item in due if item not in group]
        groups.append(group)
        busy[first.room] += 1
        served[first.room] = now
        if slots is not None:
            slots[first.engine] -= 1
    return groups


def _goes_with(item: Candidate, first: Candidate) -> bool:
    return (
        item is not first
        and item.quick
        and first.quick
        and (item.room, item.engine, item.background, False)
        == (first.room, first.engine, False, first.background)
    )


def backoff_s(failures: int, *, most_s: float, chance: float | None = None) -> float:
    """Seconds until the next try: doubling from 0.25, at most `most_s`, of it a random 70 to 100 %."""
    chance = random.random() if chance is None else chance  # noqa: S311  # jitter, no secret
    return float(min(most_s, 0.25 * 2 ** min(max(failures, 1) - 1, 16))) * (0.7 + 0.3 * chance)
