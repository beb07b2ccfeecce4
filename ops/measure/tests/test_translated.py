"""Figures of a reader of another language, on sentences that a person can count."""

import pytest

from ops.bench.reading_along import AlongReader
from ops.measure.talk import ReferenceWord
from ops.measure.translated import Shown, figures, spoken_ends_s

FIRST, SECOND = (1, 0), (1, 1)
ENDS_S = {FIRST: [1.0, 2.0, 3.0, 4.0]}
REFERENCE = [
    ReferenceWord(word, 1000 * at, 1000 * at + 900) for at, word in enumerate(["we", "go", "home", "now"])
]


def test_a_word_stands_from_when_it_was_shown_and_what_no_draft_had_from_its_translation_on():
    shown = [
        Shown(3.0, FIRST, "um"),
        Shown(5.0, FIRST, "um dois três"),
        Shown(6.0, FIRST, "um dois três quatro", final=True),
    ]
    found = figures(shown, ENDS_S, calls=3)
    assert (found.normalized_erasure, found.replaced, found.calls_per_sentence) == (0, 0, 3)
    assert found.bleu == pytest.approx(100)
    assert found.word_p50_s == pytest.approx(2.0)  # 2, 3, 2, 2


def test_a_sentence_without_a_draft_stands_with_its_translation():
    found = figures([Shown(6.0, FIRST, "um dois três quatro", final=True)], ENDS_S, calls=1)
    assert found.word_p50_s == pytest.approx(3.5)
    assert found.bleu == pytest.approx(100)


def test_words_that_were_taken_back_count_with_all_behind_them():
    shown = [
        Shown(3.0, FIRST, "um dois"),
        Shown(4.0, FIRST, "uns dois três"),
        Shown(6.0, FIRST, "um dois três quatro", final=True),
    ]
    found = figures(shown, ENDS_S, calls=3)
    assert (found.drafts_erasure, found.replaced) == (2 / 4, 3 / 4)
    assert found.normalized_erasure == 5 / 4
    assert found.bleu < 100


def test_the_words_of_recognised_sentences_are_dated_by_those_that_were_spoken():
    found = spoken_ends_s(REFERENCE, {FIRST: "We go,", SECOND: "oh, home now."})
    assert found == {FIRST: [0.9, 1.9], SECOND: [1.9, 2.9, 3.9]}


def test_pieces_are_one_sentence_whose_translation_stands_at_the_first():
    reader = AlongReader("pt")

    def sentence(lang, index, text, *, ends=True):
        return {"type": "sentence", "lang": lang, "part": 1, "index": index, "text": text, "ends": ends}

    reader.take(
        1.0, {"type": "partial", "lang": "en", "part": 1, "index": 0, "confirmed": "We", "tentative": ""}
    )
    assert not reader.is_complete()
    reader.take(2.0, sentence("en", 0, "We go", ends=False))
    reader.take(
        2.1, {"type": "draft", "lang": "pt", "part": 1, "index": 0, "confirmed": "Vamos", "tentative": ""}
    )
    reader.take(3.0, sentence("en", 1, "home."))
    reader.take(
        3.1, {"type": "partial", "lang": "en", "part": 1, "index": 2, "confirmed": "", "tentative": ""}
    )
    assert reader.spoken == {FIRST: "We go home."}
    assert not reader.is_complete()
    reader.take(4.0, sentence("pt", 0, "Vamos para casa.", ends=False))
    reader.take(4.0, sentence("pt", 1, ""))
    assert reader.is_complete()
    assert [(each.text, each.final) for each in reader.shown] == [
        ("Vamos", False),
        ("Vamos para casa.", True),
    ]
