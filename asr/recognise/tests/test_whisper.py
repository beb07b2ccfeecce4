"""Choosing among beams, and the model itself."""

from asr.recognise.tests import speech
from asr.recognise.whisper import DecodeRequest, rescore

ENGLISH = {1: " the", 2: " art", 3: " of", 4: " printing", 5: " prinding"}


def text_of(tokens):
    return "".join(ENGLISH[token] for token in tokens)


def unknown(text):
    return 2.0 * text.count("prinding")


def test_a_better_spelt_beam_wins_over_one_that_is_a_little_more_probable():
    beams, scores = [[1, 2, 3, 5], [1, 2, 3, 4]], [-0.20, -0.35]

    assert rescore(beams, scores, unknown, text_of) == 1


def test_a_much_more_probable_beam_wins_though_it_is_spelt_worse():
    beams, scores = [[1, 2, 3, 5], [1, 2, 3, 4]], [-0.20, -0.90]

    assert rescore(beams, scores, unknown, text_of) == 0


def test_the_prefix_is_not_judged_again():
    beams, scores = [[5, 1], [5, 2]], [-0.20, -0.21]

    assert rescore(beams, scores, unknown, text_of, skip=1) == 0


def test_the_model_gives_the_beam_that_costs_least():
    talk = speech.talk("talk_en_dev")
    window = talk.samples[: 4 * 16_000]
    model = speech.whisper()
    usual = model.decode(window, DecodeRequest(language="en", beam_size=5))
    first = usual.words[0].text

    other = model.decode(
        window,
        DecodeRequest(language="en", beam_size=5, penalty=lambda text: 1000.0 * text.startswith(first)),
    )

    assert usual.words
    assert other.words[0].text != first
