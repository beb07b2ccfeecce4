"""The native wire's messages and requests, without a server."""

import json
import runpy
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.env import BASE_DIR
from gateways.captions import messages, request, wire
from rooms.errors import BadInput
from rooms.selectors import ComingTalk
from transcripts.events import Draft, Partial, SentenceChanged, SentenceRemoved
from transcripts.models import RoomState
from transcripts.selectors import RoomNow

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
    room = RoomState(room_id=1, state=state, source_lang="en", grace_until=NOW + timedelta(seconds=90))
    message = json.loads(messages.state(RoomNow(room, {}), NOW))
    assert (message["state"], message["source_lang"]) == (told, "en")
    assert message.get("grace_left_s") == (90 if state == "grace" else None)
    assert "next" not in message


def test_a_closed_room_says_what_comes():
    room = RoomState(room_id=1, state="closed")
    message = json.loads(messages.state(RoomNow(room, {}, next=ComingTalk("B", "Bees", NOW)), NOW))
    assert message["next"] == {"room": "B", "title": "Bees", "starts_at": "2026-03-01T10:00:00Z"}


def test_a_draft_says_how_much_of_what_was_spoken_it_translates():
    told = json.loads(messages.draft(Draft("de", 1, 4, 500, 13, "Guten Morgen", confirmed_chars=5)))
    assert told == {
        "type": "draft", "lang": "de", "part": 1, "index": 4, "start_ms": 500, "of_chars": 13,
        "confirmed": "Guten", "tentative": " Morgen",
    }  # fmt: skip


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
    assert (asked.before.part, asked.before.index, asked.count) == (2, 7, 1000000)
    assert request.message('{"type": "resume", "after": {"en": 3}}').after == {"en": 3}
    assert request.message('{"type": "lang", "lang": "pt"}').after == {}
    assert isinstance(request.message('{"type": "ping"}'), wire.Ping)
    for after in (
        '["en"]',
        '{"en": "x"}',
        '{"en": 1.5}',
        '{"": 1}',
        '{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}',
    ):
        with pytest.raises(BadInput):
            request.message(f'{{"type": "resume", "after": {after}}}')
    for values in (
        '"part": -1, "index": 0',
        '"part": 1',
        '"part": true, "index": 0',
        '"part": 1.5, "index": 0',
    ):
        with pytest.raises(BadInput):
            request.message(f'{{"type": "history", "before": {{{values}}}, "count": 5}}')


def test_the_example_joins_the_pieces_of_a_long_sentence_in_either_language():
    captions = Captions("de")
    captions.take({"type": "hello", "resumed": False, "state": "live"})
    rows = [("One.", True), ("A long", False), ("one.", True)]
    for index, (text, ends) in enumerate(rows):
        captions.take(
            {"type": "sentence", "lang": "en", "version": index + 1, "part": 1, "index": index, "text": text, "ends": ends}
        )  # fmt: skip
    assert captions.text() == ["One.", "A long one."]
    for index, text in ((1, "Ein langer."), (2, "")):
        captions.take(
            {"type": "sentence", "lang": "de", "version": index, "part": 1, "index": index, "text": text,
             "ends": index == 2, "of_version": index + 1}
        )  # fmt: skip
    assert captions.text() == ["One.", "Ein langer."]
