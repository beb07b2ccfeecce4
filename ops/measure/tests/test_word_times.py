"""A reference without times gets those of what was heard."""

from itertools import pairwise

import numpy as np
import pytest

from ops.measure.talk import ReferenceWord, Talk
from ops.measure.word_times import with_word_times


def talk(reference, seconds=10):
    return Talk("t", "en", np.zeros(seconds * 16_000, dtype=np.float32), reference, (), ())


def heard(*words):
    return [ReferenceWord(text, start, end) for text, start, end in words]


def test_each_word_of_the_reference_keeps_its_text_and_has_the_time_of_what_was_heard():
    found = with_word_times(
        talk("Ask not, my “fellow” Americans!"),
        heard(
            (" ask", 0, 300),
            (" not", 300, 600),
            (" my", 700, 800),
            (" fellow", 800, 1200),
            (" american", 1200, 1900),
        ),
    )
    assert found.words == (
        ReferenceWord("Ask", 0, 300), ReferenceWord("not,", 300, 600), ReferenceWord("my", 700, 800),
        ReferenceWord("“fellow”", 800, 1200), ReferenceWord("Americans!", 1200, 1900),
    )  # fmt: skip


def test_words_that_nobody_heard_share_the_time_between_their_neighbours():
    found = with_word_times(talk("go on and on now"), heard((" go", 0, 400), (" now", 1000, 1400)))
    times = [(word.start_ms, word.end_ms) for word in found.words]
    assert times[0] == (0, 400)
    assert times[1][0] == 400
    assert times[3][1] == 1000
    assert all(start < end for start, end in times)
    assert all(a[1] <= b[0] for a, b in pairwise(times))


def test_a_word_nobody_heard_at_the_end_does_not_last_until_the_recording_ends():
    found = with_word_times(talk("go on", seconds=60), heard((" go", 0, 400)))
    assert found.words[1].end_ms <= 1400


def test_a_hyphenated_word_lasts_over_its_parts():
    found = with_word_times(
        talk("self-made man"), heard((" self", 100, 300), (" made", 300, 700), (" man", 700, 900))
    )
    assert found.words[0] == ReferenceWord("self-made", 100, 700)


def test_a_dash_is_no_word():
    assert len(with_word_times(talk("yes — no"), heard((" yes", 0, 1), (" no", 2, 3))).words) == 2


def test_a_recording_of_something_else_is_refused():
    with pytest.raises(ValueError, match="Nothing of the reference"):
        with_word_times(talk("yes"), [])
