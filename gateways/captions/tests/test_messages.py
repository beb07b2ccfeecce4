"""The native wire's messages and requests, without a server."""

import json
import runpy
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.env import BASE_DIR
from gateways.captions import messages, request
from rooms.errors import BadInput
from transcripts.events import Partial, SentenceChanged, SentenceRemoved
from transcripts.models import RoomState

Captions = runpy.run_path(str(BASE_DIR / "docs" / "examples" / "read_captions.py"))["Captions"]
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
SENTENCE = SentenceChanged("en", 7, 1, 1, 3, 0, 0, 1000, 2000, -1, "Well.")


def test_what_is_confirmed_and_what_may_change_are_told_apart():
    told = json.loads(messages.partial(Partial("en", 1, 500, "one two three", 4, confirmed_chars=7)))
    assert (told["confirmed"], told["tentative"]) == ("one two", " three")
    assert (told["part"], told["index"], told["start_ms"]) == (1, 4, 500)


def test_a_sentence_names_what_it_translates():
    spoken = json.loads(messages.durable(SENTENCE))
    assert spoken == {
        "type": "sentence", "lang": "en", "version": 7, "part": 1, "index": 3, "start_ms": 1000, "end_ms": 2000,
        "speaker": -1, "text": "Well.", "ends": True,
    }  # fmt: skip
    translated = SentenceChanged("de", 2, 1, 1, 3, 0, 0, 1000, 2000, -1, "Gut.", of_version=7)
    assert json.loads(messages.durable(translated))["of_version"] == 7
    removed = json.loads(messages.durable(SentenceRemoved("en", 8, 1, 3)))
    assert removed == {"type": "removed", "lang": "en", "version": 8, "part": 1, "index": 3}


@pytest.mark.parametrize(
    ("state", "told"),
    [("waiting", "waiting"), ("live", "live"), ("grace", "grace"), ("closing", "live"), ("closed", "closed")],
)
def test_a_state_is_told_with_the_time_that_a_host_has_left_to_come_back(state, told):
    room = RoomState(room_id=1, state=state, grace_until=NOW + timedelta(seconds=90))
    message = json.loads(messages.state(room, NOW))
    assert message["state"] == told
    assert message.get("grace_left_s") == (90 if state == "grace" else None)


def test_versions_are_read_and_nothing_else():
    assert request.versions("") == {}
    assert request.versions("en:41,pt-BR:38") == {"en": 41, "pt-BR": 38}
    for text in ("en", "en:", ":1", "en:x", "en:1;de:2", "en:1,", "en:" + "9" * 16, "a:1,b:1,c:1,d:1,e:1"):
        with pytest.raises(BadInput):
            request.versions(text)


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_message_breaks_the_reading_of_messages(text):
    with pytest.raises(BadInput):
        request.message(text)


def test_what_broke_off_in_its_beginning_is_asked_for_from_the_beginning():
    captions = Captions("en")
    beginning = [
        {"type": "hello", "resumed": False, "state": "live"},
        {"type": "sentence", "lang": "en", "version": 9, "part": 1, "index": 0, "text": "Corrected."},
    ]
    for message in beginning:
        captions.take(message)
    assert captions.versions == {}
    captions.take({"type": "versions", "versions": {"en": 9}})
    assert captions.versions == {"en": 9}


def test_requests_are_bounded():
    asked = request.message('{"type": "history", "before": {"part": 2, "index": 7}, "count": 1000000}')
    assert asked == request.History(2, 7, request.HISTORY_MOST)
    assert request.message('{"type": "resume", "after": {"en": 3}}') == request.Resume({"en": 3})
    assert request.message('{"type": "ping"}') == request.Ping()
    for after in ('["en"]', '{"en": "x"}', '{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}'):
        with pytest.raises(BadInput):
            request.message(f'{{"type": "resume", "after": {after}}}')
    for values in (
        '"part": -1, "index": 0',
        '"part": 1',
        '"part": true, "index": 0',
        '"part": 1e3, "index": 0',
    ):
        with pytest.raises(BadInput):
            request.message(f'{{"type": "history", "before": {{{values}}}, "count": 5}}')
