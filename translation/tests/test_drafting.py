"""The draft of a sentence that is being said: when it is made, and what of it is shown. No engine: translations are made up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from translation.drafting import FAR_WORDS, FIRST_WORDS, HELD_BACK_WORDS, STEP_WORDS, Drafting
from translation.stitching import alike, behind, words

SPOKEN = [
    "we",
    "measured",
    "how",
    "long",
    "every",
    "single",
    "request",
    "really",
    "takes",
    "and",
    "found",
    "that",
    "most",
    "of",
    "it",
    "is",
    "waiting",
]


def said(count: int) -> str:
    return " ".join(SPOKEN[:count])


def take(drafting: Drafting, count: int, translation: str, *, tentative: str = "") -> str:
    """The first `count` words are confirmed, and translated like this."""
    prefix = drafting.due(said(count), tentative)
    assert prefix is not None
    drafting.take(prefix, translation)
    return drafting.shown.text


def test_nothing_is_translated_before_there_are_some_words_and_then_at_each_few_more():
    drafting, calls = Drafting(), []
    for count in range(len(SPOKEN) + 1):
        prefix = drafting.due(said(count), "")
        if prefix is not None:
            calls.append(count)
            drafting.take(prefix, "x")
    assert calls == list(range(FIRST_WORDS, len(SPOKEN) + 1, STEP_WORDS))


def test_the_end_of_a_clause_is_translated_at_once():
    drafting = Drafting()
    take(drafting, 4, "x")
    assert drafting.due(said(5), "") is None
    clause = drafting.due(said(5) + ",", "")
    assert clause is not None
    drafting.take(clause, "x")
    assert drafting.due(said(5) + ",", "") is None


def test_what_two_translations_in_a_row_agree_on_is_shown_without_their_ends():
    drafting = Drafting()
    assert take(drafting, 4, "Medimos quanto tempo cada um") == ""
    assert (
        take(drafting, 8, "Medimos quanto tempo cada pedido realmente leva.") == "Medimos quanto tempo cada"
    )
    assert drafting.shown.of_chars == len(said(8))


def test_what_was_shown_stays_where_a_later_translation_says_it_otherwise():
    drafting = Drafting()
    take(drafting, 4, "Medimos quanto tempo dura cada pedido")
    take(drafting, 8, "Medimos quanto tempo dura cada pedido feito aqui")
    take(drafting, 12, "Nós medimos quanto tempo dura cada pedido e descobrimos que a")
    shown = take(
        drafting, 16, "Nós medimos quanto tempo dura cada pedido e descobrimos que a maior parte é espera"
    )
    assert shown == "Medimos quanto tempo dura cada pedido e descobrimos que a"


def test_translations_that_never_agree_keep_nobody_waiting_for_words_far_before_their_end():
    drafting = Drafting()
    for count, first in ((4, "Pais"), (8, "Parentar"), (12, "Parenting"), (16, "Pais")):
        rest = " ".join(f"palavra{number}" for number in range(count))
        shown = take(drafting, count, f"{first} {rest}")
    assert len(shown.split()) >= 17 - FAR_WORDS
    assert shown.startswith("Parenting palavra0")


def test_what_is_likely_to_follow_helps_to_translate_and_is_not_shown():
    """Of eleven words eight are confirmed: of eight translated ones six, and the end of these is held back."""
    translated = "um dois três quatro cinco seis sete oito"
    alone, ahead = Drafting(), Drafting()
    for drafting in (alone, ahead):
        take(drafting, 4, translated)
    assert len(take(alone, 8, translated).split()) == 8 - HELD_BACK_WORDS
    prefix = ahead.due(said(8), " and so on")
    assert prefix is not None
    assert (prefix.text, prefix.chars) == (said(8) + " and so on", len(said(8)))
    ahead.take(prefix, translated)
    assert len(ahead.shown.text.split()) == 6 - HELD_BACK_WORDS


def test_the_full_stop_that_a_model_puts_behind_an_unfinished_sentence_is_not_shown():
    drafting = Drafting()
    for count in (4, 8, 12):
        assert "." not in take(drafting, count, "Um dois. três quatro cinco seis."[:14])


def test_a_call_that_gave_nothing_takes_nothing_back():
    drafting = Drafting()
    take(drafting, 4, "Medimos quanto tempo cada um")
    before = take(drafting, 8, "Medimos quanto tempo cada pedido realmente leva")
    assert take(drafting, 12, "") == before


def test_a_language_without_spaces_is_counted_in_letters():
    drafting = Drafting()
    first, second = "我们测量了", "我们测量了每个请求需要"
    for spoken in (first, second):
        prefix = drafting.due(spoken, "")
        assert prefix is not None
        drafting.take(prefix, {first: "我們測量", second: "我們測量了每個請求"}[spoken])
    assert drafting.shown.text == "我們測量"


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), min_size=1, max_size=20), max_size=8))
def test_whatever_a_model_makes_of_it_what_is_shown_only_grows(translations):
    drafting, shown = Drafting(), ""
    for number, translation in enumerate(translations):
        prefix = drafting.due(" ".join(["word"] * (4 * number + 4)), "")
        assert prefix is not None
        drafting.take(prefix, " ".join(translation))
        assert drafting.shown.text.startswith(shown)
        shown = drafting.shown.text


@given(st.text(max_size=40))
def test_the_words_of_a_text_are_the_text(text):
    assert "".join(words(text)) == text.rstrip() or not text.strip()


def test_a_text_goes_on_behind_the_last_words_that_both_have():
    assert behind([], ["um"]) == 0
    assert behind(["o", "grande", "prédio"], ["o", "prédio", "grande", "fica"]) == 3
    assert behind(["o", "prédio", "alto"], ["este", "prédio", "fica", "aqui"]) == 3
    assert behind(["um", "dois"], ["three"]) == 1
    assert alike(["Um", "dois,"], ["um", "dois", "três"]) == 2
