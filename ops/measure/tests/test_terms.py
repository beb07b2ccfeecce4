"""What a glossary does is counted by words, wherever they stand."""

from asr.recognise.recogniser import Word
from ops.measure.talk import ReferenceWord
from ops.measure.terms import invented_in, rare_words, recall_of, shifts_ms, unspoken_words

TEXT = "We thank Ctesiphon, and the Ctesiphon arch; monomorphisation is what we all say."


def test_rare_words_are_those_of_the_text_the_rarest_first():
    assert set(rare_words(TEXT, "en", 10)) == {"Ctesiphon", "monomorphisation"}
    assert len(rare_words(TEXT, "en", 1)) == 1


def test_unspoken_words_are_not_in_the_text_and_the_same_each_time():
    words = unspoken_words(TEXT, "en", 12)
    assert len(set(words)) == 12
    assert words == unspoken_words(TEXT, "en", 12)
    assert not {word.casefold() for word in words} & set(TEXT.casefold().split())


def test_recall_counts_occurrences_and_invention_what_is_too_many():
    rare = ("Ctesiphon", "monomorphisation")
    assert recall_of(rare, TEXT, "ctesiphon and the Testiphon arch; monomorphisation") == (3, 2 / 3)
    assert recall_of((), TEXT, "") == (0, 1.0)
    assert invented_in(rare, TEXT, "Ctesiphon Ctesiphon Ctesiphon") == 1
    assert invented_in(("gravel",), TEXT, "a gravel arch of gravel") == 2


def test_shifts_are_of_words_that_were_recognised():
    reference = [
        ReferenceWord("One,", 0, 200),
        ReferenceWord("two", 300, 500),
        ReferenceWord("three.", 600, 900),
    ]
    heard = [Word(40, 200, " One", 1.0), Word(300, 500, " too", 1.0), Word(500, 900, " three.", 1.0)]
    assert shifts_ms(reference, heard) == [40, 100]
    assert shifts_ms(reference, []) == []
