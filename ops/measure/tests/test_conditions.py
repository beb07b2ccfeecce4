"""Speech that is disturbed: by as much as was said, the same each time."""

from dataclasses import replace

import numpy as np
import pytest

from asr.sample import SAMPLE
from ops.measure.conditions import CONDITIONS, row_of, summed, table, under
from ops.measure.differences import Difference, differences
from ops.measure.noises import at_speed, reverberant, speech_level, telephone
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
    found = row_of("clean", replace(row, offline_wer=0.25), 2)
    assert (found.wer, found.ratio) == (0.5, 2.0)
    assert found.rtf == pytest.approx(0.3)
    assert row_of("clean", row, 2).as_dict()["ratio"] is None
    assert table([found], "t").row_count == 1


def test_several_runs_are_one_by_the_errors_of_all_their_words(talk):
    row = score(talk, [Seen(4.5, "Ask nought", "Ask nought")], (), RunFacts("p", 11.0, 2.0, 1.0, 3.3))
    few, many = replace(row, offline_wer=0.5), replace(row, wer=0.1, offline_wer=0.2, commit_p50_s=2.6)
    found = summed([row_of("clean", few, 2), row_of("clean", many, 30)])
    assert (found.words, found.wer, found.offline_wer) == (32, pytest.approx(4 / 32), pytest.approx(7 / 32))
    assert found.ratio == pytest.approx(4 / 7)
    assert found.commit_p50_s == pytest.approx((row.commit_p50_s + 2.6) / 2)
    assert summed([row_of("clean", few, 2), row_of("clean", row, 30)]).offline_wer is None


def test_a_telephone_passes_on_what_lies_in_its_band_and_nothing_else():
    at_s = np.arange(16_000) / 16_000
    low, middle, high = (np.sin(2 * np.pi * hz * at_s).astype(np.float32) for hz in (100, 1000, 5000))
    assert np.abs(telephone(low + middle + high) - middle).max() < 0.01


def test_an_echo_follows_what_was_said_and_is_weaker():
    click = np.zeros(16_000, dtype=np.float32)
    click[1000] = 0.5
    found = reverberant(click, np.random.default_rng(1))
    assert np.abs(found[:1000]).max() < 0.001
    assert found[1000] == pytest.approx(0.5, abs=0.01)
    assert np.sum(np.square(found[1080:])) == pytest.approx(0.25 * 0.25, rel=0.1)


def test_differences_are_told_with_the_time_at_which_they_were_said(talk):
    assert differences(talk, "Ask nought") == [Difference(3.5, "not", "nought")]
    assert differences(talk, "So ask not") == [Difference(3.0, "", "so")]
    assert differences(talk, "") == [Difference(0.0, "ask not", "")]
    assert differences(talk, "ASK, not!") == []
