"""A new generation with the real model and audio waiting, at places where whole stretches were lost before."""

import pytest

from asr.recognise.tests import speech
from ops.faults.resume_points import Boundary, doubled_words, lost_stretches, resumed
from ops.measure.talk import ReferenceWord, Talk

RESUME_POINTS_MS = [111_172, 118_652, 143_013, 177_480, 190_428]


@pytest.mark.model
@pytest.mark.parametrize("waiting_s", [10, 16])
@pytest.mark.parametrize("committed_ms", RESUME_POINTS_MS)
def test_no_stretch_is_lost_or_doubled_behind_a_resume_point_with_audio_waiting(committed_ms, waiting_s):
    talk = speech.talk("talk_en_dev")
    stored = [word.text for word in talk.words if (word.start_ms + word.end_ms) / 2 < committed_ms]
    boundary = Boundary(committed_ms, (" ".join(stored),))
    row = resumed(speech.whisper(), talk, boundary, waiting_s, [talk.reference], live_s=0)
    assert (row.missing, row.doubled) == (0, 0), row.text


@pytest.mark.model
@pytest.mark.parametrize("waiting_s", [5, 8])
def test_a_title_leads_nobody_past_the_first_words_behind_a_resume_point(waiting_s):
    """As prompt it made the model skip "In being comparatively modern." behind a killed process."""
    talk = speech.talk("talk_en_dev")
    stored = " ".join(word.text for word in talk.words if (word.start_ms + word.end_ms) / 2 < 9450)
    boundary = Boundary(9450, (stored,))
    row = resumed(speech.whisper(), talk, boundary, waiting_s, [talk.reference], live_s=4, title="Talk CHAOS")
    assert (row.missing, row.doubled) == (0, 0), row.text


def test_lost_and_doubled_words_are_counted_in_stretches():
    text = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    words = tuple(ReferenceWord(part, 500 * at, 500 * at + 400) for at, part in enumerate(text))
    talk = Talk("count", "en", None, " ".join(text), words, ())
    assert (
        lost_stretches(
            talk, [talk.reference], ["One two.", "Three four five six seven eight nine ten."], 9000
        )
        == []
    )
    assert lost_stretches(talk, [talk.reference], ["One two.", "Seven eight nine ten."], 9000) == [4]
    assert lost_stretches(talk, [talk.reference], ["One two.", "Six seven eight nine ten."], 9000) == []
    assert (
        lost_stretches(talk, ["One two. Seven eight nine ten."], ["One two.", "Seven eight nine ten."], 9000)
        == []
    )
    assert doubled_words(["One two three."], ["Two three four."]) == 2
    assert doubled_words(["One two."], ["Three four."]) == 0
