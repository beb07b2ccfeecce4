"""The language of the first speech, where nobody said it: a recogniser that hears until it knows, then is that language's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from asr.audio.samples import Samples

from .front_end import Speech, VadFrontEnd
from .options import EngineOptions
from .recogniser import Event, LanguageFound, Recogniser

ASK_FIRST_MS = 1500  # of speech: after a second one in fifteen was wrong and sure of it (docs/performance.md)
ASK_EVERY_MS = 1000
SURE = 0.8  # at least so probable: asked no more
ENOUGH_MS = 4000  # of speech: the most probable one is taken
PAUSED = 0.5  # at least so probable where speech has ended: nobody should wait for what was said
KEPT_MS = 10_000  # of audio whose language was doubtful, before more speech


class LanguageRecogniser:
    """`detect` says how probable each language is, `make` makes a language's recogniser from a time on."""

    def __init__(
        self,
        detect: Callable[[Samples], Mapping[str, float]],
        make: Callable[[str, int], Recogniser],
        options: EngineOptions,
        start_ms: int = 0,
    ) -> None:
        self._detect = detect
        self._make = make
        self._pad_ms = options.speech_pad_ms
        self._front_end = VadFrontEnd(options, start_ms)
        self._from_ms = start_ms  # audio before this holds no speech
        self._speech_ms = 0  # of utterances that ended
        self._ask_at_ms = ASK_FIRST_MS
        self._recogniser: Recogniser | None = None

    @property
    def heard_ms(self) -> int:
        """End of the audio that was fed."""
        return self._recogniser.heard_ms if self._recogniser else self._front_end.heard_ms

    @property
    def finalised_ms(self) -> int:
        """Everything before this is committed or known to hold no speech."""
        return self._recogniser.finalised_ms if self._recogniser else self._from_ms

    def feed(self, samples: Samples) -> None:
        """Append consecutive audio."""
        (self._recogniser or self._front_end).feed(samples)

    def poll(self) -> list[Event]:
        """Until the language is known nothing is decoded."""
        if self._recogniser is not None:
            return self._recogniser.poll()
        return self._listen()

    def flush_steps(self) -> Iterator[list[Event]]:
        """What was heard becomes text, in the language that is most probable by now."""
        while self._recogniser is None and self._front_end.behind:
            yield self._listen()
        if self._recogniser is None and self._heard_speech_ms:
            yield self._decide(0.0)
        if self._recogniser is not None:
            yield from self._recogniser.flush_steps()

    def flush(self) -> list[Event]:
        """All of `flush_steps` at once."""
        return [event for events in self.flush_steps() for event in events]

    @property
    def _heard_speech_ms(self) -> int:
        return self._speech_ms + self._front_end.gate.speech_total_ms

    def _listen(self) -> list[Event]:
        """Advance to where the language may be asked for; ask."""
        front_end = self._front_end
        front_end.run_vad()
        while front_end.waiting:
            before_ms = front_end.at_ms
            change = front_end.step()
            if change is Speech.BEGINS and not self._speech_ms:
                self._from_ms = max(self._from_ms, before_ms - self._pad_ms)
            elif change is Speech.ENDS:
                self._speech_ms += front_end.gate.speech_total_ms
                front_end.gate.close()
                return self._decide(PAUSED)
            if self._heard_speech_ms >= self._ask_at_ms:
                return self._decide(SURE if self._heard_speech_ms < ENOUGH_MS else 0.0)
        self._forget()
        return []

    def _decide(self, least: float) -> list[Event]:
        """Ask; the recogniser of the language that is probable enough gets all that was heard."""
        self._ask_at_ms = self._heard_speech_ms + ASK_EVERY_MS
        samples = self._front_end.between(self._from_ms, self._front_end.at_ms)
        probabilities = self._detect(samples)
        code = max(probabilities, key=probabilities.__getitem__)
        if probabilities[code] < least:
            return []
        self._recogniser = self._make(code, self._from_ms)
        self._recogniser.feed(self._front_end.between(self._from_ms, self._front_end.heard_ms))
        return [LanguageFound(code)]

    def _forget(self) -> None:
        """Silence, and speech of long ago that was too short to tell, are kept no longer."""
        front_end = self._front_end
        if front_end.gate.speaking:
            return
        keep_ms = front_end.at_ms - (KEPT_MS if self._speech_ms else self._pad_ms)
        if keep_ms > self._from_ms:
            self._from_ms = keep_ms
            if self._speech_ms:
                self._speech_ms, self._ask_at_ms = 0, ASK_FIRST_MS
        front_end.evict_before(self._from_ms)
