"""Beam search over a language of a few tokens whose probabilities are written down."""

import numpy as np
import pytest

from asr.recognise.backends.beam_search import Continuations, Limits, beam_search

END, FILLER = 0, 9
# Of what was said last: what may come next, and how probable it is. The most probable first word leads to the worse sentence.
NEXT = {
    None: {1: 0.55, 2: 0.44, END: 0.01},
    1: {3: 0.35, 4: 0.34, END: 0.31},
    2: {5: 0.95, END: 0.05},
    3: {END: 1.0},
    4: {END: 1.0},
    5: {END: 0.9, 1: 0.1},
    FILLER: {END: 1.0},
}


def continuations(last, width):
    rows = [sorted(NEXT[each].items(), key=lambda item: -item[1])[:width] for each in last]
    rows = [row + [(FILLER, 1e-30)] * (width - len(row)) for row in rows]
    tokens = np.array([[token for token, _ in row] for row in rows])
    return Continuations(tokens, np.log([[p for _, p in row] for row in rows]))


class Language:
    """Advances beams, and checks that each continues the beam that it says it does."""

    def __init__(self, beam_size, forced=()):
        self.width = 2 * beam_size
        self.before = [tuple(forced)]
        self.steps = 0

    def __call__(self, beams, origins):
        assert [beam[:-1] for beam in beams] == [self.before[origin] for origin in origins]
        self.before = list(beams)
        self.steps += 1
        return continuations([beam[-1] for beam in beams], self.width)


def search(beam_size, *, forced=(), max_tokens=10, finished=None):
    first = continuations([forced[-1] if forced else None], 2 * beam_size)
    language = Language(beam_size, forced)
    limits = Limits(END, max_tokens, finished or beam_size)
    return beam_search(first, language, forced, beam_size, limits), language


def test_one_beam_is_greedy():
    ((tokens, score),), _ = search(1)
    assert tokens == [1, 3]
    assert score == pytest.approx(np.log(0.55 * 0.35) / 2)


def test_more_beams_find_the_sentence_whose_first_word_is_less_probable():
    found, _ = search(3)
    assert found[0] == ([2, 5], pytest.approx(np.log(0.44 * 0.95 * 0.9) / 2))
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def test_what_is_forced_stands_in_every_hypothesis_and_in_its_mean():
    found, _ = search(2, forced=(1, 2))
    assert found[0] == ([1, 2, 5], pytest.approx(np.log(0.95 * 0.9) / 3))
    assert all(tokens[:2] == [1, 2] for tokens, _ in found)


def test_an_end_behind_what_is_forced_counts_only_where_it_is_most_probable():
    found, _ = search(2, forced=(1,))
    assert [1] not in [tokens for tokens, _ in found]
    found, _ = search(2, forced=(1, 3))
    assert found[0][0] == [1, 3]


def test_a_search_ends_with_its_tokens_or_its_hypotheses():
    found, language = search(2, max_tokens=1)
    assert [len(tokens) for tokens, _ in found] == [1, 1]
    assert language.steps == 0
    found, language = search(2, finished=1)
    assert found[0][0] == [2, 5]
    assert language.steps == 2
