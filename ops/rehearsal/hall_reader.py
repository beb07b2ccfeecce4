"""A screen that follows a hall from talk to talk over the native wire, and comes back wherever it was."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from ops.rehearsal.seen import Seen

AGAIN_S, OPENS_WITHIN_S = 0.5, 10.0


@dataclass
class HallReader:
    """What one reader knows, message by message (docs/wires/captions.md)."""

    lang: str
    seen: Seen
    room: str = ""
    source_lang: str = ""
    versions: dict[str, int] = field(default_factory=dict)
    _beginning: bool = True
    _texts: dict[tuple[int, int], str] = field(default_factory=dict)

    def take(self, message: dict[str, Any]) -> None:
        """Put it where it belongs."""
        at_s = time.time()
        match message["type"]:
            case "hello":
                self._hello(message)
            case "state":
                self.source_lang = message["source_lang"]
            case "versions":
                self._beginning = False
                self._reach(message["versions"])
            case "partial":
                self.seen.words(self.room, at_s)
            case "sentence":
                self._sentence(message, at_s)
            case "removed":
                self._reach({message["lang"]: message["version"]})

    def query(self) -> str:
        """Where it left off."""
        after = ",".join(f"{track}:{version}" for track, version in self.versions.items())
        return urlencode(
            {"lang": self.lang, "room": self.room, "after": after} if self.room else {"lang": self.lang}
        )

    def over(self) -> None:
        """Count what is missing of a room that is not followed any more."""
        parts: dict[int, list[int]] = defaultdict(list)
        for part, index in self._texts:
            parts[part].append(index)
        self.seen.holes[self.room] += sum(
            max(known) - min(known) + 1 - len(known) for known in parts.values()
        )
        self._texts.clear()

    def _hello(self, message: dict[str, Any]) -> None:
        self.source_lang = message["source_lang"]
        if message["room"] != self.room:
            self.over()
            self.room = message["room"]
        if not message["resumed"]:
            # Who had this room and begins anew has missed more than can be replayed: what comes now was awaited.
            self._beginning, self.versions = not self._texts, {}

    def _sentence(self, message: dict[str, Any], at_s: float) -> None:
        self._reach({message["lang"]: message["version"]})
        if message["lang"] != self.source_lang:
            if not self._beginning:
                self.seen.translation(self.room, at_s)
            return
        place = message["part"], message["index"]
        before = self._texts.get(place)
        if before == message["text"]:
            return
        self.seen.rewritten += before is not None
        self._texts[place] = message["text"]
        self.seen.sentence(self.room, place[1], message["text"], at_s, awaited=not self._beginning)

    def _reach(self, versions: dict[str, int]) -> None:
        for track, version in {} if self._beginning else versions.items():
            self.versions[track] = max(version, self.versions.get(track, 0))


async def follow_hall(url: str, lang: str, seen: Seen) -> None:
    """Until it is cancelled."""
    reader = HallReader(lang, seen)
    try:
        while True:
            with contextlib.suppress(OSError, TimeoutError, ConnectionClosed, InvalidHandshake):
                async with connect(
                    f"{url}?{reader.query()}", compression=None, max_size=2**22, open_timeout=OPENS_WITHIN_S
                ) as socket:
                    seen.connected += 1
                    async for message in socket:
                        reader.take(json.loads(message))
            await asyncio.sleep(AGAIN_S)
    finally:
        reader.over()
