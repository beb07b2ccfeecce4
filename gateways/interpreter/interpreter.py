"""One speaker of this wire: sound in; partials, finals and speech out, to their own socket and their room."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass
from typing import Final as Constant

from django.conf import settings

from asr.audio.pcm import RawFormat
from asr.models import Session
from asr.stream_options import AUTO_LANG, StreamOptions
from asr.text_stream import Text
from gateways.common import background
from gateways.common.outbox import Outbox
from gateways.common.speech import SpeechSession
from gateways.interpreter import metrics, wire
from gateways.interpreter.finals import Finals, FinalText, words_of
from gateways.interpreter.limits import HELD_BYTES
from gateways.interpreter.partials import Partials
from gateways.interpreter.room import InterpreterRoom
from gateways.interpreter.sound import Arrivals
from gateways.interpreter.speaker import Speaker
from rooms.errors import DomainError
from translation.bare import translated_within

TURN_ENDS_MS: Constant = 1000  # so much silence, and the speaker waits for the translation
TRANSLATION_WITHIN_S: Constant = 2.0  # then a final goes without
BEHIND: Constant = 8  # finals that wait: they go without, too
LAST_WORDS_WITHIN_S: Constant = 10.0  # of a client that has gone; its slot is free meanwhile
LAST_FINALS_WITHIN_S: Constant = 10.0
SPEECH_SLOT: Constant = "speech"  # a slow reader hears the newest
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Audience:
    """Whom a speaker speaks to, and in which language; a second config changes it."""

    outbox: Outbox
    room: InterpreterRoom
    target_lang: str


class Interpreter:
    """Reads a session's text while its socket lives, and for a moment after."""

    def __init__(self, audience: Audience, source_lang: str) -> None:
        self.audience = audience
        self.source_lang = source_lang
        self._session: SpeechSession | None = None
        self._held: deque[tuple[bytes, RawFormat]] = deque()
        self._held_bytes = 0
        self._over = False
        self._reading: asyncio.Task[None] | None = None
        self._arrivals = Arrivals()
        self._finals = Finals(_spoken(source_lang))
        self._partials = Partials(audience.outbox)
        self._waiting: asyncio.Queue[FinalText] = asyncio.Queue()
        self._speaker = Speaker(self._give_speech)
        self._timer: asyncio.TimerHandle | None = None

    # --- sound
    def feed(self, data: bytes, raw_format: RawFormat) -> bool:
        """Never waits. False: too much waits, it is lost."""
        taken = (
            self._hold(data, raw_format) if self._session is None else self._session.feed(data, raw_format)
        )
        if taken:
            self._arrivals.came(len(data) * 1000 / raw_format.second_bytes, time.monotonic())
        return taken

    def _hold(self, data: bytes, raw_format: RawFormat) -> bool:
        if self._over or self._held_bytes + len(data) > HELD_BYTES:
            return False
        self._held.append((data, raw_format))
        self._held_bytes += len(data)
        return True

    # --- its life
    async def run(self) -> None:
        """Until its text is over. Raises DomainError."""
        self._reading = asyncio.current_task()
        options = StreamOptions(pause_ms=TURN_ENDS_MS)
        session = await SpeechSession.open(
            kind=Session.Kind.STREAM, source_lang=self.source_lang, options=options
        )
        background.spawn(self._speaker.load(self.audience.target_lang))
        delivering = background.spawn(self._deliver())
        metrics.SESSIONS.inc()
        try:
            self._begin(session)
            async for text in session.texts():
                self._take(text)
        finally:
            metrics.SESSIONS.dec()
            self._cancel_timer()
            await session.close()
            await self._last_finals(delivering)

    def _begin(self, session: SpeechSession) -> None:
        while self._held:
            session.feed(*self._held.popleft())
        self._session = session
        if self._over:
            session.finish()

    async def leave(self) -> None:
        """Their socket has gone: the slot is free at once, and what was said is still for the room."""
        self._over = True
        if self._session is not None:
            self._session.finish()
        if self._reading is not None:
            _, late = await asyncio.wait({self._reading}, timeout=LAST_WORDS_WITHIN_S)
            for task in late:
                task.cancel()

    async def _last_finals(self, delivering: asyncio.Task[None]) -> None:
        for final in self._finals.ended():
            self._waiting.put_nowait(final)
        try:
            async with asyncio.timeout(LAST_FINALS_WITHIN_S):
                await self._waiting.join()
        except TimeoutError:
            logger.warning("last finals not delivered")
        finally:
            delivering.cancel()

    # --- text
    def _take(self, text: Text) -> None:
        now_s = time.monotonic()
        lang = str(text.data.get("lang") or self._finals.lang)
        match text.kind:
            case "words":
                self._say(self._finals.words(words_of(text.data["words"]), lang, now_s))
            case "hypothesis":
                self._say(self._finals.hypothesis(words_of(text.data["words"]), lang, now_s))
            case "speech":
                self._say(self._finals.speech(started=text.data["state"] == "started"))
            case "closed":
                self._say(self._finals.ended())
                # failed; or closed because PostgreSQL did not know that its client is there
                if not self._over:
                    raise DomainError(
                        "recogniser_failed", retry=text.data.get("state") != Session.State.FAILED
                    )
            case "gap" | "error":
                logger.warning("interpreter's text is incomplete", extra={"kind": text.kind})
        self._show_partial(now_s)
        self._await_quiet()

    def _say(self, finals: list[FinalText]) -> None:
        for final in finals:
            self._partials.ended()
            self._waiting.put_nowait(final)
            if (late_ms := self._arrivals.since_ms(final.end_ms, time.monotonic())) is not None:
                metrics.FINAL_MS.observe(late_ms)

    def _show_partial(self, now_s: float) -> None:
        partial = self._finals.partial()
        shown = self._partials.show(partial, self.audience.target_lang)
        if shown and (late_ms := self._arrivals.since_ms(partial.end_ms, now_s)) is not None:
            metrics.PARTIAL_MS.observe(late_ms)

    def _await_quiet(self) -> None:
        """A pause is no entry: its end is waited for."""
        self._cancel_timer()
        if (due_s := self._finals.due_s()) is not None:
            delay_s = max(0.0, due_s - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_quiet)

    def _on_quiet(self) -> None:
        self._say(self._finals.quiet(time.monotonic()))
        self._await_quiet()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _deliver(self) -> None:
        """Finals in their order, each with its translation where that comes in time."""
        while True:
            final = await self._waiting.get()
            try:
                await self._translate_and_tell(final)
            finally:
                self._waiting.task_done()

    async def _translate_and_tell(self, final: FinalText) -> None:
        audience, began_s = self.audience, time.monotonic()
        target = audience.target_lang
        within_s = TRANSLATION_WITHIN_S if self._waiting.qsize() < BEHIND else 0.0
        translation = await translated_within(final.text, final.lang, target, within_s=within_s)
        now_s = time.monotonic()
        if translation is not None:
            metrics.MT_MS.observe((now_s - began_s) * 1000)
        said = wire.Final(text=final.text, lang=final.lang, translation=translation or "", target_lang=target)
        message = wire.encode(said)
        audience.outbox.put(message)
        if (late_ms := self._arrivals.since_ms(final.end_ms, now_s)) is not None:
            metrics.E2E_MS.observe(late_ms)
        audience.room.share(message)
        if settings.ENV.store_transcripts:
            audience.room.keep(wire.HistoryItem(**said.model_dump(), ts=round(time.time(), 3)))
        self._speaker.say(said.translation, target)

    def _give_speech(self, mp3: bytes) -> None:
        self.audience.outbox.show(mp3, slot=SPEECH_SLOT)
        self.audience.room.share(mp3)


def _spoken(source_lang: str) -> str:
    """Before anything was heard."""
    default: str = settings.ENV.default_source_lang
    return default if source_lang == AUTO_LANG else source_lang
