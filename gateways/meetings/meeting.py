"""One meeting: what its participants say, from chunks of sound to messages. One socket is one meeting (docs/decisions/0056)."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from django.conf import settings

from asr.stream_options import AUTO_LANG
from asr.streams import MAX_CHANNELS
from asr.text_stream import Text
from gateways.common import background
from gateways.common.outbox import Outbox
from gateways.meetings.chunk import Chunk
from gateways.meetings.limits import SECOND_BYTES
from gateways.meetings.metrics import DURATION
from gateways.meetings.phrases import Phrase
from gateways.meetings.voice import Voice
from gateways.meetings.wire import transcription
from rooms.errors import DomainError

INTERIM_AFTER_S: Final = 0.05  # words and what is supposed behind them come as two entries: one interim
RETRY_S: Final = 0.5
KEPT_BYTES: Final = 60 * SECOND_BYTES  # of a participant: a phrase, and what a recogniser may lag behind
ALL_KEPT_BYTES: Final = 8 << 20
logger = logging.getLogger(__name__)


class Speech(Protocol):
    """What a meeting needs of its session (gateways/common/speech.py)."""

    session_id: int

    async def join(self, channel: str, source_lang: str) -> None:
        """Open a channel."""

    def feed(self, data: bytes, *, channel: str) -> bool:
        """Sound of it; False: it is lost."""

    def flush(self, channel: str) -> str:
        """Its last words, please."""

    def leave(self, channel: str) -> None:
        """Nothing more comes of it for now."""


def epoch_ms() -> int:
    """Now."""
    return time.time_ns() // 1_000_000


class Meeting:
    """Each participant has a channel for each language that it speaks. For one event loop; no method waits."""

    def __init__(self, speech: Speech, outbox: Outbox, *, clock_ms: Callable[[], int] = epoch_ms) -> None:
        self._speech = speech
        self._outbox = outbox
        self._clock_ms = clock_ms
        self._voices: dict[tuple[str, str], Voice] = {}  # by participant and language
        self._channels: dict[str, Voice] = {}
        self._now_of: dict[str, Voice] = {}  # by participant
        self._interims: dict[str, asyncio.TimerHandle] = {}  # by channel
        self._lost: set[str] = set()  # channels of which sound was lost, until some is taken again
        self._is_full = self._is_over = False
        self._joining: set[asyncio.Task[None]] = set()

    def hear(self, chunk: Chunk) -> None:
        """Sound of a participant, who speaks for the first time, maybe."""
        lang = chunk.lang if chunk.lang in settings.ENV.source_langs else AUTO_LANG
        voice = self._voices.get((chunk.participant_id, lang)) or self._new_voice(chunk.participant_id, lang)
        if voice is None or voice.refused or not chunk.audio:
            return
        before = self._now_of.get(chunk.participant_id)
        self._now_of[chunk.participant_id] = voice
        if before is not None and before is not voice and before.joined:
            before.left()
            self._speech.leave(before.channel)
        if voice.joined:
            self._feed(voice, chunk.audio)
        elif not voice.wait(chunk.audio):
            self._note_loss(voice)

    def take(self, text: Text) -> None:
        """An entry of the session's text."""
        voice = self._channels.get(text.channel)
        if text.kind in ("error", "gap"):
            fields = {"session": self._speech.session_id, "code": text.data.get("code", text.kind)}
            logger.warning("recogniser notice", extra=fields)
        elif voice is not None:
            self._take_of(voice, text.kind, text.data)

    def look(self) -> None:
        """To be called several times a second: who has fallen silent has said a phrase."""
        now_ms = self._clock_ms()
        for voice in self._channels.values():
            if voice.leaves(now_ms):
                self._speech.leave(voice.channel)
            elif voice.is_silent(now_ms):
                if voice.asks():
                    self._speech.flush(voice.channel)
                elif not voice.phrases.supposes:
                    self._send_finals(voice, voice.phrases.flush())

    async def heard(self) -> None:
        """Until the session has all sound that has come: a channel may not be open yet."""
        if self._joining:
            await asyncio.wait(self._joining)

    def end(self) -> None:
        """Nothing more comes, of anybody: whatever there is becomes final."""
        self._is_over = True
        for voice in self._channels.values():
            self._send_finals(voice, voice.phrases.flush(supposed=True))
        for timer in self._interims.values():
            timer.cancel()
        self._interims.clear()

    # --- sound
    def _new_voice(self, participant_id: str, lang: str) -> Voice | None:
        if len(self._channels) < MAX_CHANNELS:
            voice = Voice(f"p{len(self._channels)}", participant_id, lang)
            self._channels[voice.channel] = voice
            joining = background.spawn(self._join(voice))
            self._joining.add(joining)
            joining.add_done_callback(self._joining.discard)
        elif (resting := self._longest_resting(lang)) is not None:
            voice = resting
            del self._voices[voice.participant_id, lang]
            if self._now_of.get(voice.participant_id) is voice:
                del self._now_of[voice.participant_id]
            voice.become(participant_id)
        else:
            if not self._is_full:
                self._is_full = True
                logger.warning("too many speak at once", extra={"session": self._speech.session_id})
            return None
        self._is_full = False
        self._voices[participant_id, lang] = voice
        return voice

    def _longest_resting(self, lang: str) -> Voice | None:
        resting = (voice for voice in self._channels.values() if voice.rests and voice.lang == lang)
        return min(resting, key=lambda voice: voice.sounded_at_ms, default=None)

    async def _join(self, voice: Voice) -> None:
        while not voice.joined:
            try:
                await self._speech.join(voice.channel, voice.lang)
            except DomainError as error:
                if error.retry and not self._is_over:
                    await asyncio.sleep(RETRY_S)
                    continue
                voice.refused = True
                fields = {"session": self._speech.session_id, "code": error.code}
                logger.warning("participant not heard", extra=fields)
                return
            voice.joined = True
        self._feed(voice, voice.waiting())

    def _feed(self, voice: Voice, audio: bytes) -> None:
        if not audio:
            return
        if not self._speech.feed(audio, channel=voice.channel):
            self._note_loss(voice)
            return
        self._lost.discard(voice.channel)
        voice.sounded(audio, self._clock_ms())
        if settings.ENV.whisper_return_transcribed_audio:
            self._keep(voice, audio)

    def _keep(self, voice: Voice, audio: bytes) -> None:
        voice.kept.append(audio)
        voice.kept.shorten(KEPT_BYTES)
        while sum(len(each.kept) for each in self._channels.values()) > ALL_KEPT_BYTES:
            kept = (each for each in self._channels.values() if len(each.kept))
            min(kept, key=lambda each: each.sounded_at_ms).kept.shorten(0)  # who is silent for longest

    def _note_loss(self, voice: Voice) -> None:
        if voice.channel not in self._lost:
            self._lost.add(voice.channel)
            logger.warning("audio lost: too much waits", extra={"session": self._speech.session_id})

    # --- text
    def _take_of(self, voice: Voice, kind: str, data: dict[str, Any]) -> None:
        if kind == "words":
            rows = data["words"]
            finals = voice.confirmed(rows)
            if rows:
                DURATION.observe(max(0, self._clock_ms() - voice.times.at(int(rows[-1][1]))) / 1000)
            self._send_finals(voice, *finals)
        elif kind == "hypothesis":
            self._send_finals(voice, *voice.supposed(data["words"]))
        elif kind == "speech":
            voice.speaks(data["state"] == "started", int(data["ms"]), self._clock_ms())
            return
        elif kind == "flushed":
            voice.flushed()
            return
        elif kind == "end":
            voice.ended()
            self._send_finals(voice, voice.phrases.flush())
        if voice.channel not in self._interims:
            loop = asyncio.get_running_loop()
            self._interims[voice.channel] = loop.call_later(INTERIM_AFTER_S, self._send_interim, voice)

    def _send_interim(self, voice: Voice) -> None:
        del self._interims[voice.channel]
        interim = voice.phrases.interim()
        if interim is not None:
            self._outbox.show(self._message(voice, interim), slot=voice.channel)

    def _send_finals(self, voice: Voice, *finals: Phrase | None) -> None:
        for final in finals:
            if final is not None:
                self._outbox.put(self._message(voice, final))
                voice.kept.forget_before(final.end_ms)

    def _message(self, voice: Voice, phrase: Phrase) -> str:
        audio = ""
        if phrase.is_final and settings.ENV.whisper_return_transcribed_audio:
            audio = base64.b64encode(voice.kept.wav(phrase.start_ms, phrase.end_ms)).decode()
        epoch = voice.times.at(phrase.start_ms)
        return transcription(phrase, participant_id=voice.participant_id, epoch_ms=epoch, audio=audio)
