"""Some hundred viewers in a process of their own: python -m ops.rehearsal.audience

The first line of the input is an `Audience`; each later one {"storm": hall, "count": n}. With the end of the input what was seen goes
to the file that the first line names.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from ops.rehearsal.hall_reader import follow_hall
from ops.rehearsal.seen import ChunkReader, Seen

POLL_S, AGAIN_S, OPENS_WITHIN_S = 1.0, 0.5, 10.0
STORM_STAYS_S = 8.0
OUTAGES = (OSError, TimeoutError, ConnectionClosed, InvalidHandshake)


@dataclass(frozen=True, slots=True)
class Audience:
    """Who reads: in each hall (name → slug) so many by the hall's address, so many by the rooms' sockets."""

    port: int
    halls: dict[str, str]
    followers: int
    viewers: int
    langs: list[str]
    told: str  # file
    seed: int


@dataclass
class Halls:
    """What is on, as the list of rooms says: (room, spoken language) by hall; and the sockets that follow it."""

    now: dict[str, tuple[str, str]] = field(default_factory=dict)
    sockets: dict[str, dict[ClientConnection, str]] = field(default_factory=lambda: defaultdict(dict))

    def listed(self, rooms: list[dict[str, Any]]) -> list[ClientConnection]:
        """Take a list; the sockets of rooms that are not the newest active one of their hall any more."""
        now = {
            room["location"]: (room["id"], room["source_lang"]) for room in rooms if room["host_connection_id"]
        }  # fmt: skip  # by start: the last one counts
        self.now = now
        return [
            socket
            for hall, sockets in self.sockets.items()
            for socket, room in sockets.items()
            if hall in now and room != now[hall][0]
        ]


class Viewers:
    """Those of the conference's sockets, who go from room to room by the list."""

    def __init__(self, audience: Audience) -> None:
        self.seen = Seen()
        self._audience = audience
        self._halls = Halls()
        self._chunks = ChunkReader()
        self._dice = random.Random(audience.seed)  # noqa: S311

    async def look(self) -> None:
        """Ask for the list of rooms, as every client does, and send people to the talk that is on."""
        leaving = set()
        with requests.Session() as session:
            while True:
                url = f"http://127.0.0.1:{self._audience.port}/room_list"
                with contextlib.suppress(requests.RequestException, ValueError, KeyError):
                    answer = await asyncio.to_thread(session.get, url, timeout=OPENS_WITHIN_S)
                    for socket in self._halls.listed(answer.json()["rooms"]) if answer.ok else ():
                        leave = asyncio.create_task(socket.close())
                        leaving.add(leave)
                        leave.add_done_callback(leaving.discard)
                await asyncio.sleep(POLL_S)

    async def stay(self, hall: str, lang: str) -> None:
        """One viewer, for the whole event."""
        known: dict[str, set[tuple[int, int, str]]] = defaultdict(set)
        while True:
            await asyncio.sleep(self._dice.uniform(0.0, 2 * AGAIN_S))
            if hall in self._halls.now:
                with contextlib.suppress(*OUTAGES):
                    await self._watch(hall, lang, known)

    async def storm(self, hall: str, count: int) -> None:
        """So many more at the same moment."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STORM_STAYS_S):
                await asyncio.gather(*(self._come(hall) for _ in range(count)))

    async def _come(self, hall: str) -> None:
        known: dict[str, set[tuple[int, int, str]]] = defaultdict(set)
        while True:
            with contextlib.suppress(*OUTAGES):
                if hall in self._halls.now:
                    await self._watch(hall, self._audience.langs[0], known)
            await asyncio.sleep(AGAIN_S)

    async def _watch(self, hall: str, lang: str, known: dict[str, set[tuple[int, int, str]]]) -> None:
        """One connection; `known`: what this viewer has, by room."""
        room, spoken_lang = self._halls.now[hall]
        url = f"ws://127.0.0.1:{self._audience.port}/room/{room}/client/undefined/{lang}"
        async with connect(url, compression=None, max_size=2**22, open_timeout=OPENS_WITHIN_S) as socket:
            self._halls.sockets[hall][socket] = room
            self.seen.connected += 1
            try:
                await self._read(socket, room, spoken_lang, known)
            finally:
                self._halls.sockets[hall].pop(socket, None)

    async def _read(
        self, socket: ClientConnection, room: str, lang: str, known: dict[str, set[tuple[int, int, str]]]
    ) -> None:
        awaited, unfinished = room in known, ""
        has = known[room]
        async for message in socket:
            chunk = self._chunks.read(str(message), lang)
            if chunk is None:
                continue
            at_s = time.time()
            for line, index, text in chunk.spoken:
                if (line, index, text) not in has:
                    has.add((line, index, text))
                    self.seen.sentence(room, index, text, at_s, awaited=awaited)
            if chunk.unfinished != unfinished:
                unfinished = chunk.unfinished
                self.seen.words(room, at_s)
            new = chunk.translated - has
            if new:
                has |= new
                self.seen.translation(room, at_s)
            awaited = True


async def attend(audience: Audience, lines: AsyncIterator[str]) -> Seen:
    """Everybody, until there are no more lines."""
    viewers = Viewers(audience)
    work = [asyncio.create_task(viewers.look())]
    for hall, slug in audience.halls.items():
        langs = [audience.langs[number % len(audience.langs)] for number in range(audience.viewers)]
        work += [asyncio.create_task(viewers.stay(hall, lang)) for lang in langs]
        base = f"ws://127.0.0.1:{audience.port}/captions/hall/{slug}"
        langs = [audience.langs[number % len(audience.langs)] for number in range(audience.followers)]
        work += [asyncio.create_task(follow_hall(base, lang, viewers.seen)) for lang in langs]
    async for line in lines:
        asked = json.loads(line)
        work.append(asyncio.create_task(viewers.storm(asked["storm"], asked["count"])))
    for task in work:
        task.cancel()
    for ended in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
    return viewers.seen


async def _lines() -> AsyncIterator[str]:
    while line := await asyncio.to_thread(sys.stdin.readline):
        yield line


async def main() -> None:
    """The command line."""
    audience = Audience(**json.loads(await asyncio.to_thread(sys.stdin.readline)))
    os.nice(3)  # they stand for other people's phones
    seen = await attend(audience, _lines())
    await asyncio.to_thread(Path(audience.told).write_text, seen.as_json())


if __name__ == "__main__":
    asyncio.run(main())
