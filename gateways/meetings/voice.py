"""One participant's voice: a channel of the meeting's session, its words, its times, and whether anything new is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateways.meetings.limits import SECOND_BYTES
from gateways.meetings.phrases import Phrase, Phrases, Word
from gateways.meetings.sound import KeptSound, SpokenTimes
from gateways.meetings.wire import uuid7

SILENT_MS: Final = 2000  # without new speech: what was said is a final
TOLD_AFTER_MS: Final = 1000  # of silence, at most, its beginning is told where nothing lags
LEFT_MS: Final = 60_000  # without sound: the channel rests, and another participant may have it
WAITING_BYTES: Final = 20 * SECOND_BYTES  # of a participant whose channel is not open yet


class Voice:
    """Times `now_ms` are milliseconds since the epoch."""

    def __init__(self, channel: str, participant_id: str, lang: str) -> None:
        self.channel = channel
        self.lang = lang
        self.times = SpokenTimes()
        self.kept = KeptSound()
        self.joined = False
        self.refused = False
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._heard_ms = 0  # audio time up to which there is text
        self._leaves = self._ends = 0
        self.become(participant_id)

    def become(self, participant_id: str) -> None:
        """This participant speaks here from now on; whoever did before has ended."""
        self.participant_id = participant_id
        self.phrases = Phrases(lambda start_ms: uuid7(self.times.at(start_ms)))
        self._speaking = False
        self._sounded_at_ms = self._spoke_at_ms = 0
        self._has_left = self._asked = False

    # --- sound
    def sounded(self, audio: bytes, now_ms: int) -> None:
        """This sound of the participant came, and goes into the channel."""
        self.times.note(len(audio), now_ms)
        self._has_left = False
        self._sounded_at_ms = now_ms
        if self._speaking:
            self._spoke_at_ms = now_ms

    def wait(self, audio: bytes) -> bool:
        """Keep this until the channel is open. False: too much waits."""
        if self._waiting_bytes + len(audio) > WAITING_BYTES:
            return False
        self._waiting.append(audio)
        self._waiting_bytes += len(audio)
        return True

    def waiting(self) -> bytes:
        """All that was kept; nothing waits behind it."""
        found = b"".join(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        return found

    # --- text
    def confirmed(self, rows: Sequence[Sequence[Any]]) -> list[Phrase]:
        """Words came that stay."""
        words = self._words(rows)
        return self.phrases.confirm(words)

    def supposed(self, rows: Sequence[Sequence[Any]]) -> list[Phrase]:
        """Words came that may change."""
        return self.phrases.suppose(self._words(rows))

    def speaks(self, speaking: bool, at_ms: int, now_ms: int) -> None:
        """It is told now that speech began or ended at this audio time.

        A recogniser that lags behind tells it late, and what was said since will be told as late.
        """
        self._speaking = speaking
        self._spoke_at_ms = now_ms if speaking else max(self.times.at(at_ms), now_ms - TOLD_AFTER_MS)

    def ended(self) -> None:
        """All that came before a `leave` is text."""
        self._ends += 1
        self._speaking = False

    def flushed(self) -> None:
        """All that came before it was asked for is text."""
        self._asked = False

    # --- silence
    def is_silent(self, now_ms: int) -> bool:
        """Whether the participant says nothing new any more, though something waits to become a final."""
        return not self.phrases.is_empty and now_ms - self._spoke_at_ms >= SILENT_MS

    def asks(self) -> bool:
        """Whether the recogniser is to be asked for its last words, which it still only supposes: not twice at a time."""
        if self._asked or not self.phrases.supposes:
            return False
        self._asked = True
        return True

    def leaves(self, now_ms: int) -> bool:
        """Whether this participant has gone, as far as anybody can tell; True once."""
        if self._has_left or not self.joined or now_ms - self._sounded_at_ms < LEFT_MS:
            return False
        self.left()
        return True

    def left(self) -> None:
        """Nothing more comes here for now, and the recogniser is told so."""
        self._has_left = True
        self._leaves += 1

    @property
    def rests(self) -> bool:
        """Whether nothing of this participant is on its way: somebody else may have the channel."""
        return self._has_left and self._ends >= self._leaves and self.phrases.is_empty

    @property
    def sounded_at_ms(self) -> int:
        """When sound came last."""
        return self._sounded_at_ms

    def _words(self, rows: Sequence[Sequence[Any]]) -> list[Word]:
        words = [Word(int(start), int(end), str(text), float(sure)) for start, end, text, sure in rows]
        if words and words[-1].end_ms > self._heard_ms:
            self._heard_ms, self._asked = words[-1].end_ms, False
            self._spoke_at_ms = max(self._spoke_at_ms, self.times.at(self._heard_ms))
        return words
