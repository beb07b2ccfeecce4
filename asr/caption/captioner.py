"""The captioner: audio with times in, sentences and the incomplete text out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from asr.audio.samples import SAMPLES_PER_MS, Samples
from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import (
    Committed,
    Event,
    Hypothesis,
    LanguageFound,
    MakeRecogniser,
    Reset,
    Unexplained,
    UtteranceBegin,
    Word,
)
from asr.recognise.text import ends_sentence

from .partial import PartialText, partial_text, supposed
from .pieces import PieceRule
from .resume import ResumePoint
from .sentences import CompletedSentence, SentenceAssembler
from .speech import SpeechChanged

LONGEST_FILL_MS = 1000


@dataclass(frozen=True)
class SentenceReady:
    """A sentence that will never change here; `spoken_to_text_ms` is how late its last word was committed.

    `words`: those that `text` is made of, for who gives out a part of it (asr/coverage.py). `ends` False: it is a piece
    of a sentence, which goes on in the next one. `continues`: it goes on with the one before.
    """

    start_ms: int
    end_ms: int
    text: str
    new_line: bool
    speaker: int = -1
    spoken_to_text_ms: int = 0
    words: tuple[Word, ...] = field(default=(), compare=False, repr=False)
    ends: bool = True
    continues: bool = False


@dataclass(frozen=True)
class SentenceEnded:
    """A sentence that was to go on ends with its pieces so far."""


@dataclass(frozen=True)
class Notice:
    """Something people should know: "recogniser_reset", "audio_gap", "speech_without_words"."""

    code: str
    at_ms: int


@dataclass(frozen=True)
class WordsCommitted:
    """Words that are final, in order; none of them comes twice (asr/caption/words.py)."""

    words: tuple[Word, ...]
    lang: str = ""


@dataclass(frozen=True)
class HypothesisChanged:
    """What is heard behind the last final word; replaces the one before (asr/caption/words.py)."""

    words: tuple[Word, ...]
    lang: str = ""


CaptionEvent = (
    SentenceReady | SentenceEnded | PartialText | Notice | WordsCommitted | HypothesisChanged | SpeechChanged
)


class Captioner:
    """Composes a recogniser and the splitting into sentences for one stream.

    `make_recogniser(start_ms)` is called at the start and after each gap in the audio. A captioner that resumes at
    `start_ms`, behind the sentence `committed_text`, is fed from `heard_ms` on, which is earlier: see `ResumePoint`.
    `unfinished`: what is stored of a sentence that goes on there.
    """

    def __init__(
        self,
        make_recogniser: MakeRecogniser,
        options: EngineOptions,
        start_ms: int = 0,
        line: int = 0,
        committed_text: str = "",
        unfinished: str = "",
    ) -> None:
        self._make = make_recogniser
        self._options = options
        self._begun = False
        self._held: list[Word] | None = None  # final words, while another captioner gives text out
        self._hypothesis: tuple[Word, ...] = ()
        self._queued: list[CaptionEvent] = []
        self.language = options.language
        self._go_on(start_ms, committed_text, unfinished, line)
        self._recogniser = make_recogniser(self._resume.overlap_start_ms if self._resume else start_ms)

    def _go_on(self, start_ms: int, committed_text: str, unfinished: str, line: int) -> None:
        options = self._options
        self._resume: ResumePoint | None = ResumePoint(start_ms, committed_text) if start_ms else None
        self._assembler = SentenceAssembler(
            options.language,
            punctuation_split=options.punctuation_split,
            max_chars=options.max_sentence_chars,
            pieces=PieceRule(options.piece_words, options.piece_words_most, options.piece_most_ms),
            unfinished=unfinished,
        )
        self._assembler.begins &= not committed_text or (not unfinished and ends_sentence(committed_text))
        self._committed_ms = start_ms
        self._last_end_ms: int | None = start_ms if line else None
        self._partial = PartialText(start_ms, "")
        self.line = line

    @property
    def heard_ms(self) -> int:
        """End of the audio that was fed."""
        return self._recogniser.heard_ms

    @property
    def committed_ms(self) -> int:
        """Resume here: everything before is in sentences that were emitted, or is not speech."""
        if self._assembler.pending or self._assembler.goes_on or self._queued:
            return self._committed_ms
        return max(self._committed_ms, self._recogniser.finalised_ms)

    @property
    def text_ms(self) -> int:
        """Audio up to here is in text that was emitted, final or not, or holds no speech."""
        supposed = self._supposed()
        shown_ms = supposed[-1].end_ms if supposed else 0
        return max(self._recogniser.finalised_ms, shown_ms)

    @property
    def is_between_sentences(self) -> bool:
        """Whether every word that is final stands in a sentence that has ended."""
        return not (self._assembler.pending or self._assembler.goes_on or self._queued)

    @property
    def is_silent(self) -> bool:
        """Whether nothing is shown that could still become a sentence."""
        return self.is_between_sentences and not self._hypothesis

    @property
    def needed_ms(self) -> int:
        """Audio before this is never needed again: the next generation is fed from here."""
        return ResumePoint(self.committed_ms).overlap_start_ms

    def feed(self, start_ms: int, samples: Samples) -> None:
        """Append audio from `start_ms`: an overlap is dropped, a short gap is filled, a long one ends the text."""
        if not self._begun:
            self._begin(start_ms)
        gap_ms = start_ms - self.heard_ms
        if gap_ms > LONGEST_FILL_MS:
            flushed = self.flush()
            self._queued = [*flushed, Notice("audio_gap", start_ms)]
            self._recogniser = self._make(start_ms)
            self._resume = None
            self._committed_ms = start_ms
        elif gap_ms > 0:
            self._recogniser.feed(np.zeros(gap_ms * SAMPLES_PER_MS, dtype=np.float32))
        elif gap_ms < 0:
            samples = samples[-gap_ms * SAMPLES_PER_MS :]
        if len(samples):
            self._recogniser.feed(samples)

    def _begin(self, start_ms: int) -> None:
        """The first audio: the overlap may be missing, or a part of it."""
        self._begun = True
        if self._resume and start_ms > self.heard_ms:
            self._recogniser = self._make(min(start_ms, self._resume.at_ms))

    def poll(self) -> list[CaptionEvent]:
        """Do at most one unit of work; return what is new."""
        return self._caption_events(self._recogniser.poll())

    def flush_steps(self) -> Iterator[list[CaptionEvent]]:
        """All audio fed becomes sentences, one unit of work per step: each may be written before the next."""
        for events in self._recogniser.flush_steps():
            yield self._caption_events(events)
        last = self._caption_events([])
        last.extend(self._emit(self._assembler.finish()))
        last.extend(self._changed_partial())
        yield last

    def flush(self) -> list[CaptionEvent]:
        """All audio fed becomes sentences, now."""
        return [event for events in self.flush_steps() for event in events]

    def break_off(self) -> list[CaptionEvent]:
        """End the unfinished sentence at its committed words: another writer goes on. What is heard is still heard."""
        emitted, self._queued = self._queued, []
        emitted.extend(self._emit(self._assembler.break_off()))
        emitted.extend(self._changed_partial())
        return emitted

    def cut(self) -> list[CaptionEvent]:
        """What is final is given out, as a piece of a sentence that goes on: another captioner takes over behind it."""
        emitted, self._queued = self._queued, []
        emitted.extend(self._emit(self._assembler.cut()))
        emitted.extend(self._changed_partial())
        return emitted

    def stand_by(self) -> None:
        """Hear and decode, and give nothing out, until `take_over`."""
        self._held = []

    def take_over(self, start_ms: int, committed_text: str, unfinished: str) -> list[CaptionEvent]:
        """Go on behind what another captioner gave out meanwhile, up to `start_ms`; what of it was heard here, too, is left out."""
        words, self._held = tuple(self._held or ()), None
        self._queued = []
        self._go_on(start_ms, committed_text, unfinished, 1 if committed_text else 0)
        hypothesis, self._hypothesis = self._hypothesis, ()
        emitted = self._commit(words)
        self._hypothesis = self._behind_resume(hypothesis)
        return [*emitted, *self._changed_partial()]

    def _hold(self, events: list[Event], held: list[Word]) -> None:
        for event in events:
            if isinstance(event, Committed):
                held.extend(event.words)
            if isinstance(event, LanguageFound):
                self.language = event.code
            elif not isinstance(event, Unexplained | UtteranceBegin):
                self._hypothesis = event.words if isinstance(event, Hypothesis) else ()

    def _behind_resume(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        return words[self._resume.count_before(words) :] if self._resume else words

    def _caption_events(self, events: list[Event]) -> list[CaptionEvent]:
        if self._held is not None:
            self._hold(events, self._held)
            return []
        emitted: list[CaptionEvent] = self._queued
        self._queued = []
        for event in events:
            if isinstance(event, Committed):
                self._hypothesis = ()
                emitted.extend(self._commit(event.words))
            elif isinstance(event, Hypothesis):
                self._hypothesis = self._behind_resume(event.words)
            elif isinstance(event, Reset):
                self._hypothesis = ()
                emitted.append(Notice("recogniser_reset", event.at_ms))
                emitted.extend(self._speech_ends(event.at_ms))
            elif isinstance(event, Unexplained):
                emitted.append(Notice("speech_without_words", event.at_ms))
            elif isinstance(event, UtteranceBegin):
                emitted.extend(self._speech_begins(event.start_ms))
            elif isinstance(event, LanguageFound):
                self.language = event.code
            else:
                self._hypothesis = ()
                emitted.extend(self._speech_ends(event.end_ms))
        emitted.extend(self._emit(self._finish_after_silence()))
        emitted.extend(self._changed_partial())
        return emitted

    def _commit(self, words: tuple[Word, ...]) -> list[CaptionEvent]:
        """Words behind a long pause never join the sentence before the pause."""
        emitted: list[CaptionEvent] = []
        words = self._after_overlap(words)
        for word in words:
            if self._is_over(word.start_ms):
                emitted.extend(self._emit(self._assembler.finish()))
            emitted.extend(self._emit(self._assembler.add((word,), more=word is not words[-1])))
        return emitted

    def _speech_begins(self, at_ms: int) -> tuple[SpeechChanged, ...]:
        """Nobody who reads sentences asks."""
        return ()

    def _speech_ends(self, at_ms: int) -> tuple[SpeechChanged, ...]:
        """Nobody who reads sentences asks."""
        return ()

    def _after_overlap(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        """Without the words of the overlap; whatever follows a word behind the resume point is behind it too."""
        resume = self._resume
        if resume is None:
            return words
        words = self._behind_resume(words)
        if words:
            self._resume = None
            words = tuple(word.not_before(resume.at_ms) for word in words)
        return words

    def _finish_after_silence(self) -> list[CompletedSentence]:
        if self._hypothesis or not self._is_over(self._recogniser.finalised_ms):
            return []
        return self._assembler.finish()

    def _is_over(self, silent_until_ms: int) -> bool:
        """Whether a long pause ends what is unfinished."""
        pending = self._assembler.pending
        if not pending and not self._assembler.goes_on:
            return False
        spoken_ms = pending[-1].end_ms if pending else self._committed_ms
        return silent_until_ms - spoken_ms >= self._options.sentence_pause_ms

    def _emit(self, sentences: list[CompletedSentence]) -> list[CaptionEvent]:
        emitted: list[CaptionEvent] = []
        for sentence in sentences:
            if not sentence.text:
                emitted += [SentenceEnded()] if sentence.continues and sentence.ends else []
            if not sentence.words:
                continue
            last_end_ms, self._last_end_ms = self._last_end_ms, sentence.end_ms
            is_far = last_end_ms is None or sentence.start_ms - last_end_ms >= self._options.line_pause_ms
            new_line = is_far and not sentence.continues
            self.line += new_line
            self._committed_ms = max(self._committed_ms, sentence.end_ms)
            if not sentence.text:
                continue
            late_ms = max(0, self.heard_ms - sentence.end_ms)
            emitted.append(
                SentenceReady(
                    sentence.start_ms,
                    sentence.end_ms,
                    sentence.text,
                    new_line,
                    spoken_to_text_ms=late_ms,
                    words=sentence.words,
                    ends=sentence.ends,
                    continues=sentence.continues,
                )
            )
        return emitted

    def _supposed(self) -> tuple[Word, ...]:
        return supposed(self._hypothesis, self._options.shown_probability)

    def _changed_partial(self) -> list[CaptionEvent]:
        if self._held is not None:
            return []
        assembler = self._assembler
        partial = partial_text(
            assembler.pending, self._supposed(), begins=assembler.begins, at_ms=self._committed_ms
        )
        if partial == self._partial or not (partial.text or self._partial.text):
            return []
        self._partial = partial
        return [partial]
