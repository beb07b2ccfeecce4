"""Words as they are committed, for wires that make pieces of their own of them: a captioner without sentences."""

from __future__ import annotations

from asr.recognise.options import EngineOptions
from asr.recognise.prompt import Voice
from asr.recognise.recogniser import Event, MakeRecogniser, Word
from asr.recognise.text import ends_sentence

from .captioner import Captioner, CaptionEvent, HypothesisChanged, WordsCommitted
from .speech import SpeechChanged, SpeechFollower

__all__ = ["HypothesisChanged", "SpeechChanged", "WordCaptioner", "WordsCommitted"]


class WordCaptioner(Captioner):
    """Gaps, overlaps and flushing are the captioner's; what is final is given out at once, word by word.

    `speech`: what the process before told last of where speech is. `voice`: takes each sentence that is finished.
    """

    def __init__(
        self,
        make_recogniser: MakeRecogniser,
        options: EngineOptions,
        start_ms: int = 0,
        committed_text: str = "",
        *,
        speech: SpeechChanged | None = None,
        voice: Voice | None = None,
    ) -> None:
        super().__init__(make_recogniser, options, start_ms, committed_text=committed_text)
        self._shown: tuple[Word, ...] = ()
        self._speech = SpeechFollower(speech, resume_ms=start_ms, pause_ms=options.pause_ms)
        self._voice = voice
        self._sentence: list[Word] = []

    def _caption_events(self, events: list[Event]) -> list[CaptionEvent]:
        emitted = super()._caption_events(events)
        return [*emitted, *self._speech.goes_on(self._recogniser.finalised_ms)]

    def _commit(self, words: tuple[Word, ...]) -> list[CaptionEvent]:
        words = self._after_overlap(words)
        if not words:
            return []
        self._committed_ms = max(self._committed_ms, words[-1].end_ms)
        if self._voice is not None:
            self._share(self._voice, words)
        return [WordsCommitted(words, self.language)]

    def _supposed(self) -> tuple[Word, ...]:
        """All of it: what is shown is its wire's choice."""
        return self._hypothesis

    def _changed_partial(self) -> list[CaptionEvent]:
        if self._hypothesis == self._shown:
            return []
        self._shown = self._hypothesis
        return [HypothesisChanged(self._hypothesis, self.language)]

    def _speech_begins(self, at_ms: int) -> tuple[SpeechChanged, ...]:
        return self._speech.begins(at_ms)

    def _speech_ends(self, at_ms: int) -> tuple[SpeechChanged, ...]:
        if self._voice is not None:
            self._end_sentence(self._voice)
        return self._speech.ends(at_ms)

    def _share(self, voice: Voice, words: tuple[Word, ...]) -> None:
        for word in words:
            self._sentence.append(word)
            if ends_sentence(word.text):
                self._end_sentence(voice)

    def _end_sentence(self, voice: Voice) -> None:
        if self._sentence:
            voice.add("".join(word.text for word in self._sentence), self._sentence[-1].end_ms)
            self._sentence = []
