"""Finals → their speech, one after the other and never late: what would be is skipped, and no text waits for any of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateways.common import background
from gateways.interpreter import metrics
from translation.speech.base import SpeechError
from translation.speech.pace import SpeechPace
from translation.speech.synthesiser import synthesiser

LOADS_WITHIN_S: Final = 30.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    lang: str
    shown_s: float


class Speaker:
    """One socket's voice. `give` gets each speech that is in time, as MP3."""

    def __init__(self, give: Callable[[bytes], None]) -> None:
        self._give = give
        self._pace = SpeechPace()
        self._next: _Said | None = None
        self._runs = False

    def say(self, text: str, lang: str) -> None:
        """Speak it soon. What still waits is given up for it."""
        if not text.strip():
            return
        self._next = _Said(text, lang, time.monotonic())
        if not self._runs:
            self._runs = True
            background.spawn(self._run())

    async def load(self, lang: str) -> None:
        """Have the voice loaded before the first final comes."""
        try:
            await synthesiser().speak("", lang, within_s=LOADS_WITHIN_S)
        except SpeechError as error:
            logger.warning("voice not loaded", extra={"code": error.code})

    async def _run(self) -> None:
        try:
            while (said := self._next) is not None:
                self._next = None
                await self._speak(said)
        finally:
            self._runs = False

    async def _speak(self, said: _Said) -> None:
        if not self._pace.in_time(said.shown_s, time.monotonic()):
            return
        try:
            left_s = self._pace.left_s(said.shown_s, time.monotonic())
            speech = await synthesiser().speak(said.text, said.lang, within_s=left_s)
        except SpeechError as error:
            metrics.TTS_FAILURES.inc()
            logger.warning("final not spoken", extra={"code": error.code})
            return
        now_s = time.monotonic()
        if speech is not None and self._pace.in_time(said.shown_s, now_s):
            self._pace.sent(now_s, speech.ms / 1000)
            self._give(speech.mp3)
            metrics.TTS_MS.observe((now_s - said.shown_s) * 1000)
