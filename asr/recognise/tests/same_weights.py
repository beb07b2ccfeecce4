"""Two backends on the same weights: what is asked of both, and that both say the same."""

from __future__ import annotations

from typing import Any

import pytest

from asr.recognise.whisper import Decoded, DecodeRequest, Whisper

BEHIND_WORDS = {"prefix": " And so, my fellow Americans,", "prompt": " Inaugural address of 1961."}
REQUESTS: dict[str, dict[str, Any]] = {
    "greedy": {"beam_size": 1},
    "beams": {"beam_size": 5},
    "n-best": {"beam_size": 5, "penalty": lambda text: 0.0, "window_s": 12.0},
    "behind words": {"beam_size": 5, **BEHIND_WORDS},
    "may end": {"beam_size": 5, **BEHIND_WORDS, "may_end": True, "repetition_penalty": 1.0},
    "repetition penalty": {"beam_size": 1, "repetition_penalty": 1.15},
    "no penalty": {"beam_size": 5, "repetition_penalty": 1.0},
    "short of tokens": {"beam_size": 5, "max_new_tokens": 4},
}
each_request = pytest.mark.parametrize("options", REQUESTS.values(), ids=REQUESTS.keys())


def request(model: Whisper, *, prefix: str = "", prompt: str = "", **options: Any) -> DecodeRequest:
    """In English; texts become the model's tokens."""
    return DecodeRequest(
        "en",
        prompt=tuple(model.encode_text(prompt, "en")),
        prefix=tuple(model.encode_text(prefix, "en")),
        **options,
    )


def assert_same(found: Decoded, wanted: Decoded) -> None:
    """The same words at the same times, but for rounding."""
    assert [word.text for word in found.words] == [word.text for word in wanted.words]
    assert wanted.words
    assert (found.new_tokens, found.ended) == (wanted.new_tokens, wanted.ended)
    assert found.no_speech == pytest.approx(wanted.no_speech, abs=0.01)
    assert found.average_log_probability == pytest.approx(wanted.average_log_probability, abs=0.01)
    for ours, theirs in zip(found.words, wanted.words, strict=True):
        assert abs(ours.start_ms - theirs.start_ms) <= 40
        assert abs(ours.end_ms - theirs.end_ms) <= 40
        assert ours.probability == pytest.approx(theirs.probability, abs=0.02)
