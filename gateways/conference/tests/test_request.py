"""What a socket's address and cookies ask for."""

import traceback

import pytest

from gateways.conference import refusals, request


def test_what_was_refused_a_thousand_times_is_kept_nowhere():
    """One exception that is raised again and again would keep every frame of every client that was ever refused."""
    scope = {"url_route": {"kwargs": {"role": "guest", "room_code": "R1"}}}
    depths = set()
    for _ in range(1000):
        with pytest.raises(refusals.Refused) as error:
            request._parse(scope)
        assert error.value.refusal is refusals.NO_ROLE
        depths.add(len(traceback.extract_tb(error.value.__traceback__)))
    assert len(depths) == 1
