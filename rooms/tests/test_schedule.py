"""The schedule's parser: bytes in, talks out, or a clear refusal."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import BadInput
from rooms.schedule import MAX_BYTES, ScheduledTalk, parse_schedule
from rooms.tests.make import DATA, event, schedule

BERLIN = ZoneInfo("Europe/Berlin")


def only(*events: dict, **conference: object) -> ScheduledTalk:
    (talk,) = parse_schedule(schedule(*events, **conference), zone=BERLIN).talks
    return talk


def test_json_talk_has_everything_that_rooms_show_and_the_recogniser_is_prompted_with():
    talk = parse_schedule((DATA / "pretalx.json").read_bytes(), zone=BERLIN).talks[0]
    assert (talk.code, talk.title, talk.abstract) == (
        "7KX9QF",
        "Soldering for everyone",
        "How to hold the hot end.",
    )
    assert (talk.track, talk.colour, talk.location) == ("Hardware", "#1a7f37", "Saal 1")
    assert talk.presenters == ("Speaker One", "Speaker Two")
    assert talk.starts_at == datetime(2025, 8, 30, 12, 5, tzinfo=UTC)
    assert talk.ends_at == datetime(2025, 8, 30, 12, 50, tzinfo=UTC)
    assert (talk.language, talk.recording) == ("en", "allowed")
    assert talk.event["feedback_url"].endswith("/feedback/")


def test_xml_form_gives_the_same_talk_as_the_json_form():
    from_xml = parse_schedule((DATA / "frab.xml").read_bytes(), zone=BERLIN).talks[0]
    from_json = parse_schedule((DATA / "pretalx.json").read_bytes(), zone=BERLIN).talks[0]
    for name in (field for field in ScheduledTalk.__slots__ if field != "event"):
        assert getattr(from_xml, name) == getattr(from_json, name), name
    assert from_xml.event["persons"][0]["public_name"] == "Speaker One"
    assert from_xml.event["do_not_record"] is False


def test_xml_optout_forbids_and_silence_allows_nothing():
    talks = parse_schedule((DATA / "frab.xml").read_bytes(), zone=BERLIN).talks
    assert [talk.recording for talk in talks] == ["allowed", "forbidden", "unknown"]


def test_null_track_colour_and_texts_become_strings():
    talks = parse_schedule((DATA / "pretalx.json").read_bytes(), zone=BERLIN).talks
    assert [(talk.track, talk.colour) for talk in talks[1:]] == [("Society", "#808080"), ("", "#808080")]
    assert [talk.abstract for talk in talks[1:]] == ["", "Alle reden mit."]
    assert talks[1].language == "de"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (False, "allowed"), (0, "allowed"), ("false", "allowed"), (" No ", "allowed"),
        (True, "forbidden"), (1, "forbidden"), ("TRUE", "forbidden"), ("yes", "forbidden"),
        (None, "unknown"), ("", "unknown"), ("perhaps", "unknown"), (2, "unknown"), ([], "unknown"),
        ({"optout": False}, "unknown"), (0.0, "unknown"),
    ],
)  # fmt: skip
def test_do_not_record_fails_closed(said, meant):
    assert only(event(do_not_record=said)).recording == meant


def test_old_producer_without_the_field_allows_nothing():
    old = event()
    del old["do_not_record"]
    assert only(old).recording == "unknown"


def test_one_optout_outweighs_a_permission():
    assert only(event(do_not_record=False, recording={"optout": True})).recording == "forbidden"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"code": "ABC"}, "ABC"),
        ({"code": None}, "camp-9-talk"),
        ({"code": "not a code/", "slug": "also not"}, "0a0a0a0a-0000-5000-8000-000000000009"),
        ({"code": None, "slug": "x" * 65, "guid": None, "id": 42}, "42"),
    ],
)
def test_old_producers_talk_gets_its_code_from_slug_or_guid(fields, code):
    assert only(event(**fields)).code == code


def test_talk_given_twice_makes_two_rooms_in_the_order_of_time():
    again = event(date="2025-08-31T10:00:00+02:00", title="Again")
    talks = parse_schedule(schedule(again, event(), event(code="TALK9X-2", slug="other")), zone=BERLIN).talks
    assert [(talk.code, talk.title) for talk in talks] == [
        ("TALK9X", "A talk"), ("TALK9X-2", "A talk"), ("TALK9X-3", "Again"),
    ]  # fmt: skip


def test_date_without_offset_is_in_the_conference_s_time_zone():
    naive = event(date="2025-08-30T14:05:00")
    assert only(naive, time_zone_name="America/New_York").starts_at == datetime(
        2025, 8, 30, 18, 5, tzinfo=UTC
    )
    assert only(naive, time_zone_name=None).starts_at == datetime(2025, 8, 30, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("colour", "shown"), [("#abc", "#aabbcc"), ("red", "#808080"), (None, "#808080"), (7, "#808080")]
)
def test_colour_is_always_one_that_a_browser_can_show(colour, shown):
    assert only(event(track="T"), tracks=[{"name": "T", "color": colour}]).colour == shown


def test_what_the_database_cannot_store_is_dropped_not_fatal():
    talk = only(event(title="A\x00B\ud800C", logo={"\x00": [float("1e999"), "x\x00"]}))
    assert talk.title == "ABC"
    json.dumps(talk.event, allow_nan=False).encode()
    assert "\x00" not in json.dumps(talk.event)


def test_nothing_that_a_schedule_says_turns_what_stands_behind_it():
    talk = only(
        event(
            title="A\u202eB\u2066C", persons=[{"name": "\u202dEve\u202c"}], abstract="\u05d0\u200f mark stays"
        )
    )
    assert (talk.title, talk.presenters) == ("ABC", ("Eve",))
    assert "\u200f" in talk.abstract
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") & set(
        json.dumps(talk.event, ensure_ascii=False)
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "neither JSON nor XML"),
        (b"<!DOCTYPE html><html></html>", "malformed XML"),
        (b"<html><body>502 Bad Gateway</body></html>", "no events"),
        (b'<!DOCTYPE s [<!ENTITY a "aaaa">]><schedule>&a;</schedule>', "malformed XML"),
        (b"<schedule><day>", "malformed XML"),
        (b"<?xml version='1.0' encoding='nonsense'?><schedule/>", "malformed XML"),
        (b"<a>" * 600_000, "too many elements"),
        (b'{"schedule": ', "malformed JSON"),
        (b'{"a":' + b"[" * 200_000, "malformed JSON"),
        (b"{}", "no schedule.conference"),
        (b'{"schedule": []}', "no schedule.conference"),
        (b'{"schedule": {"conference": {}}}', "no list of days"),
        (b'{"schedule": {"conference": {"days": [{}]}}}', "a day without rooms"),
        (b'{"schedule": {"conference": {"days": [{"rooms": {"a": {}}}]}}}', "without a list of events"),
        (b'{"schedule": {"conference": {"days": [{"rooms": {"a": [7]}}]}}}', "an event that is no object"),
        (b'{"schedule": {"conference": {"days": []}}}', "no events"),
        (schedule(event(code=None, slug=None, guid=None)), "without a usable code"),
        (schedule(event(date=None)), "TALK9X has no date"),
        (schedule(event(date="0001-01-01T00:00:00+02:00")), "TALK9X has no date"),
        (schedule(event(date="9999-12-31T23:59:00Z", duration="99:00")), "impossible date"),
        (
            schedule(event(date="2025-08-30T14:05:00"), time_zone_name="../../etc/passwd"),
            "TALK9X has no date",
        ),
        (schedule(event(duration="soon")), "TALK9X has no duration"),
        (schedule(*[event() for _ in range(10_001)]), "more than 10000 events"),
    ],
)
def test_broken_schedule_is_refused_with_a_reason(data, reason):
    with pytest.raises(BadInput, match=reason):
        parse_schedule(data, zone=BERLIN)


BAD_EVENTS = [
    7,
    event(code=None, slug=None, guid=None),
    event(code="NODATE", date=None),
    event(code="ENDLESS", duration="soon"),
    event(code="FAR", date="9999-12-31T23:59:00Z", duration="99:00"),
]


@pytest.mark.parametrize("bad", BAD_EVENTS)
def test_one_event_that_cannot_be_read_is_skipped_and_named(bad):
    read = parse_schedule(schedule(event(), bad), zone=BERLIN)
    assert [talk.code for talk in read.talks] == ["TALK9X"]
    assert read.unreadable == ((bad["code"] or "") if isinstance(bad, dict) else "",)


def test_schedule_beyond_the_limit_is_refused_unread():
    with pytest.raises(BadInput, match="schedule_too_large"):
        parse_schedule(b"{" + b" " * MAX_BYTES, zone=BERLIN)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(event())), ANYTHING, max_size=6), ANYTHING)
def test_whatever_an_event_holds_it_is_read_or_refused(fields, tracks):
    try:
        talks = parse_schedule(schedule(event(**fields), tracks=tracks), zone=BERLIN).talks
    except BadInput:
        return
    json.dumps(talks[0].event, allow_nan=False).encode()
    assert talks[0].recording != "allowed" or fields.get("do_not_record", False) in (
        False,
        0,
        "false",
        "no",
        "0",
    )


@given(st.binary(max_size=300))
def test_whatever_bytes_come_they_are_refused_not_fatal(data):
    with pytest.raises(BadInput):
        parse_schedule(data, zone=BERLIN)


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("00:45", 2700), ("01:00:00", 86400), ("00:00:00:45", 45), ("00:01:30:20", 5420)],
)
def test_a_duration_is_days_hours_minutes_and_seconds_as_far_as_they_are_given(duration, seconds):
    talk = only(event(duration=duration))
    assert (talk.ends_at - talk.starts_at).total_seconds() == seconds
