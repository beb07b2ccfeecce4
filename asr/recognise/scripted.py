"""A scripted recogniser: no model, words are a pure function of audio time. For tests where words do not matter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from asr.audio.samples import SAMPLES_PER_MS, Samples

from .recogniser import Committed, Event, Hypothesis, LanguageFound, UtteranceBegin, UtteranceEnd, Word

SENTENCE_MS = 2000
WORDS_PER_SENTENCE = 4
WORD_MS = SENTENCE_MS // WORDS_PER_SENTENCE
PAUSE_WORDS = 3  # so many silent slots end speech: two stretches of speech never share a sentence
LOUD = 1e-3


class ScriptedRecogniser:
    """Recognises "S0001w1 s0001w2 …" for the first 2 s of sound, and so on; silence has no words.

    Sentence and word numbers follow from the part's time alone, so that a new one that starts at any finalised
    time continues with the same words. A sentence is committed when its 2 s are over. Speech begins with the first
    sound, at once, and ends when 1.5 s were silent and its words are committed.

    `finds`: the language that it finds where none is known, with the first sound.
    """

    def __init__(self, start_ms: int = 0, *, finds: str = "") -> None:
        self._heard_samples = start_ms * SAMPLES_PER_MS
        self._finalised_ms = start_ms
        self._loud: dict[int, bool] = {}  # number of a word's slot since the part began: any sound in it
        self._shown: tuple[Word, ...] = ()
        self._finds = finds
        self._speaking = False
        self._checked_slot = start_ms // WORD_MS  # slots before it are known to be speech or silence
        self._spoken_slot = 0  # the last one with sound
        self._ended_ms = 0  # of the speech before

    @property
    def heard_ms(self) -> int:
        """End of the audio that was fed."""
        return self._heard_samples // SAMPLES_PER_MS

    @property
    def finalised_ms(self) -> int:
        """End of the last whole sentence slot."""
        return self._finalised_ms

    def feed(self, samples: Samples) -> None:
        """Note which words' slots hold sound."""
        slot_samples = WORD_MS * SAMPLES_PER_MS
        at = 0
        while at < len(samples):
            slot = self._heard_samples // slot_samples
            count = min(len(samples) - at, (slot + 1) * slot_samples - self._heard_samples)
            loud = bool(np.abs(samples[at : at + count]).max() > LOUD)
            self._loud[slot] = self._loud.get(slot, False) or loud
            self._heard_samples += count
            at += count

    def poll(self) -> list[Event]:
        """Commit one sentence slot that is over, or show the words of the one that is open."""
        return self._follow_speech() + self._next()

    def _next(self) -> list[Event]:
        end_ms = self._finalised_ms // SENTENCE_MS * SENTENCE_MS + SENTENCE_MS
        if end_ms <= self.heard_ms:
            return self._commit(end_ms)
        words = self._words(self.heard_ms // WORD_MS * WORD_MS)
        if words == self._shown:
            return []
        self._shown = words
        return [Hypothesis(words)]

    def flush_steps(self) -> Iterator[list[Event]]:
        """Commit every slot that was begun, one per step."""
        while self._finalised_ms < self.heard_ms:
            changed = self._follow_speech()
            end_ms = self._finalised_ms // SENTENCE_MS * SENTENCE_MS + SENTENCE_MS
            yield changed + self._commit(min(end_ms, self.heard_ms))
        if self._speaking:
            yield self._end_speech(min(self.heard_ms, (self._spoken_slot + 1) * WORD_MS))

    def flush(self) -> list[Event]:
        """Commit every slot that was begun."""
        return [event for events in self.flush_steps() for event in events]

    def _follow_speech(self) -> list[Event]:
        """What changed between speech and silence; the end of speech once all words before it are committed."""
        changes: list[Event] = []
        while change := self._next_change():
            changes += change
        return changes

    def _next_change(self) -> list[Event]:
        while self._checked_slot * WORD_MS < self.heard_ms:
            slot = self._checked_slot
            whole = (slot + 1) * WORD_MS <= self.heard_ms
            if self._loud.get(slot):
                self._spoken_slot = slot
                if not self._speaking:
                    self._speaking = True
                    found: list[Event] = [LanguageFound(self._finds)] if self._finds else []
                    return [*found, UtteranceBegin(max(slot * WORD_MS, self._ended_ms))]
            elif self._speaking and whole and slot - self._spoken_slot >= PAUSE_WORDS:
                spoken_ms = (self._spoken_slot + 1) * WORD_MS
                return self._end_speech(spoken_ms) if self._finalised_ms >= spoken_ms else []
            if not whole:
                break
            self._checked_slot += 1
        return []

    def _end_speech(self, at_ms: int) -> list[Event]:
        self._speaking, self._ended_ms = False, at_ms
        return [UtteranceEnd(at_ms)]

    def _commit(self, end_ms: int) -> list[Event]:
        words = self._words(-(-end_ms // WORD_MS) * WORD_MS)
        self._finalised_ms = end_ms
        self._shown = ()
        self._loud = {slot: loud for slot, loud in self._loud.items() if (slot + 1) * WORD_MS > end_ms}
        if not words:
            return []
        last = words[-1]
        return [Committed((*words[:-1], Word(last.start_ms, last.end_ms, last.text + ".", 1.0)))]

    def _words(self, before_ms: int) -> tuple[Word, ...]:
        slots = range(-(-self._finalised_ms // WORD_MS), before_ms // WORD_MS)
        loud = [slot for slot in slots if self._loud.get(slot)]
        return tuple(scripted_word(slot, first=slot == loud[0]) for slot in loud)


def scripted_word(slot: int, *, first: bool) -> Word:
    """The word of a slot of half a second, numbered from 0 at the part's first sample."""
    sentence, word = divmod(slot, WORDS_PER_SENTENCE)
    letter = "S" if first else "s"
    return Word(slot * WORD_MS, (slot + 1) * WORD_MS, f" {letter}{sentence + 1:04d}w{word + 1}", 1.0)
