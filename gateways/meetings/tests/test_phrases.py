"""When a phrase ends, to the letter of docs/wires/meetings.md."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.meetings.phrases import Phrases, Word, finished_words


def words(
    *texts: str, sure: float = 0.9, word_ms: int = 300, gap_ms: int = 50, from_ms: int = 0
) -> list[Word]:
    """One after the other; a text of a number is a gap of so many ms."""
    found, at = [], from_ms
    for text in texts:
        if text.isdecimal():
            at += int(text)
            continue
        found.append(Word(at, at + word_ms, f" {text}", sure))
        at += word_ms + gap_ms
    return found


def numbered() -> Phrases:
    ids = itertools.count(1)
    return Phrases(lambda start_ms: f"{next(ids)}@{start_ms}")


SENTENCE = ["It", "takes", "about", "forty", "eight", "characters", "to", "be", "enough."]  # 51 with spaces
SHORT = ["It", "takes", "about", "forty", "eight", "character", "to", "be", "en."]  # 46


def test_phrase_of_48_characters_that_is_sure_and_ends_a_sentence_is_final_when_a_gap_follows():
    assert finished_words(words(*SENTENCE, "And"), len(SENTENCE)) == len(SENTENCE)


def test_48_characters_are_enough_and_47_are_not():
    exact = words("a" * 47 + ".", "And")
    assert finished_words(exact, 1) == 1
    assert finished_words(words("a" * 46 + ".", "And"), 1) == 0


def test_sentence_s_end_counts_only_from_48_characters_on():
    both = [*SHORT, *SENTENCE]
    assert finished_words(words(*both, "And"), len(both)) == len(both)


@pytest.mark.parametrize(("sure", "count"), [(0.7, len(SENTENCE)), (0.69, 0)])
def test_mean_probability_of_seven_tenths_is_sure(sure, count):
    assert finished_words(words(*SENTENCE, "And", sure=sure), len(SENTENCE)) == count


def test_probability_is_the_mean_from_the_beginning_of_the_phrase():
    mixed = words(*SENTENCE, "And")
    unsure = [
        Word(each.start_ms, each.end_ms, each.text, 0.5 if n < 5 else 0.9) for n, each in enumerate(mixed)
    ]
    assert finished_words(unsure, len(SENTENCE)) == 0  # 5 at 0.5, 4 at 0.9


@pytest.mark.parametrize("mark", [".", "!", "?"])
def test_full_stop_exclamation_and_question_mark_end_a_sentence(mark):
    assert finished_words(words("a" * 60 + mark, "And"), 1) == 1


@pytest.mark.parametrize("mark", ["", ",", ";", ":", "…", "-"])
def test_nothing_else_does(mark):
    assert finished_words(words("a" * 60 + mark, "And"), 1) == 0


def test_without_a_gap_it_goes_on():
    assert finished_words(words(*SENTENCE, "And", gap_ms=0), len(SENTENCE)) == 0


def test_last_word_waits_for_what_follows():
    assert finished_words(words(*SENTENCE), len(SENTENCE)) == 0


def test_word_that_is_only_supposed_may_follow_but_never_be_the_last():
    said = words(*SENTENCE, "And")
    assert finished_words(said, len(SENTENCE)) == len(SENTENCE)
    assert finished_words(said, len(SENTENCE) - 1) == 0
    assert finished_words(said, 0) == 0


def test_first_sentence_that_is_long_enough_ends_the_phrase():
    said = words(*SENTENCE, *SENTENCE, "And")
    assert finished_words(said, len(said)) == len(SENTENCE)


def test_ten_seconds_end_at_the_widest_gap_between_words():
    said = words("one", "two", "100", "three", "400", "four", "9000", from_ms=500) + words(
        "five", from_ms=10_200
    )
    assert said[-1].end_ms - said[0].start_ms == 10_000
    assert finished_words(said, len(said)) == 4  # before `five`: it is the widest
    assert finished_words(said, 3) == 3  # of what is confirmed
    shorter = [*said[:-1], Word(10_200, 10_499, " five", 0.9)]
    assert finished_words(shorter, len(shorter)) == 0


def test_of_gaps_that_are_as_wide_the_first_counts():
    said = words(*["word"] * 30)
    assert said[-1].end_ms - said[0].start_ms >= 10_000
    assert finished_words(said, len(said)) == 1


def test_at_ten_seconds_sentences_do_not_count_any_more():
    said = words(*SENTENCE, *["word"] * 18, "500", *["word"] * 4)
    assert finished_words(said, len(said)) == len(SENTENCE) + 18


def test_ten_seconds_without_any_gap_go_on_until_fifteen():
    said = words(*["word"] * 49, gap_ms=0)
    assert finished_words(said, len(said)) == 0
    longer = words(*["word"] * 50, gap_ms=0)
    assert finished_words(longer, 40) == 40


def pieces(*texts: str, gap_ms: int = 50) -> list[Word]:
    return [Word(n * (300 + gap_ms), n * (300 + gap_ms) + 300, text, 0.9) for n, text in enumerate(texts)]


def test_word_is_not_cut_where_the_recogniser_cut_it():
    said = pieces(*[" word"] * 26, " pick", "-up", ",", " end")
    widest = [
        Word(each.start_ms + 500 * (n >= 27), each.end_ms + 500 * (n >= 27), each.text, 0.9)
        for n, each in enumerate(said)
    ]
    assert finished_words(widest, 28) == 1  # not before "-up"
    assert finished_words(pieces(" " + "a" * 50 + ".", "com", " And"), 2) == 0


def test_language_without_spaces_is_cut_before_what_has_letters():
    said = pieces("今日は" * 20 + ".", "!", "明日", "また")
    assert finished_words(said, 4) == 2
    assert finished_words(pieces("今日は" * 20 + ".", "明日", "また"), 3) == 1


def test_fifteen_seconds_end_behind_a_whole_word():
    said = [*words(*["word"] * 50, gap_ms=0), Word(15_000, 15_100, "-up", 0.9)]
    assert finished_words(said, 50) == 49


def test_comma_that_comes_behind_a_final_begins_no_phrase():
    phrases = numbered()
    phrases.confirm(pieces(" one", " two"))
    assert phrases.flush().text == "one two"
    phrases.confirm([Word(700, 700, ",", 0.9), Word(800, 900, " three", 0.9)])
    assert phrases.interim().text == "three"
    phrases.flush()
    phrases.confirm([Word(1000, 1000, "!", 0.9)])
    assert phrases.interim() is None
    assert phrases.flush() is None


def test_interims_share_the_id_of_the_final_that_ends_them_and_then_comes_a_new_one():
    phrases = numbered()
    said = words(*SENTENCE, "And", "so", "on")
    assert phrases.suppose(said[:3]) == []
    first = phrases.interim()
    assert phrases.confirm(said[:9]) == []
    second = phrases.interim()
    [final] = phrases.suppose(said[9:])
    third = phrases.interim()
    assert (first.text, second.text) == (
        "It takes about",
        "It takes about forty eight characters to be enough.",
    )
    assert (final.text, final.is_final, final.probability) == (second.text, True, pytest.approx(0.9))
    assert {first.phrase_id, second.phrase_id, final.phrase_id} == {"1@0"}
    assert not first.is_final
    assert (third.phrase_id, third.text, third.start_ms) == ("2@3150", "And so on", 3150)


def test_interim_is_shown_once():
    phrases = numbered()
    phrases.suppose(words("one"))
    assert phrases.interim() is not None
    phrases.suppose(words("one"))
    assert phrases.interim() is None
    phrases.suppose([])
    assert phrases.interim() is None


def test_flush_ends_what_is_confirmed_and_keeps_what_is_supposed():
    phrases = numbered()
    assert phrases.flush() is None
    phrases.confirm(words("one", "two"))
    phrases.suppose(words("three", from_ms=900))
    final = phrases.flush()
    assert (final.text, final.start_ms, final.end_ms) == ("one two", 0, 650)
    assert phrases.interim().text == "three"
    assert phrases.flush() is None
    assert phrases.flush(supposed=True).text == "three"
    assert phrases.is_empty


def test_several_finals_may_come_of_one_entry():
    phrases = numbered()
    finals = phrases.confirm(words(*SENTENCE, *SENTENCE, *SENTENCE, "And"))
    assert [final.text for final in finals] == [" ".join(SENTENCE)] * 3
    assert len({final.phrase_id for final in finals}) == 3


ENTRY = st.lists(st.tuples(st.text("ab ", max_size=30), st.integers(0, 900), st.floats(0, 1)), max_size=12)


@given(st.lists(st.tuples(st.booleans(), ENTRY), max_size=12))
def test_every_confirmed_word_is_in_exactly_one_final_in_order(entries):
    phrases, at, confirmed, finals = numbered(), 0, [], []
    for is_confirmed, rows in entries:
        found, time = [], at
        for text, gap_ms, sure in rows:
            found.append(Word(time + gap_ms, time + gap_ms + 200, text, sure))
            time += gap_ms + 200
        if is_confirmed:
            at = time
            confirmed += found
            finals += phrases.confirm(found)
        else:
            finals += phrases.suppose(found)
    finals.append(phrases.flush())
    said = "".join(final.text for final in finals if final)
    assert said.replace(" ", "") == "".join(word.text for word in confirmed).replace(" ", "")
    kept = [final for final in finals if final]
    assert len({final.phrase_id for final in kept}) == len(kept)
