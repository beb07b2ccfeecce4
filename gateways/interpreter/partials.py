"""The unfinished sentence as its speaker sees it, with a translation of it where an engine has nothing better to do."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from gateways.common import background
from gateways.common.outbox import Outbox
from gateways.interpreter import wire
from gateways.interpreter.finals import PartialText
from translation.bare import translated_within
from translation.engines import codes

DRAFT_EVERY_S: Final = 1.0
DRAFT_WITHIN_S: Final = 1.0
DRAFT_WORDS: Final = 3  # fewer say nothing yet
SLOT: Final = "partial"  # a slow reader gets the newest


class Partials:
    """One socket's."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._shown = PartialText("", "", 0)
        self._target = ""
        self._draft = ""
        self._sentence = 0
        self._drafting: asyncio.Task[None] | None = None
        self._drafted_s = float("-inf")

    def show(self, partial: PartialText, target: str) -> bool:
        """False: there is nothing new."""
        if partial.text == self._shown.text or not partial.text:
            return False
        self._shown, self._target = partial, target
        self._send()
        now_s = time.monotonic()
        wanted = len(partial.text.split()) >= DRAFT_WORDS and not codes.same(partial.lang, target)
        due = now_s - self._drafted_s >= DRAFT_EVERY_S and (self._drafting is None or self._drafting.done())
        if wanted and due:
            self._drafted_s = now_s
            self._drafting = background.spawn(self._translate(partial, target, self._sentence))
        return True

    def ended(self) -> None:
        """It is a final: what comes is another sentence."""
        self._sentence += 1
        self._draft, self._shown = "", PartialText("", "", 0)

    async def _translate(self, partial: PartialText, target: str, sentence: int) -> None:
        translation = await translated_within(
            partial.text, partial.lang, target, within_s=DRAFT_WITHIN_S, if_idle=True
        )
        if translation and sentence == self._sentence and target == self._target:
            self._draft = translation
            self._send()

    def _send(self) -> None:
        shown, target = self._shown, self._target
        draft = shown.text if codes.same(shown.lang, target) else self._draft
        partial = wire.Partial(text=shown.text, lang=shown.lang, translation=draft, target_lang=target)
        self._outbox.show(wire.encode(partial), slot=SLOT)
