"""All writers at once, on real connections: deadlocks, and sentences that wait for locks.

`race` runs in the process and on the database that it is called in: two live rooms with eight languages read in each,
workers of translation, an admin who corrects and deletes, hosts who come and go, a schedule that changes.
`run_and_print` starts a stack, and runs it there.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ops.faults.racers import RacedRoom

SECONDS = 50.0
SLOW_S = 0.5
OLD_PARTS = 60  # of each room, deleted one after the other
WATCH_S = 0.01
PAUSE_S = 0.3  # at most, between two steps of a writer
WATCH = "watch"
CODES = ("RACE0", "RACE1")
CROWDS = 3  # processes
NO_SUCH_PID = 2**22 + 1  # above the largest pid of Linux: nothing is ever killed
MARKER = "races: "
BASE_DIR = Path(__file__).resolve().parent.parent.parent

Step = Callable[[], None]


class Output(Protocol):
    """What a command writes to."""

    def write(self, text: str, /) -> object: ...


@dataclass(slots=True)
class Races:
    """The result of a race. `waits`: moments at which a sentence waited for a lock, by the writer who had it."""

    writes: int = 0
    slow_writes: int = 0
    slowest_s: float = 0.0
    deadlocks: int = 0
    waits: dict[str, int] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)


def run_and_print(out: Output, *, seconds: float = SECONDS) -> Races:
    """Race on a stack of its own, whose translation workers and sweeps take part; prints the table and its JSON."""
    from ops.faults.stack import running_stack

    with running_stack(rooms=["RACE"], TRANSLATION_ENGINES="scripted") as stack:
        stack.stop_program("asr")  # the races are the ASR processes
        env = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "REDIS_URL")}
        env |= {"VAR_DIR": str(stack.folder), "DEBUG": "1", "LOG_LEVEL": "ERROR"}
        env |= {
            "TRANSLATION_ENGINES": "scripted",
            "TRANSLATION_CYCLE_S": "0.05",
            "TRANSLATION_PER_CYCLE": "8",
        }
        child = subprocess.run(
            [sys.executable, "-m", "ops.faults.races", str(seconds)],
            cwd=BASE_DIR, env=env, stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    line = next(line for line in child.stdout.splitlines() if line.startswith(MARKER))
    races = Races(**json.loads(line.removeprefix(MARKER)))
    _print(out, races)
    return races


def _print(out: Output, races: Races) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("writer", "steps", title=f"All writers at once, slowest sentence {races.slowest_s:.2f} s")
    for name, steps in sorted(races.steps.items()):
        table.add_row(name, str(steps))
    for name, count in sorted(races.errors.items()):
        table.add_row(f"error: {name}", str(count))
    for name, count in sorted(races.waits.items()):
        table.add_row(f"moments at which a sentence waited for: {name}", str(count))
    console = Console(width=110)
    with console.capture() as printed:
        console.print(table)
    out.write(printed.get())
    result = {"deadlocks": races.deadlocks, "slow_writes": races.slow_writes, "writes": races.writes}
    out.write(json.dumps(result))


def race(*, seconds: float) -> Races:
    """Let all writers write for so long on the present database. Whatever a writer may not raise is in `errors`."""
    from ops.faults import racers

    races, before = Races(), racers.deadlocks()
    rooms = [racers.opened(code) for code in CODES]
    _compete([*_watched(rooms, races), *racers.crowd(rooms)], races, seconds=seconds)
    races.deadlocks = racers.deadlocks() - before
    return races


def race_in_processes(*, seconds: float) -> Races:
    """The same, the crowd in processes of its own: no speaker waits for another writer's Python."""
    from ops.faults import racers

    context = multiprocessing.get_context("fork")  # before there are threads or connections
    ready, results = context.Event(), context.SimpleQueue()
    crowds = [
        context.Process(target=_crowd, args=(number, ready, results, seconds)) for number in range(CROWDS)
    ]
    for crowd in crowds:
        crowd.start()
    races, before = Races(), racers.deadlocks()
    rooms = [racers.opened(code) for code in CODES]
    ready.set()
    _compete(_watched(rooms, races), races, seconds=seconds)
    for _ in crowds:
        other: Races = results.get()
        races.steps = dict(Counter(races.steps) + Counter(other.steps))
        races.errors = dict(Counter(races.errors) + Counter(other.errors))
    for crowd in crowds:
        crowd.join()
    races.deadlocks = racers.deadlocks() - before
    return races


def _crowd(number: int, ready: Event, results: SimpleQueue[Races], seconds: float) -> None:
    """One process of the crowd: every CROWDS-th of its writers."""
    from ops.faults import racers

    ready.wait()
    races = Races()
    rooms = [racers.joined(code) for code in CODES]
    _compete(racers.crowd(rooms)[number::CROWDS], races, seconds=seconds)
    results.put(races)


def _watched(rooms: list[RacedRoom], races: Races) -> list[tuple[str, Step]]:
    """The speakers, whose sentences are timed, their processes' heart-beats, and a probe of what they wait for."""
    from ops.faults import racers

    lock = threading.Lock()

    def speak(room: RacedRoom) -> None:
        began = time.monotonic()
        room.speak()
        took_s = time.monotonic() - began
        with lock:
            races.writes += 1
            races.slow_writes += took_s > SLOW_S
            races.slowest_s = max(races.slowest_s, took_s)

    def watch() -> None:
        for name in racers.blockers_of_speakers():
            races.waits[name] = races.waits.get(name, 0) + 1

    steps: list[tuple[str, Step]] = [(WATCH, watch)]
    for room in rooms:
        steps += [(racers.SPEAKER, partial(speak, room)), ("heart and host", room.beat)]
    return steps


def _compete(steps: list[tuple[str, Step]], races: Races, *, seconds: float) -> None:
    """Each writer in a thread, again and again until the time is over."""
    from ops.faults import racers

    stop, lock = threading.Event(), threading.Lock()

    def run(name: str, step: Step) -> None:
        with racers.connected(name):
            while not stop.is_set():
                kind = racers.attempt(step)
                with lock:
                    races.steps[name] = races.steps.get(name, 0) + 1
                    if kind:
                        kind = f"{name}: {kind}"
                        races.errors[kind] = races.errors.get(kind, 0) + 1
                stop.wait(WATCH_S if name == WATCH else random.uniform(0.0, PAUSE_S))  # noqa: S311

    threads = [threading.Thread(target=run, args=step, name=step[0]) for step in steps]
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join()


def main() -> None:
    """In the stack's own environment: race, and print the result on one line."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    print(MARKER + json.dumps(asdict(race_in_processes(seconds=float(sys.argv[1])))))


if __name__ == "__main__":
    main()
