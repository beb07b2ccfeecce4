"""A deploy under live rooms: every process is replaced, one after the other, while hosts speak and viewers read on both wires."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import asdict, dataclass

import requests
from rich.console import Console
from rich.table import Table

from asr.audio.recorder import Blob
from gateways.conference.client.host import Host, HostLostError
from ops.faults.chaos import PersistentHost
from ops.faults.native_viewer import NativeViewer
from ops.faults.races import Output
from ops.faults.replicas import Replica, of_stack, replace_one, twice
from ops.faults.scenarios import TAIL_MS, until
from ops.faults.speaker import Speaker
from ops.faults.speech import RealSpeech, Speech, Unsent
from ops.faults.stack import HOST_PASSWORD, Stack, free_port, running_stack
from ops.faults.viewer import ReconnectingViewer

ROOMS = ("D1", "D2", "D3")
NOTHING_S, SETTLED_S = 30.0, 3.0  # without any deploy, to compare with; behind each successor's start
ENDS_WITHIN_S = 180.0
DRAINS = {"WEB_DRAIN_S": "8", "ASR_DRAIN_S": "20"}


@dataclass(frozen=True, slots=True)
class Replaced:
    """What one process's replacement was like. `still_*`: the longest time without anything new at any viewer of that wire, and for
    whoever speaks over gRPC (None: nobody does).
    """

    process: str
    ended_s: float
    ready_s: float
    still_conference_s: float
    still_native_s: float
    still_speech_s: float | None
    moved: int  # sessions that went to another generation meanwhile


@dataclass(frozen=True, slots=True)
class Words:
    """What all rooms together came to; `gaps`: sentences that some viewer never got."""

    lost: int
    doubled: int
    missing: int
    rewritten: int
    gaps: int


class RoamingHost(PersistentHost):
    """A host that knows every web process: one is enough for it."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        super().__init__(hosts[0])
        self._hosts = itertools.cycle(hosts)

    async def connect(self) -> None:
        """To the first that answers. Raises HostRefusedError, HostLostError."""
        for _ in range(2):
            self._host, before = next(self._hosts), self._host
            self._host.connection_id = before.connection_id
            await before.drop()
            try:
                await super().connect()
                return
            except HostLostError:
                continue
        raise HostLostError("no web process takes this host")


class LiveRoom:
    """One room: a host, two viewers on each wire, and what they were given."""

    def __init__(
        self, stack: Stack, room: str, speech: Speech, blobs: Sequence[Blob], ports: Sequence[int], key: str
    ) -> None:
        self.room, self.speech = room, speech
        self._blobs = blobs
        self._stack = stack
        addresses = [f"ws://127.0.0.1:{port}" for port in ports]
        self.conference = [
            ReconnectingViewer(stack, room, speech.language, addresses=order)
            for order in (addresses, addresses[::-1])
        ]
        self.native = [NativeViewer(order, room, speech.language) for order in (addresses, addresses[::-1])]
        self._host = RoamingHost(
            [
                stack.host(room, url=f"http://127.0.0.1:{port}", password=key, lang=speech.language, target=speech.language)
                for port in ports
            ]
        )  # fmt: skip
        self._viewers: list[ReconnectingViewer | NativeViewer] = [*self.conference, *self.native]
        self._over = False
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """The host speaks, and everybody reads."""
        await self._host.connect()
        talk = self._host.play(self._blobs, over=lambda: self._over)
        self._tasks = [asyncio.create_task(talk)]
        self._tasks += [asyncio.create_task(each.run()) for each in self._viewers]
        await until(lambda: all(each.moments for each in self._viewers))

    async def close(self) -> Words:
        """The host falls silent; all of it becomes text, and is counted."""
        self._over = True
        await self._tasks[0]
        await self._host.leave()
        unsent = Unsent(self._host.sent_ms, round(self.speech.seconds * 1000) + 1)
        await until(lambda: self._all_text(unsent.start_ms))
        await asyncio.to_thread(self._stack.close_room, self.room)
        await until(lambda: self._stack.session(self.room)["state"] in ("closed", "failed"))
        await until(lambda: not self._unread())
        for task in self._tasks:
            task.cancel()
        stored = self._stored()
        comparison = self.speech.compare(" ".join(stored), unsent)
        rewritten = sum(each.viewer.rewrites for each in self.conference) + sum(
            each.rewrites for each in self.native
        )
        return Words(comparison.lost, comparison.doubled, comparison.missing, rewritten, self._unread())

    def cancel(self) -> None:
        """Whatever happened."""
        for task in self._tasks:
            task.cancel()

    def generation(self) -> int:
        """Of its session."""
        return int(self._stack.session(self.room)["generation"])

    def _all_text(self, sent_ms: int) -> bool:
        session = self._stack.session(self.room)
        return bool(min(session["heard_ms"], session["committed_ms"]) >= sent_ms - TAIL_MS)

    def _stored(self) -> list[str]:
        return [text for *_, text in self._stack.sentences(self.room)]

    def _unread(self) -> int:
        return sum(text not in set(each.texts()) for each in self._viewers for text in self._stored())


def still_s(moments: Iterable[float], began: float, ended: float) -> float:
    """The longest time without anything new that touches this stretch."""
    known = [*moments]
    first = max((at for at in known if at <= began), default=began)
    inside = [first, *(at for at in known if began < at < ended)]
    nexts = [at for at in known if at >= ended]
    inside.append(min(nexts) if nexts else ended)
    return max(after - before for before, after in itertools.pairwise(inside))


async def deploy(
    stack: Stack,
    rooms: Sequence[LiveRoom],
    replicas: Sequence[Replica],
    *,
    speaker: Speaker | None,
    nothing_s: float,
) -> list[Replaced]:
    """Replace each process under these rooms, which are open by now, and under somebody who speaks over gRPC."""
    rows = []
    began = time.monotonic()
    await asyncio.sleep(nothing_s)
    rows.append(_row("nothing", rooms, speaker, began, 0.0, 0.0, 0))
    for replica in replicas:
        generations = sum(room.generation() for room in rooms)
        began = time.monotonic()
        ended = await asyncio.to_thread(replace_one, replica, ENDS_WITHIN_S)
        ready = time.monotonic()
        await asyncio.sleep(SETTLED_S)
        moved = sum(room.generation() for room in rooms) - generations
        rows.append(_row(replica.name, rooms, speaker, began, ended - began, ready - ended, moved))
    return rows


def _row(
    name: str,
    rooms: Sequence[LiveRoom],
    speaker: Speaker | None,
    began: float,
    ended_s: float,
    ready_s: float,
    moved: int,
) -> Replaced:
    now = time.monotonic()

    def longest(viewers: Iterable[ReconnectingViewer | NativeViewer]) -> float:
        return round(max(still_s(each.moments, began, now) for each in viewers), 2)

    return Replaced(
        name,
        round(ended_s, 1),
        round(ready_s, 1),
        longest(each for room in rooms for each in room.conference),
        longest(each for room in rooms for each in room.native),
        None if speaker is None else round(still_s(speaker.moments, began, now), 2),
        moved,
    )


async def under_rooms(
    stack: Stack,
    speech: Speech,
    codes: Sequence[str],
    replicas: Sequence[Replica],
    ports: Sequence[int],
    *,
    nothing_s: float,
    speech_ports: Sequence[int] = (),
) -> tuple[list[Replaced], Words]:
    """Open rooms of these codes, where the same is spoken; replace everything; close them.

    `ports`: of web processes; `speech_ports`: of servers over gRPC, to which somebody speaks meanwhile.
    """
    key = await asyncio.to_thread(_login, stack)
    blobs = await asyncio.to_thread(speech.blobs)
    rooms = [LiveRoom(stack, code, speech, blobs, ports, key) for code in codes]
    speaker = Speaker([f"127.0.0.1:{port}" for port in speech_ports]) if speech_ports else None
    try:
        await asyncio.gather(*(room.open() for room in rooms))
        async with _speaking(speaker):
            rows = await deploy(stack, rooms, replicas, speaker=speaker, nothing_s=nothing_s)
        words = list(await asyncio.gather(*(room.close() for room in rooms)))
    finally:
        for room in rooms:
            room.cancel()
    if speaker is not None:
        words.append(Words(speaker.lost, speaker.doubled, 0, 0, 0))
    each = [asdict(one) for one in words]
    return rows, Words(**{name: sum(one[name] for one in each) for name in each[0]})


@contextlib.asynccontextmanager
async def _speaking(speaker: Speaker | None) -> AsyncIterator[None]:
    """Somebody speaks over gRPC meanwhile; what they said last is confirmed before it ends."""
    if speaker is None:
        yield
        return
    talk = asyncio.create_task(speaker.run())
    try:
        if not await until(lambda: bool(speaker.moments)):
            raise TimeoutError("nobody is heard over gRPC")
        yield
        speaker.stop()
        await talk
    finally:
        talk.cancel()


def _login(stack: Stack) -> str:
    answer = requests.post(f"{stack.url}/login", json={"password": HOST_PASSWORD, "role": None}, timeout=10)
    return str(answer.json()["key"])


def run_and_print(output: Output, speech: Speech, environment: dict[str, str]) -> None:
    """`manage.py drill deploy`."""
    real = isinstance(speech, RealSpeech)
    with (
        running_stack(
            rooms=list(ROOMS),
            ASR_SLOTS=str(len(ROOMS) + (not real)),
            SPEECH_PORTS=str(free_port()),
            **DRAINS,
            **environment,
        ) as stack,
        twice(stack) as replicas,
    ):
        ports = [each.port for each in replicas if each.program == "web"]
        speech_ports = [] if real else [each.port for each in replicas if each.program == "speech"]
        everything = [*replicas, of_stack(stack, "beat")]
        rows, words = asyncio.run(
            under_rooms(
                stack,
                speech,
                ROOMS,
                everything,
                ports,
                nothing_s=NOTHING_S,
                speech_ports=speech_ports,
            )
        )
    Console(width=120).print(_table(rows))
    replaced = rows[1:]
    nothing_still, still = (
        max(max(row.still_conference_s, row.still_native_s) for row in each) for each in (rows[:1], replaced)
    )
    spoken = [row.still_speech_s for row in replaced if row.still_speech_s is not None]
    output.write(
        json.dumps(
            {
                "replaced": len(replaced),
                "rooms": len(ROOMS),
                "real": real,
                "still_s": still,
                "nothing_still_s": nothing_still,
                "still_speech_s": max(spoken, default=None),
                **asdict(words),
            }
        )
    )


def _table(rows: Sequence[Replaced]) -> Table:
    table = Table(title="A deploy under live rooms, in seconds")
    for heading in (
        "replaced",
        "ended after",
        "successor after",
        "still (conference)",
        "still (native)",
        "still (gRPC)",
        "sessions moved",
    ):
        table.add_column(heading)
    for row in rows:
        table.add_row(*("–" if value is None else str(value) for value in asdict(row).values()))
    return table
