"""Confirmed words only grow until their sentence comes, whatever the engine hears and whenever its process is killed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from hypothesis import given
from hypothesis import settings as at_most
from hypothesis import strategies as st

from asr.audio.samples import SAMPLES_PER_MS, Samples
from asr.caption.captioner import Captioner, SentenceReady
from asr.caption.partial import PartialText
from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import Committed, Event, Hypothesis, Word
from asr.recognise.scripted import WORD_MS, WORDS_PER_SENTENCE, scripted_word
from gateways.captions import messages
from gateways.captions.unfinished import never_taken_back
from transcripts.events import Draft, Partial

STEP_MS = 2 * WORD_MS
SILENCE_MS = 30_000
# of each step: how many of the heard words are confirmed, and whether the process is killed before it
Steps = list[tuple[int, bool]]


class WordwiseRecogniser:
    """As the scripted one, but confirms some words before their sentence is over; after a kill it hears some otherwise."""

    def __init__(self, start_ms: int, confirms: Iterator[int], heard_as: str) -> None:
        self._heard_ms = self._finalised_ms = start_ms
        self._confirms, self._heard_as = confirms, heard_as
        self._fresh = False

    @property
    def heard_ms(self) -> int:
        return self._heard_ms

    @property
    def finalised_ms(self) -> int:
        return self._finalised_ms

    def feed(self, samples: Samples) -> None:
        self._heard_ms += len(samples) // SAMPLES_PER_MS
        self._fresh = True

    def poll(self) -> list[Event]:
        if not self._fresh:
            return []
        self._fresh = False
        words = self._words()
        count = next(self._confirms)
        confirmed, hypothesis = words[:count], words[count:]
        if confirmed:
            self._finalised_ms = confirmed[-1].end_ms
        return [*([Committed(confirmed)] if confirmed else []), Hypothesis(hypothesis)]

    def flush_steps(self) -> Iterator[list[Event]]:
        words = self._words()
        self._finalised_ms = self._heard_ms
        yield [Committed(words)] if words else []

    def flush(self) -> list[Event]:
        return [event for events in self.flush_steps() for event in events]

    def _words(self) -> tuple[Word, ...]:
        slots = range(-(-self._finalised_ms // WORD_MS), self._heard_ms // WORD_MS)
        return tuple(self._word(slot) for slot in slots if slot * WORD_MS < SILENCE_MS)

    def _word(self, slot: int) -> Word:
        number = slot % WORDS_PER_SENTENCE
        word = scripted_word(slot, first=number == 0)
        end = "." if number == WORDS_PER_SENTENCE - 1 else ""
        return Word(word.start_ms, word.end_ms, f"{word.text}{self._heard_as}{end}", 1.0)


def wire(steps: Steps, *, guarded: bool = True) -> Iterator[tuple[str, dict[str, object] | int]]:
    """What a reader is told: ("partial", the message), or ("sentence", its index)."""
    confirms = iter([count for count, _ in steps])
    generation, index, told, shown = 0, 0, "", None
    captioner = Captioner(lambda start_ms: WordwiseRecogniser(start_ms, confirms, ""), EngineOptions())
    fed_ms = 0
    for _, killed in steps:
        if killed:  # what was not committed is gone; the audio is there
            generation += 1
            heard_as = "x" * (generation % 3)
            resumed = Captioner(
                lambda start_ms, said=heard_as: WordwiseRecogniser(start_ms, confirms, said),
                EngineOptions(), start_ms=captioner.committed_ms, committed_text=told,
            )  # fmt: skip
            fed_ms, captioner = resumed.needed_ms, resumed
        else:
            fed_ms += STEP_MS
        captioner.feed(fed_ms - STEP_MS if not killed else fed_ms, sound(STEP_MS if not killed else 0))
        events = captioner.poll()
        for event in events:
            if isinstance(event, SentenceReady):
                yield "sentence", index
                index, told = index + 1, event.text
        last = [event for event in events if isinstance(event, PartialText)][-1:]
        for event in last:  # as the sink publishes it: behind its sentences
            partial = Partial(
                "en", 1, event.start_ms, event.text, index, confirmed_chars=event.confirmed_chars
            )
            shown = never_taken_back(shown, partial) if guarded else partial
            yield "partial", json.loads(messages.partial(shown))


def sound(ms: int) -> Samples:
    return np.full(ms * SAMPLES_PER_MS, 0.1, dtype=np.float32)


steps = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 7).map(lambda die: die == 0)), min_size=1, max_size=40
)


@given(steps)
@at_most(deadline=None)
def test_confirmed_words_only_grow_until_their_sentence_comes(steps: Steps):
    confirmed: dict[int, str] = {}
    done = -1
    for kind, what in wire(steps):
        if kind == "sentence":
            assert isinstance(what, int)
            done = what
            continue
        assert isinstance(what, dict)
        index, text = what["index"], str(what["confirmed"])
        assert isinstance(index, int)
        assert index == done + 1
        assert text.startswith(confirmed.get(index, "")), (text, confirmed)
        confirmed[index] = text


@given(steps.map(lambda each: [(count, False) for count, _ in each]))
@at_most(deadline=None)
def test_the_engine_itself_takes_nothing_back(steps: Steps):
    """Only a process that was killed makes it necessary to hold anything back."""
    known = (-1, "")
    for kind, what in wire(steps, guarded=False):
        if kind == "partial":
            assert isinstance(what, dict)
            index, text = what["index"], str(what["confirmed"])
            assert index != known[0] or text.startswith(known[1])
            known = (index, text)


def test_a_process_that_begins_a_sentence_anew_shows_what_follows_what_was_confirmed():
    shown = Partial("en", 1, 500, "one two three", 4, confirmed_chars=7)
    again = never_taken_back(shown, Partial("en", 1, 600, "one two four", 4))
    assert (again.text, again.confirmed_chars, again.start_ms) == ("one two four", 7, 500)
    other = never_taken_back(shown, Partial("en", 1, 600, "won too", 4, confirmed_chars=3))
    assert (other.text, other.confirmed_chars) == ("one two", 7)
    nothing = never_taken_back(shown, Partial("en", 1, 600, "", 4))
    assert (nothing.text, nothing.confirmed_chars) == ("one two", 7)
    grown = Partial("en", 1, 600, "one two three", 4, confirmed_chars=13)
    assert never_taken_back(shown, grown) is grown
    following = Partial("en", 1, 600, "Five", 5)
    assert never_taken_back(shown, following) is following


def test_another_worker_that_drafts_a_sentence_anew_takes_back_nothing():
    shown = Draft("de", 1, 4, 500, 9, "eins zwei", confirmed_chars=9)
    assert (
        never_taken_back(shown, Draft("de", 1, 4, 500, 12, "ein zwei", confirmed_chars=8)).text == "eins zwei"
    )
    grown = Draft("de", 1, 4, 500, 14, "eins zwei drei", confirmed_chars=14)
    assert never_taken_back(shown, grown) is grown
    following = Draft("de", 1, 5, 900, 4, "vier", confirmed_chars=4)
    assert never_taken_back(shown, following) is following
