"""A viewer of the conference wire: for the demo, the benchmarks and the tests."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

Key = tuple[int, int]  # line_idx, sent_idx


@dataclass(frozen=True, slots=True)
class Caption:
    """A sentence that is new or changed (`key`, `lang`), or the incomplete text (`key` None), which may be none any more.

    `at_s`: monotonic; the same for all that one chunk brought.
    """

    at_s: float
    text: str
    lang: str
    key: Key | None


class Viewer:
    """Reads chunks as a browser does: merges by (line_idx, sent_idx), never deletes."""

    def __init__(self) -> None:
        self.sentences: dict[Key, dict[str, str]] = {}
        self.incomplete = ""
        self.chunks = 0
        self.chunk: dict[str, Any] = {}
        self.rewrites = 0

    def add_chunk(self, text: str) -> list[Caption]:
        """One message of the server → what is new to this viewer."""
        message = json.loads(text)
        if "last_n_sents" not in message:
            return []
        at_s = time.monotonic()
        self.chunks += 1
        self.chunk = message
        news = [
            Caption(at_s, content, lang, (line["line_idx"], sentence["sent_idx"]))
            for line in message["last_n_sents"]
            for sentence in line["sentences"]
            for lang, content in sentence["content"].items()
            if self._merge((line["line_idx"], sentence["sent_idx"]), lang, content)
        ]
        if message["incomplete_sentence"] != self.incomplete:
            self.incomplete = message["incomplete_sentence"]
            news.append(Caption(at_s, self.incomplete, "", None))
        return news

    def text(self, lang: str) -> str:
        """Everything this viewer has read in a language."""
        return " ".join(
            self.sentences[key][lang] for key in sorted(self.sentences) if lang in self.sentences[key]
        )

    def _merge(self, key: Key, lang: str, content: str) -> bool:
        known = self.sentences.setdefault(key, {})
        if known.get(lang) == content:
            return False
        self.rewrites += lang in known
        known[lang] = content
        return True


async def watch(url: str, viewer: Viewer) -> AsyncIterator[Caption]:
    """Follow a room until the server closes the socket; `url` is the viewer's WebSocket."""
    async with connect(url, max_size=2**22, compression=None) as socket:
        async for caption in captions(socket, viewer):
            yield caption


async def captions(socket: ClientConnection, viewer: Viewer) -> AsyncIterator[Caption]:
    """What is new to `viewer`, message by message."""
    async for message in socket:
        for caption in viewer.add_chunk(message if isinstance(message, str) else message.decode()):
            yield caption
