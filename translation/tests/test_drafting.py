"""The draft of a sentence that is being said: when it is made, and what of it is shown. No engine: translations are made up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from translation.drafting import (
    CONTRADICTED_WORDS,
    FAR_WORDS,
    FIRST_WORDS,
    HELD_BACK_WORDS,
    STEP_WORDS,
    Drafting,
)
from translation.stitching import behind, same_beginning, words

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


def take(
    drafting: Drafting, count: int, first: str, second: str | None = None, *, tentative: str = ""
) -> str:
    """The first `count` words are confirmed, and translated like this; `second`: the other version, where it is another."""
    prefix = drafting.due(said(count), tentative)
    assert prefix is not None
    alone = prefix.versions[:-2]  # of a sentence before it that had not ended
    drafting.take(prefix, [*alone, first, first if second is None else second])
    return drafting.shown.text


def test_nothing_is_translated_before_there_are_some_words_and_then_at_each_few_more():
    drafting, calls = Drafting(), []
    for count in range(len(SPOKEN) + 1):
        prefix = drafting.due(said(count), "")
        if prefix is not None:
            calls.append(count)
            drafting.take(prefix, ["x", "x"])
    assert calls == list(range(FIRST_WORDS, len(SPOKEN) + 1, STEP_WORDS))


def test_the_end_of_a_clause_is_translated_at_once():
    drafting = Drafting()
    take(drafting, 4, "x")
    assert drafting.due(said(5), "") is None
    clause = drafting.due(said(5) + ",", "")
    assert clause is not None
    drafting.take(clause, ["x", "x"])
    assert drafting.due(said(5) + ",", "") is None


def test_the_same_words_are_translated_as_if_a_clause_ended_there_and_as_if_somebody_broke_off():
    prefix = Drafting().due(said(4), " every one")
    assert prefix is not None
    assert prefix.versions == (f"{said(4)} every one,", f"{said(4)} every one ...")
    assert (prefix.text, prefix.chars) == (f"{said(4)} every one", len(said(4)))


def test_what_both_versions_say_is_shown_without_the_end_of_it():
    drafting = Drafting()
    shown = take(
        drafting, 8, "Medimos quanto tempo cada um leva,", "Medimos quanto tempo cada pedido leva..."
    )
    assert shown == "Medimos quanto tempo cada"
    assert drafting.shown.of_chars == len(said(8))
    alike = "Medimos quanto tempo cada pedido leva"
    assert take(Drafting(), 8, alike).split() == alike.split()[:-HELD_BACK_WORDS]


def test_a_word_in_other_letters_or_with_a_comma_is_another_word():
    """It would be taken back, too."""
    assert take(Drafting(), 8, "Na Idade Média, quando eles", "Na idade média, quando eles") == "Na"
    assert take(Drafting(), 8, "Na idade média, quando eles", "Na idade média quando eles") == "Na idade"


def test_nothing_is_added_or_taken_back_where_neither_version_goes_on_with_what_is_shown():
    drafting = Drafting()
    shown = take(drafting, 4, "Medimos quanto tempo dura cada um")
    assert shown == "Medimos quanto tempo dura"
    for count in range(6, 6 + CONTRADICTED_WORDS, STEP_WORDS):
        assert take(drafting, count, "Nós medimos quanto tempo dura cada pedido e") == shown
    assert drafting.shown.of_chars == len(said(4))


def test_what_neither_version_says_for_some_words_is_replaced():
    drafting = Drafting()
    take(drafting, 4, "Medimos quanto tempo dura cada")
    for count in range(6, 6 + CONTRADICTED_WORDS + STEP_WORDS, STEP_WORDS):
        first, second = "Medimos que tempo dura cada pedido, e", "Medimos que tempo dura cada pedido e"
        shown = take(drafting, count, first, second)
    assert shown == "Medimos que tempo dura cada"
    assert drafting.shown.of_chars == len(said(count))


def test_one_version_that_still_says_it_is_enough_for_it_to_stay():
    drafting = Drafting()
    shown = take(drafting, 4, "Medimos quanto tempo dura cada")
    for count in range(6, len(SPOKEN) + 1, STEP_WORDS):
        assert take(drafting, count, "Nós medimos quanto", "Medimos quanto tempo dura") == shown


def test_a_translation_that_has_not_got_as_far_takes_nothing_back():
    drafting = Drafting()
    shown = take(drafting, 4, "um dois três quatro")
    for count in range(6, len(SPOKEN) + 1, STEP_WORDS):
        assert take(drafting, count, "um dois") == shown


def test_a_doubt_that_passes_is_forgotten():
    drafting = Drafting()
    shown = take(drafting, 4, "um dois três")
    for count in range(6, len(SPOKEN), 2 * STEP_WORDS):
        assert take(drafting, count, "outros dois três") == shown
        assert take(drafting, count + STEP_WORDS, "um dois três") == shown


def test_versions_that_never_agree_keep_nobody_waiting_for_words_far_before_their_end():
    rest = " ".join(f"palavra{number}" for number in range(16))
    shown = take(Drafting(), 16, f"Pais {rest}", f"Parentar {rest}")
    assert len(shown.split()) == 17 - HELD_BACK_WORDS - FAR_WORDS


def test_what_is_likely_to_follow_helps_to_translate_and_is_not_shown():
    """Of eleven words eight are confirmed: of eight translated ones six, and the end of these is held back."""
    translated = "um dois três quatro cinco seis sete oito"
    assert len(take(Drafting(), 8, translated).split()) == 8 - HELD_BACK_WORDS
    assert len(take(Drafting(), 8, translated, tentative=" and so on").split()) == 6 - HELD_BACK_WORDS


def test_behind_a_sentence_without_an_end_its_own_part_of_both_is_shown():
    drafting = Drafting("You must not")
    first = drafting.due(said(8), "")
    assert first is not None
    behind_it = f"You must not {said(8)}"
    assert first.versions == ("You must not", f"{behind_it},", f"{behind_it} ...")
    assert (first.text, first.chars) == (said(8), len(said(8)))
    drafting.take(
        first,
        [
            "Você não deve.",
            "Não deve medir quanto tempo leva aqui,",
            "Não deve medir quanto tempo demora aqui...",
        ],
    )
    assert drafting.shown.text == "medir quanto tempo"
    then = drafting.due(said(10), "")
    assert then is not None
    assert len(then.versions) == 2, "what is said before it is known"
    drafting.take(
        then, ["Não deve medir quanto tempo leva isso tudo,", "Não deve medir quanto tempo leva isso tudo..."]
    )
    assert drafting.shown.text == "medir quanto tempo leva"


def test_where_its_own_part_cannot_be_told_a_sentence_is_translated_alone_from_then_on():
    drafting = Drafting("You must not")
    assert take(drafting, 4, "Outra coisa mesmo assim", "Outra coisa") == ""
    then = drafting.due(said(8), "")
    assert then is not None
    assert then.versions == (f"{said(8)},", f"{said(8)} ...")
    drafting.take(then, ["Medimos quanto tempo leva isso,", "Medimos quanto tempo leva isso..."])
    assert drafting.shown.text == "Medimos quanto tempo"


def test_a_call_that_did_not_give_both_versions_changes_nothing():
    drafting = Drafting()
    before = take(drafting, 8, "Medimos quanto tempo cada pedido realmente leva")
    assert take(drafting, 12, "", "") == before
    assert take(drafting, 14, "Medimos quanto tempo cada pedido realmente leva e", "") == before
    prefix = drafting.due(said(16), "")
    assert prefix is not None
    drafting.take(prefix, [])
    assert drafting.shown.text == before


def test_a_language_without_spaces_is_counted_in_letters():
    drafting = Drafting()
    prefix = drafting.due("我们测量了每个请求需要", "")
    assert prefix is not None
    drafting.take(prefix, ["我們測量了每個請求，", "我們測量了每次請求..."])
    assert drafting.shown.text == "我們測量了每"


TRANSLATIONS = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), min_size=1, max_size=20).map(" ".join)


@given(st.lists(st.tuples(TRANSLATIONS, TRANSLATIONS), max_size=8))
def test_whatever_a_model_makes_of_it_words_are_taken_back_only_behind_what_a_version_has_in_common_with_them(
    calls,
):
    drafting, shown, count = Drafting(), list[str](), 0
    for versions in calls:
        count += STEP_WORDS + 2
        prefix = drafting.due(" ".join(["word"] * count), "")
        assert prefix is not None
        drafting.take(prefix, versions)
        now = drafting.shown.text.split()
        if now[: len(shown)] != shown:
            assert any(now == version.split()[: len(now)] for version in versions)
            common = max(same_beginning(shown, version.split()) for version in versions)
            assert now[:common] == shown[:common]
            assert len(now) > common
        shown = now


@given(st.text(max_size=40))
def test_the_words_of_a_text_are_the_text(text):
    assert "".join(words(text)) == text.rstrip() or not text.strip()


def test_a_text_goes_on_behind_the_last_words_that_both_have():
    assert behind([], ["um"]) == 0
    assert behind(["o", "grande", "prédio"], ["o", "prédio", "grande", "fica"]) == 3
    assert behind(["o", "prédio", "alto"], ["este", "prédio", "fica", "aqui"]) == 3
    assert behind(["um", "dois"], ["three"]) == 1
    assert same_beginning(["um", " dois"], ["um", "dois", "três"]) == 2
    assert same_beginning(["um", "dois,"], ["um", "dois"]) == 1
