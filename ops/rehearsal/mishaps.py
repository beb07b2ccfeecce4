"""What goes wrong in a rehearsal, and when: planned by a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ops.rehearsal.programme import Talk

# Something that happens while somebody speaks.
SUDDEN = (
    "host-network-breaks", "host-page-reloads", "asr-process-killed", "web-killed", "redis-restarted",
    "postgres-restarted", "translation-engine-away", "second-host", "captioner-takes-the-pen",
)  # fmt: skip
# What belongs to the beginning or the end of a talk: one of so many talks, and at least one where there are as many as that.
OF_TALKS = {
    "host-forgets-to-stop": 12,
    "talk-runs-over": 16,
    "viewers-storm": 6,
    "talk-moves": 24,
    "hall-changes": 24,
}
KINDS = (*SUDDEN, *OF_TALKS)
FEW = 4  # talks: of fewer nothing of these happens
EVERYBODYS = frozenset(SUDDEN[3:7])  # what does not happen to one hall alone
BREAK_S, ENGINE_AWAY_S = (2.0, 6.0), 8.0
EDGE_SHARE, EDGE_MOST_S = 0.25, 10.0  # of a talk: nothing sudden happens this close to its beginning and end
SAID_AHEAD_S = 20.0  # a change of the schedule is known this long before
OVER_SHARE, FORGOTTEN_S = 0.3, 30.0
STORM_BREAK_S = 8.0  # so long a hall was empty before a storm


@dataclass(frozen=True, slots=True)
class Mishap:
    """At `at_s` of the run, in the hall of `talk`. `seconds`: how long, or how much later; `hall`: where to."""

    at_s: float
    kind: str
    talk: str
    seconds: float = 0.0
    hall: str = ""


def plan_mishaps(
    talks: Sequence[Talk], *, seed: int, every_s: float, kinds: Collection[str] = KINDS
) -> list[Mishap]:
    """By time: something sudden about every `every_s`, each kind once in a random order, then all of them again."""
    dice = random.Random(seed)  # noqa: S311
    recorded = [talk for talk in talks if talk.recorded]
    of_talks = list(_of_talks(recorded, talks, dice, kinds))
    moving = {mishap.talk for mishap in of_talks if mishap.kind in ("talk-moves", "hall-changes")}
    sudden = [kind for kind in SUDDEN if kind in kinds]
    still = [talk for talk in recorded if talk.code not in moving]
    planned = [*of_talks, *(_sudden(still, dice, every_s, sudden) if sudden else ())]
    return sorted(planned, key=lambda mishap: mishap.at_s)


def _sudden(
    talks: Sequence[Talk], dice: random.Random, every_s: float, kinds: Sequence[str]
) -> Iterator[Mishap]:
    """While somebody speaks, not too close to the ends of their talk."""
    names: list[str] = []
    at_s, over_s = every_s / 2, max((talk.ends_s for talk in talks), default=0.0)
    while at_s < over_s:
        due_s = at_s + dice.uniform(0.0, every_s / 4)
        at_s += every_s
        running = [talk for talk in talks if _edge(talk) < due_s - talk.starts_s < talk.seconds - _edge(talk)]
        if not running:
            continue
        names = names or dice.sample(list(kinds), len(kinds))
        kind, talk = names.pop(), dice.choice(running)
        lengths = {"host-network-breaks": dice.uniform(*BREAK_S), "translation-engine-away": ENGINE_AWAY_S}
        yield Mishap(due_s, kind, talk.code, lengths.get(kind, 0.0))


def _of_talks(
    recorded: Sequence[Talk], talks: Sequence[Talk], dice: random.Random, kinds: Collection[str]
) -> Iterator[Mishap]:
    """Each of these to talks of its own."""
    left = list(recorded)
    for kind, one_of in OF_TALKS.items():
        count = -(-len(recorded) // one_of) if kind in kinds and len(recorded) >= FEW else 0
        able = [talk for talk in left if _can(kind, talk, talks)]
        for talk in dice.sample(able, min(count, len(able))):
            left.remove(talk)
            yield _of_talk(kind, talk, talks, dice)


def _of_talk(kind: str, talk: Talk, talks: Sequence[Talk], dice: random.Random) -> Mishap:
    before_s = max(1.0, talk.starts_s - SAID_AHEAD_S)
    match kind:
        case "host-forgets-to-stop":
            return Mishap(talk.ends_s, kind, talk.code, FORGOTTEN_S)
        case "talk-runs-over":
            return Mishap(talk.ends_s, kind, talk.code, talk.seconds * OVER_SHARE)
        case "viewers-storm":
            return Mishap(talk.starts_s + 2.0, kind, talk.code)
        case "talk-moves":
            return Mishap(before_s, kind, talk.code, _free_s(talk, talks) / 2)
    return Mishap(before_s, kind, talk.code, hall=dice.choice(_free_halls(talk, talks)))


def _can(kind: str, talk: Talk, talks: Sequence[Talk]) -> bool:
    before = [other.ends_s for other in talks if other.hall == talk.hall and other.ends_s <= talk.starts_s]
    match kind:
        case "viewers-storm":
            return bool(before) and talk.starts_s - max(before) >= STORM_BREAK_S
        case "talk-moves":
            return talk.starts_s > SAID_AHEAD_S and _free_s(talk, talks) >= STORM_BREAK_S
        case "hall-changes":
            return talk.starts_s > SAID_AHEAD_S and bool(_free_halls(talk, talks))
    return True


def _free_s(talk: Talk, talks: Sequence[Talk]) -> float:
    """How much later it may end in its hall."""
    behind = [other.starts_s for other in talks if other.hall == talk.hall and other.starts_s >= talk.ends_s]
    return min(behind, default=talk.ends_s + talk.seconds) - talk.ends_s


def _free_halls(talk: Talk, talks: Sequence[Talk]) -> list[str]:
    """Where nobody speaks meanwhile."""
    busy = {
        other.hall for other in talks if other.starts_s < talk.ends_s + 2.0 and talk.starts_s < other.ends_s + 2.0
    }  # fmt: skip
    return sorted({other.hall for other in talks} - busy)


def _edge(talk: Talk) -> float:
    return min(EDGE_MOST_S, talk.seconds * EDGE_SHARE)
