"""Clients of all wires without a room speak while something dies behind them: what did each of them keep?

One client a wire, at the same time, with scripted words: every half second of sound is a word that its time alone decides. As long as a client's
connection lives, no confirmed word may be lost and none confirmed twice; a client that was cut off comes back and is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from ops.bench.wires import place_of, wires_environment
from ops.faults.races import Output
from ops.faults.speech import WORD_MS, scripted_words
from ops.faults.stack import Stack, free_port, running_stack
from ops.wire_clients import WIRES, Notes, Place, noise

SECONDS, BREAKS_AFTER_S, AGAIN_S = 20.0, 8.0, 6.0
COMES_BACK_WITHIN_S = 60.0
SERVING = "SELECT pid FROM asr_session WHERE state IN ('live', 'closing') AND pid > 0"


@dataclass(frozen=True, slots=True)
class WireFault:
    """What one client kept. `lost` counts where its connection lived; `again`: it came back and was served."""

    fault: str
    wire: str
    confirmed: int
    lost: int
    doubled: int
    ended: str
    again: bool

    @property
    def harmless(self) -> bool:
        """As the wires' pages promise."""
        return not self.lost and not self.doubled and self.again


def kill_recognisers(stack: Stack) -> None:
    """Every process that serves a session."""
    for (pid,) in stack.query(SERVING):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_redis(stack: Stack) -> None:
    """It is started again."""
    stack.kill(stack.pid("redis"))


def kill_postgresql(stack: Stack) -> None:
    """It is started again."""
    stack.kill(stack.pid("postgres"))


def kill_gateways(stack: Stack) -> None:
    """Both processes that clients are connected to."""
    for program in ("web", "speech"):
        stack.kill(stack.pid(program))


FAULTS: dict[str, Callable[[Stack], None]] = {
    "recognisers killed": kill_recognisers,
    "Redis killed": kill_redis,
    "PostgreSQL killed": kill_postgresql,
    "web and speech killed": kill_gateways,
}


async def through(stack: Stack, place: Place, fault: str, *, seconds: float = SECONDS) -> list[WireFault]:
    """All wires at once."""
    sound = noise(seconds)
    clients = {name: asyncio.create_task(wire(place, 0).run([sound])) for name, wire in WIRES.items()}
    await asyncio.sleep(BREAKS_AFTER_S)
    await asyncio.to_thread(FAULTS[fault], stack)
    found = {name: (await client)[0] for name, client in clients.items()}
    again = dict(zip(WIRES, await asyncio.gather(*(_again(place, name) for name in WIRES)), strict=True))
    return [kept(fault, name, notes, seconds, again=again[name]) for name, notes in found.items()]


def kept(fault: str, wire: str, notes: Notes, seconds: float, *, again: bool) -> WireFault:
    """The row of one client."""
    words = Counter(scripted_words(notes.final))
    ended = notes.refused or notes.ended
    lost = 0 if ended else len(set(range(int(seconds * 1000) // WORD_MS)) - set(words))
    return WireFault(fault, wire, len(words), lost, words.total() - len(words), ended, again)


async def _again(place: Place, wire: str) -> bool:
    """Whether a client is served, tried until it is."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(COMES_BACK_WITHIN_S):
            while True:
                with contextlib.suppress(OSError):
                    (notes,) = await WIRES[wire](place, 1).run([noise(AGAIN_S)])
                    if scripted_words(notes.final):
                        return True
                await asyncio.sleep(1.0)
    return False


def run_and_print(out: Output) -> None:
    """A stack of its own; a table, and one line of JSON."""
    ports = (free_port(), free_port())
    rows: list[WireFault] = []
    with running_stack(rooms=["WIRES"], ASR_SLOTS=str(len(WIRES) + 2), **wires_environment(ports)) as stack:
        place = place_of(stack, "en", ports)
        for fault in FAULTS:
            rows += asyncio.run(through(stack, place, fault))
    table = Table(title="What each wire's client kept")
    for name in asdict(rows[0]):
        table.add_column(name)
    for row in rows:
        table.add_row(*map(str, asdict(row).values()))
    Console(width=140).print(table)
    harm = [f"{row.wire}: {row.fault}" for row in rows if not row.harmless]
    out.write(json.dumps({"harm": harm, "rows": [asdict(row) for row in rows]}))
