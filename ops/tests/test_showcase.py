"""The conference behind the pictures is one that could be held."""

from itertools import pairwise

import pytest

from ops.showcase.talks import HALLS, TALK_MIN, TALKS


@pytest.mark.parametrize("hall", HALLS)
def test_no_talk_begins_before_the_one_before_it_ends(hall):
    starts = sorted(talk.in_min for talk in TALKS if talk.hall == hall)
    assert [(one, two) for one, two in pairwise(starts) if two < one + TALK_MIN] == []
