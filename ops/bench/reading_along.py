"""A talk through a whole stack, read in another language over the native captions as it is spoken."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from asr.audio.recorder import Blob
from ops.faults.stack import Stack
from ops.measure.talk import Talk
from ops.measure.translated import Place, Shown, spoken_ends_s

QUIET_S = 3.0
COMPLETE_WITHIN_S = 30.0


class AlongReader:
    """What one viewer has before the eyes: of each sentence its newest draft, then its translation."""

    def __init__(self, lang: str) -> None:
        self.shown: list[Shown] = []
        self._lang = lang
        self._pieces: dict[Place, dict[str, Any]] = {}  # as they were spoken
        self._unfinished = False
        self.last_at_s = 0.0

    def take(self, at_s: float, message: Mapping[str, Any]) -> None:
        """One message of the native wire, at a time since the audio began."""
        kind, place = message["type"], (message.get("part", 0), message.get("index", 0))
        if kind in ("sentence", "draft", "partial"):
            self.last_at_s = at_s
        if kind == "draft" and message["lang"] == self._lang:
            self.shown.append(Shown(at_s, place, message["confirmed"] + message["tentative"]))
        elif kind == "sentence" and message["lang"] == self._lang:
            if message["text"]:  # a piece whose sentence stands at the first one has none
                self.shown.append(Shown(at_s, place, message["text"], final=True))
        elif kind == "sentence":
            self._pieces[place] = dict(message)
        elif kind == "partial":
            self._unfinished = bool(message["confirmed"] + message["tentative"])

    @property
    def spoken(self) -> dict[Place, str]:
        """The whole sentences as they were spoken, by the places of their first pieces."""
        found: dict[Place, str] = {}
        first: Place | None = None
        for place in sorted(self._pieces):
            first = place if first is None else first
            found[first] = f"{found.get(first, '')} {self._pieces[place]['text']}".strip()
            first = None if self._pieces[place]["ends"] else first
        return found

    def is_complete(self) -> bool:
        """Nothing is unfinished, and each sentence has its translation."""
        finals = {moment.place for moment in self.shown if moment.final}
        return not self._unfinished and self.spoken.keys() <= finals


@dataclass(frozen=True, slots=True)
class ReadAlong:
    """What one reader saw, and when its words were spoken."""

    shown: list[Shown]
    spoken_ends_s: dict[Place, list[float]]
    sentences: int


async def read_along(stack: Stack, room: str, talk: Talk, blobs: Sequence[Blob], *, target: str) -> ReadAlong:
    """Stream the talk in real time, read it in `target`, and close the room."""
    reader = AlongReader(target)
    url = f"ws://127.0.0.1:{stack.port}/captions/{room}?lang={target}"
    async with stack.host(room, lang=talk.language, target=talk.language) as host:
        await host.wait_ready()
        began_s = time.monotonic()

        async def read() -> None:
            with contextlib.suppress(ConnectionClosed):
                async with connect(url, compression=None, max_size=2**22) as socket:
                    connected.set()
                    async for text in socket:
                        reader.take(time.monotonic() - began_s, json.loads(text))

        connected = asyncio.Event()
        reading = asyncio.create_task(read())
        await connected.wait()
        began_s = time.monotonic()
        await host.play(blobs)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(COMPLETE_WITHIN_S):
            # It waits for silence: there is no event to wait for.
            while not reader.is_complete() or time.monotonic() - began_s < reader.last_at_s + QUIET_S:  # noqa: ASYNC110
                await asyncio.sleep(QUIET_S / 10)
    reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading
    await asyncio.to_thread(stack.close_room, room)
    finals = {moment.place for moment in reader.shown if moment.final}
    return ReadAlong(reader.shown, spoken_ends_s(talk.words, reader.spoken), len(finals))
