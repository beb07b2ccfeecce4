"""What a gateway may choose: bounded, kept as JSON, handed to the engine."""

import pytest

from asr.recognise.options import EngineOptions
from asr.stream_options import (
    MAX_KEYWORD_CHARS,
    MAX_KEYWORDS,
    MAX_PROMPT_CHARS,
    StreamOptions,
)
from rooms.errors import BadInput

CHOSEN = StreamOptions(
    prompt="Ada Lovelace, Analytical Engine",
    keywords=("Bernoulli", "Menabrea"),
    policy="similarity",
    qratio_threshold=90,
    fallback=False,
    fallback_threshold=3,
    buffer_trimming_s=12.0,
    vad=False,
    pause_ms=500,
    shared_prompt=True,
)


def test_options_come_back_from_json_as_they_were():
    assert StreamOptions.from_json(CHOSEN.as_json()) == CHOSEN
    assert StreamOptions().as_json() == {}
    assert StreamOptions.from_json({"pause_ms": 300, "of another version": 1}) == StreamOptions(pause_ms=300)


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt": "x" * (MAX_PROMPT_CHARS + 1)}, {"prompt": None}, {"prompt": "a\0b"}, {"prompt": "\ud800"},
        {"keywords": ["a"]}, {"keywords": ("a",) * (MAX_KEYWORDS + 1)}, {"keywords": ("a" * (MAX_KEYWORD_CHARS + 1),)},
        {"keywords": (1,)}, {"policy": "guess"}, {"qratio_threshold": 0}, {"qratio_threshold": float("nan")},
        {"qratio_threshold": "95"}, {"fallback": 1}, {"fallback_threshold": 0}, {"fallback_threshold": 1.5},
        {"buffer_trimming_s": 1e9}, {"vad": None}, {"pause_ms": 0}, {"pause_ms": True}, {"pause_ms": 1e3},
        {"shared_prompt": "yes"},
    ],
)  # fmt: skip
def test_what_is_out_of_bounds_is_refused_by_name(wrong):
    with pytest.raises(BadInput) as refused:
        StreamOptions(**wrong)
    assert refused.value.parameters == {"option": next(iter(wrong))}


def test_nothing_chosen_changes_nothing_of_the_engine():
    assert StreamOptions().changed(EngineOptions()) == EngineOptions()


def test_engine_takes_what_was_chosen():
    engine = CHOSEN.changed(EngineOptions())
    assert (engine.policy, engine.qratio_threshold, engine.fallback, engine.fallback_threshold) == (
        "similarity", 90, False, 3,
    )  # fmt: skip
    assert (engine.buffer_trimming, engine.buffer_trimming_s, engine.vac) == ("first_half", 12.0, False)
    assert (engine.pause_ms, engine.stop_pause_ms) == (500, 500)


def test_similarity_trims_beyond_15_s_before_the_last_word_of_the_first_half():
    engine = StreamOptions(policy="similarity").changed(EngineOptions())
    assert (engine.buffer_trimming, engine.buffer_trimming_s) == ("first_half", 15.0)
