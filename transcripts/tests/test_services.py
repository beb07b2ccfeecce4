"""What was said: writes, what may be read, the text of a transcript, the admin's corrections."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from asr.tests.make import join, room_session_of, session_of
from rooms.access import Identity
from rooms.errors import Forbidden, NotFound
from rooms.models import Room
from rooms.tests.make import person, room
from transcripts.models import Part, Sentence, Track
from transcripts.removal import remove_unstored
from transcripts.selectors import changes_between, newest_sentences, readable_rooms, room_now, transcript_text
from transcripts.services import (
    NewSentence,
    PartTerms,
    Translation,
    add_sentences,
    add_translations,
    add_translations_by_lang,
    correct_sentence,
    open_part,
)

pytestmark = pytest.mark.django_db
GOLDEN = Path(__file__).parent / "golden" / "transcript.txt"


def host(name="host"):
    """Who hosts, and owns what it hosted."""
    return Identity("host", person(name).pk)


def admin():
    return Identity("admin", person("admin", group="admins").pk)


def everybody():
    """Readers by name; nobody is logged in as "all"."""
    return {"all": None, "host": host(), "ada": host("ada"), "admin": admin()}


def part_of(at, lang="en", *, store=True, public=True, owner="host", broadcast=None):
    return open_part(room=at, terms=PartTerms(lang, store, public, person(owner).pk), broadcast=broadcast)


def say(part, *texts, new_line=()):
    rows = [
        NewSentence(2000 * number, 2000 * number + 1900, text, new_line=number in new_line)
        for number, text in enumerate(texts)
    ]
    return add_sentences(part=part, sentences=rows)


def newest_of(room_id, newest=20):
    return newest_sentences(room_id, broadcast=1, newest=newest, upto=room_now(room_id).versions)


class TestWriting:
    def test_versions_rise_by_one_for_each_sentence(self):
        part = part_of(room("A"))
        say(part, "One.", "Two.")
        rows = say(part, "Three.")
        assert [row.version for row in rows] == [3]
        assert Track.objects.get().version == 3
        assert list(Sentence.objects.values_list("index", flat=True)) == [0, 1, 2]

    def test_lines_count_within_the_broadcast_and_positions_within_the_line(self):
        at = room("A")
        first = part_of(at)
        say(first, "One.", "Two.", "Three.", new_line=(2,))
        second = part_of(at, "de", broadcast=first.broadcast)
        say(second, "Eins.", "Zwei.")
        say(first, "Four.")  # the older part still finishes
        rows = Sentence.objects.order_by("part__number", "index").values_list("line", "position")
        assert list(rows) == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]

    def test_next_broadcast_counts_its_lines_anew(self):
        at = room("A")
        say(part_of(at), "One.")
        (row,) = say(part_of(at), "Again.")
        assert (row.part.broadcast, row.line, row.index) == (2, 0, 0)

    def test_sentence_that_goes_on_in_the_next_one_says_so_in_every_language_and_replay(self):
        part = part_of(room("A"))
        pieces = [NewSentence(0, 900, "A long one", ends=False), NewSentence(900, 1900, "that ends.")]
        rows = add_sentences(part=part, sentences=pieces)
        whole = [
            Translation(0, "Ein langer, der endet.", rows[0].version),
            Translation(1, "", rows[1].version),
        ]
        add_translations(part=part, lang="de", translations=whole)
        told = changes_between(part.room_id, {"en": 0, "de": 0}, {"en": 2, "de": 2})
        assert [(event.lang, event.ends) for event in told] == [
            ("de", False),
            ("de", True),
            ("en", False),
            ("en", True),
        ]
        assert {(event.lang, event.index, event.ends) for event in newest_of(part.room_id)} == {
            ("en", 0, False), ("en", 1, True), ("de", 0, False), ("de", 1, True),
        }  # fmt: skip

    def test_correction_keeps_the_index_and_outdates_translations(self):
        part = part_of(room("A"))
        (row,) = say(part, "Wrong.")
        add_translations(part=part, lang="de", translations=[Translation(0, "Falsch.", row.version)])
        corrected = correct_sentence(sentence=row, text="Right.")
        assert (corrected.index, corrected.line, corrected.position) == (0, 0, 0)
        assert Sentence.objects.get(track__lang="de").of_version != corrected.version
        assert (
            add_translations(part=part, lang="de", translations=[Translation(0, "Late.", row.version)]) == []
        )

    def test_corrected_translation_is_still_of_the_same_source(self):
        part = part_of(room("A"))
        (source,) = say(part, "One.")
        (row,) = add_translations(part=part, lang="de", translations=[Translation(0, "Ein.", source.version)])
        corrected = correct_sentence(sentence=row, text="Eins.")
        assert (corrected.of_version, corrected.version) == (source.version, 2)
        shown = newest_of(part.room_id)
        assert {(item.lang, item.text, item.of_version) for item in shown} == {("en", "One.", None), ("de", "Eins.", source.version)}  # fmt: skip

    def test_translations_into_several_languages_each_get_the_versions_of_their_own_track(self):
        part = part_of(room("A"))
        one, two = say(part, "One.", "Two.")
        add_translations(part=part, lang="de", translations=[Translation(0, "Eins.", one.version)])
        correct_sentence(sentence=two, text="Too.")
        stored = add_translations_by_lang(
            part=part,
            translations={
                "de": [Translation(0, "Doppelt.", one.version), Translation(1, "Spät.", two.version)],
                "fr": [Translation(0, "Un.", one.version)],
                "pt": [],
            },
        )
        assert {lang: [row.text for row in rows] for lang, rows in stored.items()} == {
            "de": [],
            "fr": ["Un."],
            "pt": [],
        }
        versions = dict(Track.objects.exclude(lang="en").values_list("lang", "version"))
        assert versions == {"de": 1, "fr": 1, "pt": 0}
        assert Sentence.objects.get(track__lang="de").text == "Eins."

    def test_correction_that_changes_nothing_outdates_nothing(self):
        part = part_of(room("A"))
        (row,) = say(part, "One.")
        assert correct_sentence(sentence=row, text="One.").version == row.version
        assert Track.objects.get().version == 1

    def test_deletion_takes_unstored_parts_in_every_language_and_nothing_else(self):
        at = room("A")
        stored, unstored = part_of(at), part_of(at, store=False)
        say(stored, "Kept.")
        (row,) = say(unstored, "Gone.")
        add_translations(part=unstored, lang="de", translations=[Translation(0, "Weg.", row.version)])
        for _ in range(2):
            remove_unstored(room=at)
        assert list(Sentence.objects.values_list("text", flat=True)) == ["Kept."]
        assert dict(Track.objects.values_list("lang", "version")) == {"en": 3, "de": 2}

    def test_snapshot_has_the_newest_in_reading_order_whatever_their_part(self):
        at = room("A")
        first = part_of(at)
        say(first, "One.", "Two.")
        say(part_of(at, "de", broadcast=first.broadcast), "Drei.", "Vier.")
        assert [item.text for item in newest_of(at.pk, newest=3)] == ["Two.", "Drei.", "Vier."]
        assert room_now(at.pk).versions == {"en": 2, "de": 2}

    def test_what_is_newer_than_a_snapshot_is_not_in_it(self):
        part = part_of(room("A"))
        one, _ = say(part, "One.", "Two.")
        versions = room_now(part.room_id).versions
        correct_sentence(sentence=one, text="1.")
        say(part, "Three.")
        shown = newest_sentences(part.room_id, broadcast=1, newest=20, upto=versions)
        assert [item.text for item in shown] == ["Two."]
        changes = changes_between(part.room_id, versions, room_now(part.room_id).versions)
        assert [(item.version, item.text) for item in changes] == [(3, "1."), (4, "Three.")]

    def test_snapshot_s_query_count_does_not_depend_on_how_much_was_said(self):
        part = part_of(room("A"))
        counts = []
        for _ in range(3):
            say(part, "One.")
            with CaptureQueriesContext(connection) as counted:
                newest_of(part.room_id)
            counts.append(len(counted))
        assert counts[0] == counts[2]


class TestReading:
    def readers(self, at):
        """Who may read the room's English text."""
        found = set()
        for name, identity in everybody().items():
            try:
                transcript_text(at, "en", identity)
                found.add(name)
            except Forbidden:
                pass
        listed = {name for name, identity in everybody().items() if readable_rooms(identity)}  # fmt: skip
        assert listed == found
        return found

    def test_listing_one_room_costs_as_many_queries_as_listing_three(self):
        counts, caller = [], host()
        for codes in ("A", "BC"):
            for code in codes:
                at = room(code)
                say(part_of(at), "One.", "Two.")
                say(part_of(at, "de"), "Eins.")
            with CaptureQueriesContext(connection) as queries:
                listed = readable_rooms(caller)
                assert [(entry.room.title, entry.room.presenters, entry.room.location) for entry in listed]
            counts.append(len(queries))
        assert counts == [2, 2]
        assert [entry.room.code for entry in listed] == ["A", "B", "C"]

    def test_a_room_is_listed_from_its_first_readable_part_to_its_last_sentence(self):
        at = room("A")
        part_of(at)  # nobody spoke
        hidden, first, last = part_of(at, public=False), part_of(at), part_of(at)
        for part in (hidden, first, last):
            sentence = say(part, "One.")[0]
        [listed] = readable_rooms(host("ada"))
        assert (listed.first_at, listed.last_at) == (first.started_at, sentence.created_at)

    @pytest.mark.parametrize(
        ("store", "public", "expected"),
        [
            (True, True, {"all", "host", "ada", "admin"}),
            (True, False, {"host", "admin"}),
            (False, True, {"host", "admin"}),
            (False, False, {"host", "admin"}),
        ],
    )
    def test_preferences_decide(self, store, public, expected):
        at = room("A")
        say(part_of(at, store=store, public=public), "One.")
        assert self.readers(at) == expected

    def test_later_part_never_changes_who_may_read_an_earlier_one(self):
        at = room("A")
        say(part_of(at, public=False), "Secret.")
        say(part_of(at, public=True, owner="ada"), "Open.")
        assert "Secret." not in transcript_text(at, "en", None)
        assert "Secret." not in transcript_text(at, "en", host("ada"))
        assert "Secret." in transcript_text(at, "en", host())

    def test_talk_that_must_not_be_recorded_any_more_is_for_its_owner_and_admins(self):
        at = room("A")
        say(part_of(at), "One.")
        Room.objects.update(do_not_record=True)
        assert self.readers(at) == {"host", "admin"}

    def test_text_is_the_golden_file(self):
        at = room("A")
        for number, (lang, texts) in enumerate((("en", ("Good evening.", "Today: soldering.", "First, tin.")), ("de", ("Nur Deutsch.",)), ("en", ("Again – für alle.",)))):  # fmt: skip
            part = part_of(at, lang)
            say(part, *texts, new_line=(2,))
            Part.objects.filter(pk=part.pk).update(
                started_at=datetime(2025, 8, 30, 12 + number, 5, tzinfo=UTC)
            )
        Sentence.objects.filter(text="First, tin.").update(speaker=2, start_ms=3_725_000, end_ms=3_729_999)
        assert transcript_text(at, "en", None) == GOLDEN.read_text("utf-8")

    def test_language_nobody_has_is_not_found(self):
        at = room("A")
        say(part_of(at), "One.")
        with pytest.raises(NotFound):
            transcript_text(at, "fr", admin())


class TestAdmin:
    PARTS, SENTENCES = "admin:transcripts_part_changelist", "admin:transcripts_sentence_changelist"

    def test_sentence_is_corrected_through_the_service(self, admin_client):
        (row,) = say(part_of(room("A")), "Wrong.")
        page = reverse("admin:transcripts_sentence_change", args=[row.pk])
        assert admin_client.post(page, {"text": "Right.", "index": "7"}).status_code == 302
        row.refresh_from_db()
        assert (row.text, row.index, row.version) == ("Right.", 0, 2)

    def test_sentences_are_not_added(self, admin_client):
        assert admin_client.get(reverse("admin:transcripts_sentence_add")).status_code == 403

    def test_part_that_is_over_is_deleted_with_all_its_text(self, admin_client):
        host_lease = join("A")
        part = room_session_of(host_lease).part
        (row,) = say(part, "One.")
        add_translations(part=part, lang="de", translations=[Translation(0, "Eins.", row.version)])
        delete = reverse("admin:transcripts_part_delete", args=[part.pk])
        assert admin_client.post(delete, {"post": "yes"}).status_code == 403
        Part.objects.update(ended_at=datetime.now(UTC))
        session = session_of(host_lease)
        session.state = "closed"
        session.save()
        assert admin_client.post(delete, {"post": "yes"}).status_code == 302
        assert not Sentence.objects.exists()
        assert not Part.objects.exists()

    @pytest.mark.parametrize("page", [PARTS, SENTENCES])
    def test_query_count_does_not_depend_on_the_number_of_rows(self, admin_client, page):
        counts = []
        for number in range(3):
            say(part_of(room(f"ROOM{number}")), "One.")
            with CaptureQueriesContext(connection) as counted:
                assert admin_client.get(reverse(page)).status_code == 200
            counts.append(len(counted))
        assert counts[0] == counts[2]
