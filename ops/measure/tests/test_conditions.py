"""Speech that is disturbed: by as much as was said, the same each time."""

from dataclasses import replace

import numpy as np
import pytest

from asr.sample import SAMPLE
from ops.measure.conditions import CONDITIONS, row_of, table, under
from ops.measure.differences import Difference, differences
from ops.measure.noises import at_speed, speech_level
from ops.measure.score import RunFacts, Seen, score
from ops.measure.talk import ReferenceWord, Talk, read_audio


@pytest.fixture(scope="module")
def talk():
    words = (ReferenceWord("Ask", 3000, 3400), ReferenceWord("not", 3500, 3900))
    return Talk("t", "en", read_audio(SAMPLE.path) / 8, "Ask not", words, ((0, 300),))


@pytest.fixture(scope="module")
def others(talk):
    return [talk.samples[::-1].copy()]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_condition_is_sound_that_can_be_played_and_is_the_same_again(talk, others, condition):
    found, again = under(talk, condition, others), under(talk, condition, others)
    assert (found.samples == again.samples).all()
    assert found.samples.dtype == np.float32
    assert 0.005 < np.abs(found.samples).max() <= 1
    assert found.name == f"t {condition}"
    if not condition.startswith("speed"):
        assert len(found.samples) == len(talk.samples)
        assert found.words == talk.words


@pytest.mark.parametrize("what", ["noise", "babble", "speaker", "music", "applause"])
@pytest.mark.parametrize("level_db", [20, 5])
def test_a_disturbance_is_so_many_decibels_below_the_speech(talk, others, what, level_db):
    noise = under(talk, f"{what}-{level_db}", others).samples - talk.samples
    found_db = 20 * np.log10(speech_level(talk.samples) / np.sqrt(np.mean(noise**2)))
    assert found_db == pytest.approx(level_db, abs=0.1)


def test_the_level_of_speech_does_not_depend_on_how_long_its_pauses_are(talk):
    silence = np.zeros(10 * 16_000, dtype=np.float32)
    longer = np.concatenate([talk.samples, silence])
    assert speech_level(longer) == pytest.approx(speech_level(talk.samples), rel=0.1)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_at_another_speed_words_and_pauses_keep_their_place(talk, factor):
    found = at_speed(talk, factor)
    assert found.seconds == pytest.approx(talk.seconds / factor, abs=0.001)
    assert found.words[0].start_ms == round(3000 / factor)
    assert found.nonspeech_ms == ((0, round(300 / factor)),)
    back = at_speed(found, 1 / factor).samples[: len(talk.samples)]
    slow = np.convolve(
        talk.samples[: len(back)], np.ones(8) / 8, mode="same"
    )  # what was above the lower rate's band is lost
    assert np.corrcoef(np.convolve(back, np.ones(8) / 8, mode="same"), slow)[0, 1] > 0.99


@pytest.mark.parametrize("condition", ["rain-5", "noise", "noise-loud", "speed-9", ""])
def test_a_condition_that_nobody_knows_is_refused(talk, others, condition):
    with pytest.raises(ValueError, match=r"condition|speed"):
        under(talk, condition, others)


def test_a_row_tells_errors_beside_offline_s(talk):
    row = score(talk, [Seen(4.5, "Ask nought", "Ask nought")], (), RunFacts("p", 11.0, 2.0, 1.0, 3.3))
    found = row_of("clean", replace(row, offline_wer=0.25))
    assert (found.wer, found.ratio) == (0.5, 2.0)
    assert found.rtf == pytest.approx(0.3)
    assert row_of("clean", row).as_dict()["ratio"] is None
    assert table([found], "t").row_count == 1


def test_differences_are_told_with_the_time_at_which_they_were_said(talk):
    assert differences(talk, "Ask nought") == [Difference(3.5, "not", "nought")]
    assert differences(talk, "So ask not") == [Difference(3.0, "", "so")]
    assert differences(talk, "") == [Difference(0.0, "ask not", "")]
    assert differences(talk, "ASK, not!") == []
