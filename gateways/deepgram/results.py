"""When words become Results, final or not, and when speech and utterances end. Pure; the clock is a parameter.

The recogniser's final words go out at once as `is_final` (decision 66). The last of them waits for its punctuation until it is known
whether some follows: clients join transcripts by spaces, so it cannot come later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateways.deepgram import wire
from gateways.deepgram.words import Row, alternative, with_punctuation

PAUSE_MS = 640
PUNCTUATION_WITHIN_S = 1.0  # so long a word waits for its own, while nothing comes


@dataclass(frozen=True, slots=True)
class ResultOptions:
    """What a client asked for. `pause_ms`: silence that ends speech. `utterance_end_ms` 0: it does not want to know."""

    interim: bool = False
    endpointing: bool = True
    utterance_end_ms: int = 0
    vad_events: bool = False
    punctuated: bool = False
    languages: bool = False
    pause_ms: int = PAUSE_MS


@dataclass(frozen=True, slots=True)
class _Silence:
    """Speech ended at `from_ms`; at `known_s` it was known to have been silent for `silent_ms`."""

    from_ms: int
    known_s: float
    silent_ms: int


class ChannelResults:
    """One channel's. Each method returns what is to be sent."""

    def __init__(
        self,
        options: ResultOptions,
        metadata: wire.ResultsMetadata,
        *,
        channel: int = 0,
        channels: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._options = options
        self._metadata = metadata
        self._index = [channel, channels]
        self._clock = clock
        self._reached_ms = 0  # end of the last final Results
        self._held: Row | None = None  # final, but its punctuation may still come
        self._held_since_s = 0.0
        self._tentative: tuple[Row, ...] = ()
        self._interim_shown = False
        self._unfinished = False  # final words were sent behind the last speech_final
        self._silence: _Silence | None = None
        self._last_word_end_ms: int | None = None  # no UtteranceEnd has come behind it
        self._finalizes: dict[str, int] = {}  # not answered yet, by token: so much audio had come

    @property
    def reached_ms(self) -> int:
        """End of the last final Results."""
        return self._reached_ms

    @property
    def finalizes(self) -> int:
        """So many wait for their answer."""
        return len(self._finalizes)

    # --- what the recogniser says

    def words(self, rows: Sequence[Row]) -> list[wire.Message]:
        """Final words."""
        self._tentative = ()
        found = with_punctuation([*self._take_held(), *rows])
        messages = self._gap_before(found)
        if found and (found[-1].may_want_punctuation or self._finalizes):
            *found, self._held = found
            self._held_since_s = self._clock()
        return [*messages, self._final(found)] if found else messages

    def hypothesis(self, rows: Sequence[Row]) -> list[wire.Message]:
        """What is heard behind the final words; replaces the last."""
        self._tentative = tuple(rows)
        messages: list[wire.Message] = []
        if self._held is not None and not self._finalizes and (not rows or rows[0].is_word):
            messages.append(self._final(self._take_held()))
        return [*messages, *self._gap_before(rows), *self._interim()]

    def speech(self, state: str, at_ms: int) -> list[wire.Message]:
        """The voice detector: `started`, before the words, or `stopped`, behind them."""
        if state == "started":
            self._silence = None
            messages = self._utterance_end(at_ms)
            if self._options.vad_events:
                messages.append(wire.SpeechStarted(channel=self._index, timestamp=_seconds(at_ms)))
            return messages
        pause_ms = 0 if self._finalizes else self._options.pause_ms
        self._silence = _Silence(at_ms, self._clock(), pause_ms)
        if self._finalizes:
            return []  # its answer ends speech
        rows, final = self._rest(), self._options.endpointing
        if not rows and not (final and self._unfinished):
            return []
        return [self._final(rows, speech_final=final, until_ms=at_ms if final else 0)]

    def flushed(self, token: str) -> list[wire.Message]:
        """All that was heard before `finalize` of this token is text: its answer."""
        heard_ms = self._finalizes.pop(token, None)
        if heard_ms is None:  # answered already: the recogniser's process was another
            return []
        return [self._final(self._rest(), speech_final=True, from_finalize=True, until_ms=heard_ms)]

    # --- what the client and the clock say

    def finalize(self, token: str, heard_ms: int) -> None:
        """The client wants everything so far: `flushed` answers. `heard_ms`: so much audio has come; 0 where unknown.

        The last word before the answer is kept for it: some clients look at it only where it has words.
        """
        self._finalizes[token] = heard_ms

    def finish(self, heard_ms: int) -> list[wire.Message]:
        """Nothing more comes: the rest, up to the audio's end."""
        rows = self._rest()
        said = bool(rows) or self._unfinished
        if not said and heard_ms <= self._reached_ms:
            return []
        return [self._final(rows, speech_final=said, until_ms=heard_ms)]

    def look(self) -> list[wire.Message]:
        """What is due because nothing came."""
        now_s = self._clock()
        held = self._held is not None and not self._finalizes
        if held and now_s - self._held_since_s >= PUNCTUATION_WITHIN_S:
            return [self._final(self._take_held())]
        if self._silence is None or any(row.is_word for row in self._tentative):
            return []
        silent_ms = self._silence.silent_ms + int((now_s - self._silence.known_s) * 1000)
        return self._utterance_end(self._silence.from_ms + silent_ms)

    # --- the parts

    def _take_held(self) -> list[Row]:
        held, self._held = self._held, None
        return [] if held is None else [held]

    def _rest(self) -> list[Row]:
        """The word that waits, with the punctuation that the recogniser would put behind it."""
        punctuation = [row for row in self._tentative[:1] if not row.is_word]
        self._tentative = ()
        return with_punctuation([*self._take_held(), *punctuation])

    def _gap_before(self, rows: Sequence[Row]) -> list[wire.Message]:
        first = next((row for row in rows if row.is_word), None)
        return [] if first is None else self._utterance_end(first.start_ms)

    def _utterance_end(self, silent_until_ms: int) -> list[wire.Message]:
        last_ms, wanted_ms = self._last_word_end_ms, self._options.utterance_end_ms
        waits = not wanted_ms or last_ms is None or self._held is not None
        if waits or last_ms is None or silent_until_ms - last_ms < wanted_ms:
            return []
        self._last_word_end_ms = None
        return [wire.UtteranceEnd(channel=self._index, last_word_end=_seconds(last_ms))]

    def _interim(self) -> list[wire.Message]:
        held = [] if self._held is None else [self._held]
        rows = with_punctuation([*held, *self._tentative])
        if not self._options.interim or not (rows or self._interim_shown):
            return []
        self._interim_shown = bool(rows)
        return [self._results(rows)]

    def _final(
        self,
        rows: Sequence[Row],
        *,
        speech_final: bool = False,
        from_finalize: bool = False,
        until_ms: int = 0,
    ) -> wire.Results:
        message = self._results(
            rows, is_final=True, speech_final=speech_final, from_finalize=from_finalize, until_ms=until_ms
        )
        self._reached_ms = self._end_ms(rows, until_ms)
        self._interim_shown = False
        self._unfinished = not speech_final and (self._unfinished or bool(rows))
        if rows:
            self._last_word_end_ms = rows[-1].end_ms
        return message

    def _results(
        self,
        rows: Sequence[Row],
        *,
        is_final: bool = False,
        speech_final: bool = False,
        from_finalize: bool = False,
        until_ms: int = 0,
    ) -> wire.Results:
        found = alternative(rows, punctuated=self._options.punctuated, languages=self._options.languages)
        return wire.Results(
            channel_index=self._index,
            start=_seconds(self._reached_ms),
            duration=_seconds(self._end_ms(rows, until_ms) - self._reached_ms),
            channel=wire.Alternatives(alternatives=[found]),
            metadata=self._metadata,
            is_final=is_final,
            speech_final=speech_final,
            from_finalize=from_finalize,
        )

    def _end_ms(self, rows: Sequence[Row], until_ms: int) -> int:
        return max([self._reached_ms, until_ms, *(row.end_ms for row in rows)])


def _seconds(ms: int) -> float:
    return ms / 1000
