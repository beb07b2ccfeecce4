"""Figures are what they say: normalising, scoring, the virtual clock, the soak's talk and plot."""

import numpy as np
import pytest

from asr.caption.captioner import Captioner
from asr.recognise.counters import Counters
from asr.recognise.options import EngineOptions
from asr.recognise.scripted import ScriptedRecogniser, scripted_word
from ops.measure import bench, soak
from ops.measure.normalise import normalised
from ops.measure.replay import CountedClock, VirtualClock, replay
from ops.measure.score import FinalPiece, RunFacts, Seen, error_rates, rewrites, score
from ops.measure.talk import ReferenceWord, Talk

FACTS = RunFacts("test", 5.0, 2.0, 100.0)


def talk(text="one fine day", nonspeech=()):
    words = tuple(ReferenceWord(w, 1000 * i, 1000 * i + 800) for i, w in enumerate(text.split()))
    return Talk("t", "en", np.zeros(4 * 16_000, dtype=np.float32), text, words, nonspeech)


@pytest.mark.parametrize(
    ("spoken", "normal"),
    [
        ("The fifteenth century!", "the 15th century"),
        ("about fourteen fifty-five", "about 1455"),
        ("forty-two line", "42 line"),
        ("at first, one of them", "at first one of them"),
        ("fifteen or twenty years", "15 or 20 years"),
        ("Schoeffer's", "schoeffers"),
        ("the twenty-first", "the 21st"),
    ],
)
def test_english_numbers_become_digits(spoken, normal):
    assert normalised(spoken, "en") == normal


def test_other_languages_lose_case_and_punctuation_only():
    assert normalised("Weißenburg-Gunzenhausen, dreißig!", "de") == "weissenburg gunzenhausen dreissig"


def test_latency_counts_from_the_end_of_each_word_to_when_it_stood_in_final_text():
    seen = [
        Seen(1.0, "", "One"),
        Seen(2.0, "One", "One fine"),
        Seen(3.5, "One fine day.", "One fine day."),
    ]
    row = score(talk(), seen, (), FACTS)
    assert row.wer == 0
    assert row.commit_p50_s == pytest.approx(1.2)  # one: 2.0 - 0.8, fine: 3.5 - 1.8, day: 3.5 - 2.8
    assert row.commit_max_s == pytest.approx(1.7)
    assert row.seen_p50_s == pytest.approx(0.2)
    assert row.unchanged_share == 1.0
    assert row.done_after_end_s == 1.0
    assert row.cpu_per_audio_s == 0.5


def test_changed_words_and_rewritten_finals_are_counted():
    seen = [
        Seen(1.0, "", "Won find"),
        Seen(2.0, "One", "One fine"),
        Seen(3.0, "One fine day", "One fine day"),
    ]
    assert score(talk(), seen, (), FACTS).unchanged_share == pytest.approx(1 / 3)
    assert rewrites(seen) == 0
    assert rewrites([*seen, Seen(4.0, "One final day", "")]) == 1


def test_words_in_a_stretch_without_speech_are_invented():
    pieces = [FinalPiece(0, 2900, "One fine day."), FinalPiece(3000, 3900, "Thanks for watching!")]
    row = score(talk(nonspeech=((2900, 4000),)), [Seen(4.0, "One fine day.", "")], pieces, FACTS)
    assert row.invented_words == 3


def test_silent_run_is_all_wrong():
    assert error_rates(talk(), "") == (1.0, 1.0)
    assert score(talk(), (), (), FACTS).wer == 1.0


def test_virtual_clock_replays_a_talk_without_waiting():
    samples = np.random.default_rng(0).normal(0, 0.1, 16_000 * 30).astype(np.float32)
    text = " ".join(scripted_word(slot, first=slot % 4 == 0).text.strip() for slot in range(60))
    words = tuple(ReferenceWord(w, 500 * i, 500 * i + 500) for i, w in enumerate(text.split()))
    spoken = Talk("scripted", "en", samples, text, words, ())
    run = replay(
        spoken, Captioner(ScriptedRecogniser, EngineOptions()), policy="scripted", clock=VirtualClock()
    )
    row = score(spoken, run.seen, run.pieces, run.facts)
    assert row.wer == 0
    assert row.final_rewrites == 0
    assert 0.4 < row.commit_p50_s < 1.6  # a sentence of 2 s is final when it is over
    assert row.done_after_end_s < 1


def test_medians_are_taken_per_figure():
    rows = [score(talk(), [Seen(at, "One fine day", "")], (), FACTS) for at in (3.0, 9.0, 5.0)]
    assert bench.medians(rows).commit_max_s == pytest.approx(4.2)


def test_options_are_set_by_name():
    options = bench.parse_options(["beam_size=2", "vac=no", "commit_probability=0.7"], EngineOptions())
    assert (options.beam_size, options.vac, options.commit_probability) == (2, False, 0.7)
    with pytest.raises(ValueError, match="No option"):
        bench.parse_options(["beams=2"], EngineOptions())


def test_soak_repeats_a_talk_with_pauses_and_draws_its_delay():
    long = soak.repeated(talk(), 180)
    assert long.seconds == pytest.approx(180, abs=5)
    assert len(long.nonspeech_ms) == long.reference.count("fine")
    breathless = soak.repeated(talk(), 180, pause_s=0.5)
    assert {end - start for start, end in breathless.nonspeech_ms} == {500}
    times = len(long.nonspeech_ms)
    points = soak.minutes(
        long, [Seen(200.0, " ".join(["one fine day"] * times), "")], [(1.0, 50.0), (70.0, 60.0)]
    )
    assert len(points) == 3
    assert soak.plot(points, "title").startswith("<svg")


def test_a_clock_of_decodes_moves_by_them_and_by_what_is_skipped_alone():
    counters = Counters()
    clock = CountedClock(counters, 0.3)
    clock.wait_until(1.0)
    counters.decodes += 2
    assert clock.now_s() == pytest.approx(1.6)
    clock.wait_until(1.2)
    assert clock.now_s() == pytest.approx(1.6)
