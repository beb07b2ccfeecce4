"""A reader of the native captions that knows several addresses, comes back whenever its socket breaks, and notes what it was shown."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from ops.faults.viewer import BACK_AFTER_S, CONNECT_WITHIN_S

Place = tuple[int, int]  # part, index


@dataclass
class NativeViewer:
    """As `docs/examples/read_captions.py`: resumes behind the versions that it has. Times are monotonic seconds."""

    addresses: Sequence[str]  # ws://…
    room: str
    lang: str = "en"
    sentences: dict[Place, str] = field(default_factory=dict)
    moments: list[float] = field(default_factory=list)
    rewrites: int = 0
    closed_reason: str = ""
    _versions: dict[str, int] = field(default_factory=dict)
    _whole: bool = False
    _confirmed: tuple[Place, str] = ((0, 0), "")
    _address: int = 0

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            with contextlib.suppress(OSError, TimeoutError, ConnectionClosed, InvalidHandshake):
                await self._once()
            self._address += 1  # the next one
            await asyncio.sleep(BACK_AFTER_S)

    def texts(self) -> list[str]:
        """Each sentence as it stands now."""
        return [self.sentences[place] for place in sorted(self.sentences)]

    async def _once(self) -> None:
        after = ",".join(f"{lang}:{version}" for lang, version in self._versions.items())
        base = self.addresses[self._address % len(self.addresses)]
        url = f"{base}/captions/{self.room}?{urlencode({'lang': self.lang, 'after': after})}"
        async with connect(url, compression=None, open_timeout=CONNECT_WITHIN_S) as socket:
            async for text in socket:
                self._take(json.loads(text))

    def _take(self, message: Mapping[str, Any]) -> None:
        match message:
            case {"type": "hello", "resumed": resumed}:
                self._whole = bool(resumed)
            case {"type": "sentence", "lang": self.lang, "part": part, "index": index, "text": text}:
                self._show((part, index), text)
                self._reach({message["lang"]: message["version"]})
            case {"type": "versions", "versions": versions}:
                self._whole = True
                self._reach(versions)
            case {"type": "partial", "part": part, "index": index, "confirmed": confirmed}:
                self._confirm((part, index), confirmed)

    def _show(self, place: Place, text: str) -> None:
        known = self.sentences.get(place)
        if known == text:
            return
        self.rewrites += known is not None
        self.sentences[place] = text
        self.moments.append(time.monotonic())

    def _confirm(self, place: Place, confirmed: str) -> None:
        """Confirmed words of one unfinished sentence are only added to."""
        before_place, before = self._confirmed
        self.rewrites += place == before_place and not confirmed.startswith(before)
        self._confirmed = (place, confirmed)
        self.moments.append(time.monotonic())

    def _reach(self, versions: Mapping[str, int]) -> None:
        for lang, version in versions.items() if self._whole else ():
            self._versions[lang] = max(version, self._versions.get(lang, 0))
