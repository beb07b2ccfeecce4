"""A captioner's words → the session's text stream in Redis, for gateways that keep nothing.

Entries, by kind: `words` {words: [[start_ms, end_ms, text, probability], …], committed_ms, lang}: they are final;
`hypothesis` {words, committed_ms, lang}: what is heard beyond, replaces the one before; `speech` {state, ms}: it
`started` there, before its words, or `stopped` there, behind them; `flushed` {token}: all that came before the `flush`
of this token was said; `end`: who spoke here has gone and all of it was said; `error` {code, …}; `closed` {state}: the
session is over (asr/streams.py writes it).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from asr.caption.captioner import CaptionEvent, Notice
from asr.caption.speech import SpeechChanged
from asr.caption.words import HypothesisChanged, WordsCommitted
from asr.delay import DelayMeter, SpokenClock
from asr.leases import LeaseLost
from asr.recognise.recogniser import Word
from asr.sinks.sink import Resume
from asr.text_stream import Piece, Standing, TextStream, TextStreamTaken, TextStreamUnavailable, new_token

RETRY_S = 0.5
Told = WordsCommitted | HypothesisChanged | SpeechChanged
logger = logging.getLogger(__name__)


class StreamSink:
    """Appends one channel's words and its "committed up to" in one step; while Redis is away or full it tries again."""

    def __init__(
        self, stream: TextStream, *, session_id: int, channel: str, wait: Callable[[float], None]
    ) -> None:
        self._stream = stream
        self._session_id = session_id
        self._channel = channel
        self._wait = wait
        self._delay = DelayMeter()

    @property
    def delay_s(self) -> float:
        """How late text is now, seconds."""
        return self._delay.value_s

    def resume(self) -> Resume:
        """Shuts the generation before out, and goes on where it was."""
        found: list[Resume] = []
        self._until_written(lambda: found.append(_resume(self._stream.begin(self._channel))))
        return found[0]

    def note_backlog(self, since_s: float | None) -> None:
        """Only counted: a gateway sees itself when text comes."""
        self._delay.waits_since(since_s)

    def look(self) -> None:
        """Nobody else writes here."""

    def wants_break(self) -> bool:
        """Nobody else writes here."""
        return False

    def settle(self, clock: SpokenClock) -> None:
        """Nothing waits."""

    def handle(self, events: Sequence[CaptionEvent], *, committed_ms: int, clock: SpokenClock) -> int:
        """Of several hypotheses the last one holds."""
        for event in events:
            if isinstance(event, Notice):
                fields = {"session": self._session_id, "code": event.code}
                logger.warning("recogniser notice", extra=fields)
        told = [e for e in events if isinstance(e, WordsCommitted | HypothesisChanged | SpeechChanged)]
        if told:
            words = [word for event in told if isinstance(event, WordsCommitted) for word in event.words]
            self._append(
                _pieces(told, committed_ms),
                committed_ms=committed_ms,
                last_word=words[-1].text if words else "",
                lang=next((event.lang for event in told if not isinstance(event, SpeechChanged)), ""),
                speech=next((_noted(e) for e in reversed(told) if isinstance(e, SpeechChanged)), ""),
            )
            if words:
                self._delay.sentences([clock.seconds_since(words[-1].end_ms)])
        return committed_ms

    def error(self, code: str, **parameters: str) -> None:
        """Told in its place among the words."""
        self._append([Piece("error", {"code": code, **parameters})])

    def flushed(self, token: str) -> None:
        """Told behind the last word before it."""
        self._append([Piece("flushed", {"token": token})])

    def ended(self) -> None:
        """Told behind the last word."""
        self._append([Piece("end")])

    def _append(
        self,
        pieces: list[Piece],
        *,
        committed_ms: int | None = None,
        last_word: str = "",
        lang: str = "",
        speech: str = "",
    ) -> None:
        token = new_token()
        self._until_written(
            lambda: self._stream.append(
                self._channel,
                pieces,
                token=token,
                committed_ms=committed_ms,
                last_word=last_word,
                lang=lang,
                speech=speech,
            )
        )

    def _until_written(self, write: Callable[[], None]) -> None:
        while True:
            try:
                write()
                return
            except TextStreamTaken as error:
                raise LeaseLost from error
            except TextStreamUnavailable:
                logger.warning("Redis takes no text", extra={"session": self._session_id})
                self._wait(RETRY_S)


def _pieces(events: Sequence[Told], committed_ms: int) -> list[Piece]:
    """Words and speech in their order, words that follow each other in one piece; the last hypothesis at the end."""
    pieces: list[Piece] = []
    hypothesis: list[Piece] = []
    for event in events:
        if isinstance(event, SpeechChanged):
            pieces.append(Piece("speech", {"state": _state(event), "ms": event.at_ms}))
            continue
        rows = _rows(event.words)
        if isinstance(event, WordsCommitted) and pieces and pieces[-1].kind == "words":
            pieces[-1].data["words"] += rows
            continue
        data = {"words": rows, "committed_ms": committed_ms, "lang": event.lang}
        if isinstance(event, WordsCommitted):
            pieces.append(Piece("words", data))
        else:
            hypothesis = [Piece("hypothesis", data)]
    return pieces + hypothesis


def _state(event: SpeechChanged) -> str:
    return "started" if event.started else "stopped"


def _noted(event: SpeechChanged) -> str:
    """As the channel's state has it; `_resume` reads it."""
    return f"{_state(event)}:{event.at_ms}"


def _resume(standing: Standing) -> Resume:
    state, _, at_ms = standing.speech.partition(":")
    speech = SpeechChanged(state == "started", int(at_ms)) if at_ms else None
    return Resume(standing.committed_ms, standing.last_word, standing.lang, speech)


def _rows(words: Sequence[Word]) -> list[list[object]]:
    return [[word.start_ms, word.end_ms, word.text, round(word.probability, 4)] for word in words]
