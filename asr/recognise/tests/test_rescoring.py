"""Which words cost a beam its place."""

import pytest

from asr.recognise.rescoring import Lexicon


def test_words_of_the_language_cost_nothing():
    assert Lexicon("de").penalty(" Die Schwestern, betreuten den Kindergarten.") == 0


def test_a_word_that_the_language_does_not_know_costs_more_than_a_rare_one():
    lexicon = Lexicon("de")

    assert lexicon.penalty("Spessern") > lexicon.penalty("Landeort") > lexicon.penalty("Römer") == 0


def test_every_unknown_word_costs_alike():
    lexicon = Lexicon("en")

    assert lexicon.penalty("qwertzu asdfghj") == pytest.approx(2 * lexicon.penalty("qwertzu"))


def test_the_word_that_is_being_spoken_costs_nothing():
    assert Lexicon("de").penalty(" der Kurfürst endamxy", whole=False) == 0


def test_words_of_the_talk_cost_nothing_in_any_case_of_letters():
    assert Lexicon("en", ["Souffleur and Xylqubit"]).penalty("XYLQUBIT, Xylqubit!") == 0


def test_numbers_and_punctuation_are_no_words():
    assert Lexicon("en").penalty(" 1455, 42! … —") == 0


@pytest.mark.parametrize("language", ["ja", "zh", "yue", "haw"])
def test_languages_without_a_list_or_without_spaces_are_left_alone(language):
    assert Lexicon(language).penalty("qwertzu 你好世界") == 0


def test_any_text_from_the_model_has_a_cost():
    assert Lexicon("en").penalty("\ufffd\x00 " + "a" * 10_000) >= 0
