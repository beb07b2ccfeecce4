"""A batch through an engine: one bad text spoils nothing, the same sentence is translated once."""

from __future__ import annotations

from collections.abc import Sequence

from translation.engines.base import EMPTY, FAILED, UNREACHABLE, EngineError, Pair
from translation.translate import TranslationCache, translate


class ScriptedTrouble:
    """Marks texts; fails on those that contain its words."""

    name = "scripted-trouble"
    remote = True

    def __init__(self, **trouble: str) -> None:
        self.trouble = trouble
        self.calls: list[list[str]] = []

    def languages(self) -> frozenset[Pair]:
        return frozenset({("en", "de")})

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        self.calls.append(list(texts))
        for code, word in self.trouble.items():
            if code != EMPTY and any(word in text for text in texts):
                raise EngineError(code)
        return ["" if self.trouble.get(EMPTY, "\0") in text else f"[{target}] {text}" for text in texts]


def test_a_batch_is_one_call_and_identical_sentences_are_translated_once():
    engine, cache = ScriptedTrouble(), TranslationCache()
    outcome = translate(engine, ["Thank you.", "Hello.", "Thank you."], "en", "de", cache=cache)
    assert outcome.texts == ["[de] Thank you.", "[de] Hello.", "[de] Thank you."]
    assert engine.calls == [["Thank you.", "Hello."]]
    again = translate(engine, ["Hello."], "en", "de", cache=cache)
    assert (again.texts, again.answered, len(engine.calls)) == (["[de] Hello."], True, 1)


def test_one_text_that_the_engine_chokes_on_does_not_spoil_the_others():
    engine = ScriptedTrouble(**{FAILED: "poison"})
    outcome = translate(engine, ["a", "poison", "b"], "en", "de", cache=TranslationCache())
    assert outcome.texts == ["[de] a", None, "[de] b"]
    assert outcome.answered
    assert outcome.error is not None
    assert outcome.error.code == FAILED


def test_an_engine_that_is_away_is_asked_once():
    engine = ScriptedTrouble(**{UNREACHABLE: ""})
    outcome = translate(engine, ["a", "b", "c"], "en", "de", cache=TranslationCache())
    assert outcome.texts == [None, None, None]
    assert not outcome.answered
    assert len(engine.calls) == 1


def test_a_text_is_cached_for_less_than_a_minute():
    now = [0.0]
    engine, cache = ScriptedTrouble(), TranslationCache(clock=lambda: now[0])
    translate(engine, ["Hello."], "en", "de", cache=cache)
    now[0] = 40.0
    assert translate(engine, ["Hello."], "en", "de", cache=cache).asked == 0
    now[0] = 59.0
    assert translate(engine, ["Hello."], "en", "de", cache=cache).asked == 1


def test_an_empty_translation_is_none_and_is_not_cached():
    cache = TranslationCache()
    outcome = translate(ScriptedTrouble(**{EMPTY: "odd"}), ["odd", "even"], "en", "de", cache=cache)
    assert outcome.texts == [None, "[de] even"]
    assert outcome.answered
    assert cache.get(("scripted-trouble", "en", "de", "odd")) is None


def test_a_text_without_words_needs_no_engine():
    engine = ScriptedTrouble()
    assert translate(engine, ["  "], "en", "de", cache=TranslationCache()).texts == [""]
    assert not engine.calls


def test_the_cache_is_bounded():
    cache = TranslationCache(most=2)
    for text in "abc":
        cache.put(("e", "en", "de", text), text)
    cache.put(("e", "en", "de", "x" * 1000), "long")
    assert [cache.get(("e", "en", "de", text)) for text in ("a", "b", "c", "x" * 1000)] == [
        None,
        "b",
        "c",
        None,
    ]
