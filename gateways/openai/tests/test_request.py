"""Keys in headers and subprotocols, and what the handshake answers."""

import pytest

from gateways.openai.request import chosen_protocol, is_beta, key_of, said_consent

KEY = "openai-insecure-api-key.abc"


@pytest.mark.parametrize(
    ("headers", "protocols", "key"),
    [
        ({"authorization": "Bearer abc"}, [], "abc"),
        ({"authorization": "bearer  abc "}, [], "abc"),
        ({"authorization": "Basic abc"}, [], ""),
        ({"authorization": "Bearer"}, [], ""),
        ({}, ["realtime", KEY], "abc"),
        ({"authorization": "Bearer xyz"}, [KEY], "xyz"),
        ({}, ["realtime"], ""),
        ({}, [], ""),
    ],
)
def test_key_is_taken_from_where_a_client_can_put_it(headers, protocols, key):
    assert key_of(headers, protocols) == key


@pytest.mark.parametrize(
    ("offered", "answered"),
    [
        (["realtime", KEY, "openai-beta.realtime-v1"], "realtime"),
        ([KEY, "openai-beta.realtime-v1"], "openai-beta.realtime-v1"),
        ([KEY], KEY),
        ([], None),
    ],
)
def test_browser_gets_one_of_its_protocols_back_and_its_key_only_where_it_offers_nothing_else(
    offered, answered
):
    assert chosen_protocol(offered) == answered


def test_beta_is_known_by_header_and_by_protocol():
    assert is_beta({"openai-beta": "realtime=v1"}, [])
    assert is_beta({}, ["openai-beta.realtime-v1"])
    assert not is_beta({}, ["realtime"])


@pytest.mark.parametrize(
    ("query", "said"), [(b"intent=transcription&consent=1", True), (b"consent=0", False), (b"", False)]
)
def test_consent_is_said_by_a_one_in_the_query(query, said):
    assert said_consent(query) is said
