"""Transcripts as files: subtitles by the usual rules, JSON, documents; whatever was said, no file breaks."""

import io
import json
import re
import zipfile
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import docx
import pytest
import webvtt
from django.conf import settings
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rooms.errors import BadInput, Forbidden, NotFound
from rooms.tests.make import person, room
from transcripts.exports.breaks import LINE_COLUMNS, joined, units, width
from transcripts.exports.cues import GAP_MS, LAG_MOST_MS, Spoken, cues
from transcripts.exports.cutting import LONGEST_MS, SHORTEST_MS, reading_ms
from transcripts.exports.names import file_name
from transcripts.exports.structured import JsonTranscript
from transcripts.exports.subtitles import srt, vtt
from transcripts.files import TYPES, Wish, download
from transcripts.models import Part, Sentence
from transcripts.removal import remove_sentence
from transcripts.services import (
    NewSentence,
    PartTerms,
    Translation,
    add_sentences,
    add_translations,
    correct_sentence,
    open_part,
)
from transcripts.text import one_line

unhurried = hypothesis_settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
SCHEMA = Path(settings.BASE_DIR) / "docs" / "openapi" / "transcript.json"
TALK = [
    Spoken(0, 6200, "Good evening everybody, and welcome to this talk about soldering, in which I will show you how to "
                    "repair your own devices without burning your fingers."),
    Spoken(6300, 6700, "Yes."),
    Spoken(6800, 7000, "Okay."),
    Spoken(7100, 12000, "Dr. Smith said: \"this is fine\", but it was not; the board caught fire, and everybody had "
                        "to leave the hall immediately."),
    Spoken(20000, 26000, "今日は、はんだ付けについてお話しします。最初に、道具を紹介して、それから実際に基板を修理する方法を"
                         "見せたいと思います。"),
]  # fmt: skip
speech = st.lists(
    st.tuples(
        st.integers(0, 4000),
        st.integers(0, 20_000),
        st.one_of(
            st.text(max_size=200),
            st.text("ab ,.", min_size=1, max_size=300),
            st.text("今日はんだ付け、。ー「」 한국", max_size=150),
            st.lists(st.sampled_from(["the", "talk,", "<b>", "-->", "{\\an8}", "&amp;", "שלום", "والآن", "1", "x" * 60]), max_size=40).map(" ".join),
        ),
    ),
    max_size=12,
)  # fmt: skip


def spoken(rows):
    """Rows of pause, duration and text."""
    found, at = [], 0
    for pause, duration, text in rows:
        found.append(Spoken(at + pause, at + pause + duration, text))
        at += pause + duration
    return found


def words(text):
    return re.sub(r"\s", "", text)


@unhurried
@given(speech)
def test_cues_keep_the_rules_and_every_character_whatever_is_said(rows):
    said = spoken(rows)
    made = list(cues(said))
    assert words("".join("".join(cue.lines) for cue in made)) == "".join(
        words(one_line(item.text)) for item in said
    )
    for cue in made:
        assert 1 <= len(cue.lines) <= 2
        assert all(len(line) > 0 and width(line) <= LINE_COLUMNS for line in cue.lines)
        assert SHORTEST_MS <= cue.end_ms - cue.start_ms <= LONGEST_MS
    for before, after in pairwise(made):
        assert after.start_ms - before.end_ms >= GAP_MS


@unhurried
@given(
    st.lists(
        st.tuples(st.integers(200, 3000), st.text("abcdefghij ,.", min_size=8, max_size=200)), max_size=15
    )
)
def test_whoever_speaks_at_a_usual_pace_can_be_read_in_time(rows):
    """Fifteen characters a second."""
    said = spoken([(pause, max(1500, len(text) * 1000 // 15), text) for pause, text in rows])
    made = list(cues(said))
    for cue in made:
        columns = sum(map(width, cue.lines)) + len(cue.lines) - 1
        assert cue.end_ms - cue.start_ms >= min(reading_ms(columns), LONGEST_MS) - 1
    if made:
        assert made[-1].start_ms <= said[-1].end_ms + LAG_MOST_MS


@unhurried
@given(st.text(max_size=200))
def test_units_are_the_whole_text_and_fit_on_a_line(text):
    found = units(text)
    assert joined(found) == one_line(text)
    assert all(unit.width <= LINE_COLUMNS for unit in found)


def test_talk_is_cut_where_people_would():
    assert [cue.lines for cue in cues(TALK)] == [
        ("Good evening everybody, and welcome to", "this talk about soldering, in which I"),
        ("will show you how to repair your own", "devices without burning your fingers."),
        ("Yes. Okay. Dr. Smith said:", '"this is fine", but it was not;'),
        ("the board caught fire, and everybody", "had to leave the hall immediately."),
        ("今日は、はんだ付けについてお話しします。",),
        ("最初に、道具を紹介して、それから実際に", "基板を修理する方法を見せたいと思います。"),
    ]


def test_fast_speech_is_shown_later_but_never_by_more_than_a_bound():
    said = [Spoken(1000 * n, 1000 * (n + 1), "Very fast speech of forty letters in all.") for n in range(60)]
    begins = {}
    for cue in cues(said):
        begins.setdefault(" ".join(cue.lines), []).append(cue.start_ms)
    starts = [cue.start_ms for cue in cues(said)]
    assert max(starts) <= 60_000 + LAG_MOST_MS
    assert starts == sorted(starts)


@unhurried
@example([(0, 0, "\x1b"), (0, 0, "\u202e")])
@given(speech)
def test_other_programs_read_the_subtitles_as_they_were_meant(rows):
    made = list(cues(spoken(rows)))
    read = webvtt.from_buffer(io.StringIO("".join(vtt(made, lang="en"))), format="vtt") if made else []
    assert [round(caption.start_in_seconds * 1000) // 1000 for caption in read] == [
        cue.start_ms // 1000 for cue in made
    ]
    found = webvtt.from_buffer(io.StringIO("".join(srt(made, lang="en"))), format="srt") if made else []
    assert len(found) == len(made)


@pytest.mark.parametrize(
    ("said", "in_vtt", "in_srt"),
    [
        ("a --> b", "a --&gt; b", "a → b"),
        ("<script>x</script> & <3", "&lt;script&gt;x&lt;/script&gt; &amp; &lt;3", "‹script›x‹/script› & <3"),
        ("{\\an8}up", "{\\an8}up", "{ \\an8}up"),
        ("a\u2028b\rc\x00", "a b c", "a b c"),
    ],
)
def test_what_looks_like_markup_is_shown_as_it_was_said(said, in_vtt, in_srt):
    [cue] = cues([Spoken(0, 2000, said)])
    assert "".join(vtt([cue], lang="en")) == f"WEBVTT\n\n00:00:00.000 --> 00:00:02.000\n{in_vtt}\n\n"
    assert "".join(srt([cue], lang="en")) == f"1\n00:00:00,000 --> 00:00:02,000\n{in_srt}\n\n"


def test_text_from_right_to_left_says_so():
    [cue] = cues([Spoken(0, 2000, "שלום world.")])
    assert "\u200fשלום world." in "".join(vtt([cue], lang="he"))
    assert "\u202bשלום world.\u202c" in "".join(srt([cue], lang="he"))


def test_who_speaks_is_a_voice_in_webvtt():
    [cue] = cues([Spoken(0, 2000, "Yes.", voice="Speaker 1")])
    assert "<v Speaker 1>Yes." in "".join(vtt([cue], lang="en"))


@pytest.mark.parametrize(
    ("code", "title", "name"),
    [
        ("ABC", "Löten: für alle!", "ABC-löten-für-alle.de.srt"),
        ("ABC", "../../etc/passwd\r\nX: y", "ABC-etc-passwd-x-y.de.srt"),
        ("con", "", "_con.de.srt"),
        ("ABC", "今日は", "ABC-今日は.de.srt"),
    ],
)
def test_files_have_names_that_every_system_takes(code, title, name):
    assert file_name(code, title, langs="de", part=None, ending="srt") == name


@unhurried
@given(st.text(max_size=300))
def test_no_title_makes_a_dangerous_name(title):
    name = file_name("ABC", title, langs="de", part=2, ending="srt")
    assert re.fullmatch(r"ABC(-[\w-]+)?\.de\.part2\.srt", name)
    assert len(name) < 90


# --- from the database


def part_of(at, lang="en", **terms):
    values = {"source_lang": lang, "store": True, "public": True, "owner_id": None, **terms}
    return open_part(room=at, terms=PartTerms(**values))


def say(part, *texts, ends=()):
    return add_sentences(
        part=part,
        sentences=[
            NewSentence(3000 * n, 3000 * n + 2900, text, ends=n not in ends, new_line=n == 2)
            for n, text in enumerate(texts)
        ],
    )


def translate(part, *rows, lang="de", texts=None):
    given_texts = texts or [f"[{lang}] {row.text}" for row in rows]
    add_translations(
        part=part,
        lang=lang,
        translations=[
            Translation(row.index, text, row.version) for row, text in zip(rows, given_texts, strict=True)
        ],
    )


def file_of(at, form, identity=None, **wish):
    content = download(at, Wish(form, **wish), identity).content
    pieces = [piece.encode() if isinstance(piece, str) else piece for piece in content]
    return b"".join(pieces)


@pytest.fixture
def talk(db):
    at = room("A", title="Soldering <for> all", presenters=["Ada"])
    part = part_of(at)
    rows = say(part, "One.", "A long one", "that ends.", "Removed.", "Wrong.", ends=(1,))
    translate(part, *rows, texts=["Eins.", "Ein langer, der endet.", "", "Weg.", "Falsch."])
    remove_sentence(rows[3])
    correct_sentence(sentence=rows[4], text="Right.")
    second = part_of(at, "de")
    say(second, "Nur Deutsch.")
    Part.objects.filter(pk=part.pk).update(started_at=datetime(2025, 8, 30, 12, 5, tzinfo=UTC))
    Part.objects.filter(pk=second.pk).update(started_at=datetime(2025, 8, 30, 12, 6, tzinfo=UTC))
    return at


def test_json_is_what_its_schema_says(talk):
    schema = json.loads(SCHEMA.read_text("utf-8"))
    assert schema == {
        "$schema": Draft202012Validator.META_SCHEMA["$id"],
        **JsonTranscript.model_json_schema(),
    }
    whole = json.loads(file_of(talk, "json"))
    Draft202012Validator(schema).validate(whole)
    assert (whole["room"], whole["title"], whole["languages"]) == ("A", "Soldering <for> all", ["en", "de"])
    first, second = whole["parts"]
    assert first["started_at"].startswith("2025-08-30T14:05:00")
    assert [(item["index"], item["text"], item["translations"]) for item in first["sentences"]] == [
        (0, "One.", {"de": "Eins."}),
        (1, "A long one that ends.", {"de": "Ein langer, der endet."}),
        (4, "Right.", {}),
    ]
    assert [item["text"] for item in second["sentences"]] == ["Nur Deutsch."]


def test_subtitles_of_several_parts_go_on_and_of_one_begin_at_zero(talk):
    assert file_of(talk, "srt", lang="de").decode() == (
        "1\n00:00:00,000 --> 00:00:02,900\nEins.\n\n"
        "2\n00:00:03,000 --> 00:00:08,900\nEin langer, der endet.\n\n"
        "3\n00:00:12,000 --> 00:00:14,900\n[en] Right.\n\n"
        "4\n00:01:00,000 --> 00:01:02,900\nNur Deutsch.\n\n"
    )
    assert file_of(talk, "vtt", part=2).startswith(b"WEBVTT\n\n00:00:00.000 --> ")


def test_text_is_that_of_the_conference_wire_or_of_one_part(talk):
    from transcripts.selectors import transcript_text

    assert file_of(talk, "txt", lang="en").decode() == transcript_text(talk, "en", None)
    assert file_of(talk, "txt", part=2).decode().endswith("Nur Deutsch.\n\n")
    assert b"One." not in file_of(talk, "txt", lang="de", part=2)


@pytest.mark.parametrize("beside", ["", "de", "he"])
def test_document_opens_and_holds_every_sentence(talk, beside):
    part = Part.objects.get(room=talk, number=1)
    translate(part, *Sentence.objects.filter(part=part, track__lang="en"), lang="he")
    data = file_of(talk, "docx", lang="en", beside=beside)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
    document = docx.Document(io.BytesIO(data))
    assert document.core_properties.title == "Soldering <for> all"
    cells = [cell.text for table in document.tables for cell in table._cells]
    everything = "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])
    assert "A long one that ends." in everything
    assert "Removed." not in everything
    assert ("Ein langer, der endet." in cells) == (beside == "de")


def test_document_of_an_hour_takes_no_time_that_anybody_notices(db):
    at = room("A")
    part = part_of(at)
    rows = say(
        part, *(f"Sentence {n} is about as long as sentences are when people talk." for n in range(700))
    )
    translate(part, *rows)
    document = docx.Document(io.BytesIO(file_of(at, "docx", lang="en", beside="de")))
    assert len(document.tables[0]._cells) == 3 * 701


def test_characters_that_no_document_may_hold_do_not_break_it(db):
    at = room("A", title="Bell \x07")
    say(part_of(at), "Nul is gone, bell \x07 and \ufffe too.")
    for form in TYPES:
        assert file_of(at, form)


def test_what_is_not_one_s_own_is_in_no_file(db):
    at = room("A")
    say(part_of(at, public=False, owner_id=person("ada").pk), "Secret.")
    for form in TYPES:
        with pytest.raises(Forbidden):
            download(at, Wish(form), None)
    say(part_of(at), "Open.")
    for form in TYPES:
        assert b"Secret." not in file_of(at, form)


def test_what_is_not_there_is_not_found(talk):
    for wish in (Wish("srt", lang="fr"), Wish("docx", lang="en", beside="en"), Wish("srt", part=9)):
        with pytest.raises(NotFound):
            download(talk, wish, None)
    with pytest.raises(BadInput):
        download(talk, Wish("exe"), None)


def test_parts_are_read_with_one_query_each(talk, django_assert_num_queries):
    file = download(talk, Wish("json"), None)
    with django_assert_num_queries(2):
        b"".join(piece.encode() for piece in file.content)


def test_sentences_that_overlap_in_time_do_not_overlap_on_the_screen(db):
    at = room("A")
    add_sentences(part=part_of(at), sentences=[NewSentence(0, 9000, "Long."), NewSentence(1000, 1200, "Short."), NewSentence(500, 400, "Odd.")])  # fmt: skip
    made = webvtt.from_buffer(io.StringIO(file_of(at, "vtt").decode()), format="vtt")
    ends = [timedelta(seconds=caption.end_in_seconds) for caption in made]
    starts = [timedelta(seconds=caption.start_in_seconds) for caption in made]
    assert all(end <= start for end, start in zip(ends[:-1], starts[1:], strict=True))
