"""Commit policies: what is final, and what waits."""

from hypothesis import given
from hypothesis import strategies as st

from asr.recognise.commit import AlignmentPolicy, LocalAgreementPolicy, SimilarityPolicy, make_commit_policy
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


def test_similarity_takes_words_that_are_nearly_the_same():
    policy = SimilarityPolicy(EngineOptions(qratio_threshold=80))
    policy.count_final(sequence("Gutenberg printed"), 1000)
    assert policy.count_final(sequence("Guttenberg printing books"), 2000) == 1


def test_similarity_falls_back_after_rounds_without_agreement():
    policy = SimilarityPolicy(EngineOptions(fallback_threshold=1))
    rounds = ["alpha beta", "gamma beta", "delta beta", "epsilon beta"]
    counts = [policy.count_final(sequence(text), 1000 * (i + 1)) for i, text in enumerate(rounds)]
    assert counts[:2] == [0, 0]
    assert counts[2] > 0


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
