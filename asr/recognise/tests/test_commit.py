"""Commit policies: what is final, and what waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from asr.recognise.commit import (
    AlignAttPolicy,
    AlignmentPolicy,
    LocalAgreementPolicy,
    SimilarityPolicy,
    count_repeated,
    make_commit_policy,
)
from asr.recognise.options import EngineOptions

from .words import sequence, word

OPTIONS = EngineOptions(commit_margin_ms=700, commit_probability=0.6, agree_margin_ms=200)


def test_probable_word_far_from_the_end_needs_no_second_opinion():
    policy = AlignmentPolicy(OPTIONS)
    words = sequence("one two three", probability=0.8)
    assert policy.count_final(words, 1500) == 2  # "three" ends 400 ms before the end


def test_the_more_probable_a_word_the_nearer_to_the_end_it_may_be():
    words = sequence("one two three", probability=0.95)
    assert AlignmentPolicy(OPTIONS).count_final(words, 1500) == 3
    assert AlignmentPolicy(OPTIONS).count_final(words, 1350) == 2


def test_a_word_that_was_long_ago_is_final_however_it_changes():
    policy = AlignmentPolicy(OPTIONS)
    assert policy.count_final(sequence("mumble", probability=0.1), 2000) == 0
    assert policy.count_final(sequence("grumble", probability=0.1), 2600) == 1


def test_by_alignatt_words_are_final_up_to_the_first_that_looks_at_the_end_of_the_audio():
    looks = [word("one", attended_ms=100), word("two", attended_ms=800), word("three", attended_ms=500)]
    assert AlignAttPolicy(300).count_final(looks, 1050) == 1
    assert AlignAttPolicy(300).count_final(looks, 1100) == 3


def test_by_alignatt_nothing_is_final_where_nobody_tells_where_words_look():
    assert AlignAttPolicy(300).count_final(sequence("one two"), 60_000) == 0


def test_improbable_word_waits_and_holds_back_what_follows():
    policy = AlignmentPolicy(OPTIONS)
    words = (word("one", 0), word("two", 400, probability=0.3), word("three", 800))
    assert policy.count_final(words, 2000) == 1


def test_word_near_the_end_is_final_when_two_passes_agree():
    policy = AlignmentPolicy(OPTIONS)
    assert policy.count_final(sequence("one"), 550) == 0
    assert policy.count_final(sequence("One,"), 550) == 1


def test_doubtful_word_waits_longer_though_two_passes_agree():
    policy = AlignmentPolicy(EngineOptions(doubt_probability=0.5, doubt_margin_ms=1500))
    words = sequence("mumble", probability=0.2)
    assert [policy.count_final(words, end) for end in (600, 1200, 1900)] == [0, 0, 1]


def test_without_confidence_validation_only_agreement_counts():
    policy = AlignmentPolicy(EngineOptions(confidence_validation=False))
    assert policy.count_final(sequence("one two"), 1500) == 0
    assert policy.count_final(sequence("one two"), 1500) == 2


def test_local_agreement_takes_the_common_prefix():
    policy = LocalAgreementPolicy()
    assert policy.count_final(sequence("the quick brown"), 1000) == 0
    assert policy.count_final(sequence("The quick, red fox"), 2000) == 2
    assert policy.count_final(sequence("red fox jumps"), 3000) == 2


def similarity(**options):
    return SimilarityPolicy(EngineOptions(**options))


def rounds(policy, *texts):
    """How many words are final after each of these hypotheses."""
    return [policy.count_final(sequence(text), 1000 * at) for at, text in enumerate(texts, 1)]


def test_similarity_takes_words_whose_qratio_with_the_word_before_reaches_the_threshold():
    assert fuzz.QRatio("gutenberg", "guttenberg") == pytest.approx(94.7, abs=0.1)
    assert rounds(similarity(), "Gutenberg printed", "Guttenberg printed") == [0, 0]
    assert rounds(similarity(qratio_threshold=94), "Gutenberg printed", "Guttenberg printing") == [0, 1]


def test_similarity_ignores_case_and_punctuation():
    assert rounds(similarity(), "well then go on", "Well, THEN: go up") == [0, 3]


def test_similarity_compares_what_is_left_with_what_was_left():
    assert rounds(similarity(), "one two", "one too three", "too three four") == [0, 1, 2]


def test_similarity_takes_no_word_behind_one_that_changed():
    assert rounds(similarity(fallback=False), "alpha beta", "gamma beta") == [0, 0]


@pytest.mark.parametrize("threshold", [1, 3])
def test_similarity_falls_back_after_threshold_and_one_more_rounds_without_a_final_word(threshold):
    texts = [
        f"{first} beta" for first in ("alpha", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota")
    ]
    counts = rounds(similarity(fallback_threshold=threshold), *texts)
    assert counts[: threshold + 1] == [0] * (threshold + 1)  # the first had nothing to be compared with
    assert counts[threshold + 1] > 0


def test_similarity_counts_rounds_anew_behind_a_final_word():
    policy = similarity(fallback_threshold=1)
    assert rounds(policy, "a mile", "one mile", "one mile", "two", "three") == [0, 0, 2, 0, 0]


def test_similarity_without_fallback_waits_for_agreement():
    texts = [f"{first} beta" for first in ("alpha", "gamma", "delta", "epsilon", "zeta")]
    assert rounds(similarity(fallback=False), *texts) == [0] * 5


def test_similarity_falls_back_to_the_prefix_that_matches_best():
    before = "the printing press was invented"
    after = "a printing press was found"
    assert rounds(similarity(), "other", before, after) == [
        0,
        0,
        3,
    ]  # "a printing press" for "the printing press"


def test_similarity_falls_back_to_words_of_the_first_half_alone():
    policy = similarity(fallback_threshold=1)
    late = sequence("the printing press was invented", start_ms=5000)
    assert [policy.count_final(words, 9000) for words in (sequence("x"), sequence("a b c d"), late)] == [
        0,
        0,
        0,
    ]


def test_words_that_repeat_the_end_of_the_final_ones_are_dropped_up_to_ten():
    tail = sequence("no one two three four five six seven eight nine ten")
    end = len(tail) * 400
    assert count_repeated(sequence("Nine, ten. eleven", start_ms=end), tail) == 2
    assert count_repeated(sequence("eleven", start_ms=end), tail) == 0
    ten = "one two three four five six seven eight nine ten"
    assert count_repeated(sequence(f"{ten} eleven", start_ms=end), tail) == 10
    assert (
        count_repeated(sequence(f"no {ten} eleven", start_ms=end), tail) == 0
    )  # eleven words are not looked for


def test_words_that_are_said_again_a_second_later_are_no_repetition():
    tail = sequence("go on")
    assert count_repeated(sequence("go on", start_ms=tail[-1].end_ms + 999), tail) == 2
    assert count_repeated(sequence("go on", start_ms=tail[-1].end_ms + 1000), tail) == 0
    assert count_repeated((), tail) == count_repeated(tail, ()) == 0


@given(
    st.sampled_from(["alignment", "local_agreement", "similarity", "utterance"]),
    st.lists(st.lists(st.sampled_from(["a", "b", "c", ".", "ä"]), max_size=8), max_size=8),
    st.integers(0, 10_000),
)
def test_no_policy_confirms_more_than_there_is(policy_name, rounds, end_ms):
    policy = make_commit_policy(EngineOptions(policy=policy_name))
    for texts in rounds:
        words = tuple(word(text, 400 * i) for i, text in enumerate(texts))
        assert 0 <= policy.count_final(words, end_ms) <= len(words)
