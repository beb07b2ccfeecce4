"""Methods of drafts, on a sentence that a person can count and a translation that changes nothing."""

import itertools

import pytest

from ops.measure.draft_methods import CALL_S, TO_VIEWER_S, Said, SaidSentence, simulated
from ops.measure.draft_policies import CONTINUED_HELD_BACK_WORDS, METHODS
from translation.drafting import HELD_BACK_WORDS

WORDS = [f"word{number}" for number in range(20)]


def sentence() -> SaidSentence:
    """A word a second."""
    said = [Said(float(count), " ".join(WORDS[:count]), " perhaps") for count in range(1, 20)]
    return SaidSentence(said, " ".join(WORDS), 21.0)


def texts(name: str) -> list[str]:
    shown, _ = simulated([sentence(), SaidSentence()], METHODS[name], str)
    assert (shown[-1].text, shown[-1].final) == (" ".join(WORDS), True)
    assert shown[-1].at_s == pytest.approx(21.0 + CALL_S + TO_VIEWER_S)
    return [each.text for each in shown if not each.final]


def test_whole_sentences_have_no_drafts():
    assert texts("whole sentences") == []


def test_every_prefix_is_shown_and_agreed_ones_a_word_later():
    assert texts("every prefix") == [" ".join(WORDS[:count]) for count in range(1, 20)]
    assert texts("what two agree on") == [" ".join(WORDS[:count]) for count in range(1, 19)]


def test_stretches_are_translated_once_and_kept():
    shown, calls = simulated([sentence()], METHODS["every 8 words, kept"], str.upper)
    assert [each.text for each in shown] == [
        *(" ".join(WORDS[:count]).upper() for count in (8, 16)), " ".join(WORDS).upper()
    ]  # fmt: skip
    assert calls == 3
    assert texts("clauses, kept") == []


@pytest.mark.parametrize(
    ("name", "held_back"),
    [("agreed on, kept, continued", CONTINUED_HELD_BACK_WORDS), ("what two versions say", HELD_BACK_WORDS)],
)
def test_what_an_engine_never_says_otherwise_is_never_taken_back(name, held_back):
    found = texts(name)
    assert found[-1].split() == WORDS[: 18 - held_back]
    for before, after in itertools.pairwise(found):
        assert after.startswith(before)
