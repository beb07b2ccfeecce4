"""A talk cut into turns, or said by all at once: no word is lost, each stands at its time."""

import numpy as np
import pytest

from ops.bench.streams import seen_of
from ops.measure.meeting import TURN_MS, at_once, taking_turns
from ops.measure.score import Seen
from ops.measure.talk import ReferenceWord, Talk, cut

WORDS = tuple(ReferenceWord(f"w{n}", 500 * n, 500 * n + 300) for n in range(60))


@pytest.fixture
def talk():
    """Each sample says in which word or gap it is."""
    samples = np.repeat(np.arange(1, 121, dtype=np.float32), 250 * 16)
    return Talk("t", "en", samples, " ".join(word.text for word in WORDS), WORDS, ())


@pytest.mark.parametrize("speakers", [1, 3, 10])
def test_turns_are_each_somebody_s_and_silence_to_the_others(talk, speakers):
    parts = taking_turns(talk, speakers)
    assert sorted(word.start_ms for part in parts for word in part.words) == [word.start_ms for word in WORDS]
    for word in WORDS:
        loud = [part for part in parts if part.samples[(word.start_ms + 100) * 16]]
        assert [part.words.count(word) for part in loud] == [1]
    assert len([part for part in parts if part.words]) == min(speakers, 1 + 30_000 // (TURN_MS + 1000))


def test_all_at_once_say_all_of_it_and_begin_elsewhere(talk):
    parts = at_once(talk, 3)
    assert len({part.reference for part in parts}) == 3
    for part in parts:
        assert sorted(word.text for word in part.words) == sorted(word.text for word in WORDS)
        for word in part.words[1:-1]:
            spoken = WORDS[int(word.text[1:])]
            assert part.samples[word.start_ms * 16] == talk.samples[spoken.start_ms * 16]


def test_cut_ends_behind_its_last_whole_word(talk):
    short = cut(talk, 2.1)
    assert [word.text for word in short.words] == ["w0", "w1", "w2", "w3"]
    assert short.reference == "w0 w1 w2 w3"
    assert len(short.samples) == 1800 * 16


def test_what_a_stream_s_reader_sees_is_final_words_and_the_newest_hypothesis():
    entries = [(0.5, "", " he"), (1.0, " hello", ""), (1.2, "", " wor"), (2.0, " world", " and")]
    assert seen_of(entries) == [
        Seen(0.5, "", "he"), Seen(1.0, "hello", "hello"), Seen(1.2, "hello", "hello wor"), Seen(2.0, "hello world", "hello world and"),
    ]  # fmt: skip
