"""People correct and remove sentences: who may, who was first, what stays of it, and what readers get."""

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from rooms.access import Identity
from rooms.errors import BadInput, Conflict, Forbidden, NotFound
from rooms.tests.make import person, room
from transcripts import editing
from transcripts.editing import SentencePlace
from transcripts.events import SentenceChanged, SentenceRemoved
from transcripts.models import Part, Sentence, SentenceRevision
from transcripts.removal import remove_unstored
from transcripts.selectors import changes_between, room_now
from transcripts.services import (
    NewSentence,
    PartTerms,
    Translation,
    add_sentences,
    add_translations,
    end_part,
    open_part,
)
from transcripts.tasks import TOMBSTONES_STAY, purge
from transcripts.text import TEXT_MOST_CHARS, clean_text

pytestmark = pytest.mark.django_db
unhurried = hypothesis_settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
ALL = 10**6


def host(name="host"):
    return Identity("host", person(name).pk)


def admin():
    return Identity("admin", person("organiser", group="admins").pk)


def part_of(at, *, owner="host", broadcast=None, **terms):
    values = {"source_lang": "en", "store": True, "public": True, "owner_id": person(owner).pk, **terms}
    return open_part(room=at, terms=PartTerms(**values), broadcast=broadcast)


def say(part, *texts, ends=()):
    rows = [NewSentence(0, 900, text, ends=number not in ends) for number, text in enumerate(texts)]
    return add_sentences(part=part, sentences=rows)


def translate(part, *rows, lang="de"):
    texts = [Translation(row.index, f"{lang} {row.text}", row.version) for row in rows]
    return add_translations(part=part, lang=lang, translations=texts)


def place(row, lang=""):
    return SentencePlace(row.part.room_id, row.part.number, row.index, lang)


def correct(row, text, *, by=None, seen=None, **more):
    return editing.correct(
        place(row, more.pop("lang", "")),
        text=text,
        seen_version=seen or row.version,
        identity=by or host(),
        **more,
    )


def remove(row, *, by=None, seen=None, **more):
    editing.remove(place(row, **more), seen_version=seen or row.version, identity=by or host())


def code_of(error, call, *arguments, **more):
    with pytest.raises(error) as raised:
        call(*arguments, **more)
    return raised.value.code


def test_correction_reaches_who_follows_and_says_what_stood_there_before():
    part = part_of(room("A"))
    _, row = say(part, "One.", "Too.")
    row = correct(row, "Two.", reason="misheard")
    assert (row.text, row.index, row.version) == ("Two.", 1, 3)
    [event] = changes_between(part.room_id, {"en": 2}, {"en": ALL})
    assert isinstance(event, SentenceChanged)
    assert (event.text, event.version, event.index) == ("Two.", 3, 1)
    correct(row, "2.", by=admin())
    told = editing.history(place(row), identity=host())
    assert [(item.action, item.text, item.by, item.role, item.reason, item.version) for item in told] == [
        ("corrected", "Too.", "host", "host", "misheard", 2),
        ("corrected", "Two.", "organiser", "admin", "", 3),
    ]


def test_of_two_who_correct_the_same_text_the_second_is_told_so():
    part = part_of(room("A"))
    (row,) = say(part, "Won.")
    correct(row, "One.")
    with pytest.raises(Conflict) as raised:
        correct(row, "1.", by=admin())
    assert (raised.value.code, raised.value.parameters) == ("sentence_changed", {"version": 2})
    assert code_of(Conflict, remove, row) == "sentence_changed"
    assert Sentence.objects.get().text == "One."


@pytest.mark.django_db(transaction=True)
def test_of_many_who_correct_at_once_while_sentences_come_one_wins():
    part = part_of(room("A"))
    (row,) = say(part, "Won.")
    identity = host()

    def attempt(number):
        try:
            correct(row, f"One {number}.", by=identity)
        except Conflict as error:
            return error.code
        finally:
            connection.close()
        return "ok"

    def speak(number):
        try:
            say(part, f"Next {number}.")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        spoken = [threads.submit(speak, number) for number in range(8)]
        tried = [threads.submit(attempt, number) for number in range(8)]
        said = [work.result() for work in tried]
        for work in spoken:
            work.result()
    assert sorted(said) == ["ok"] + ["sentence_changed"] * 7
    versions = sorted(Sentence.objects.values_list("version", flat=True))
    assert len(set(versions)) == 9
    assert versions[-1] == room_now(part.room_id).versions["en"] == 10


@pytest.mark.parametrize("ended", [False, True])
def test_owner_and_operators_may_and_others_may_not(ended):
    at = room("A")
    part = part_of(at)
    (row,) = say(part, "One.")
    if ended:
        end_part(part=part)
    row = correct(row, "1.")
    row = correct(row, "One!", by=admin())
    for stranger in (host("ada"), Identity("host", None)):
        assert code_of(Forbidden, correct, row, "x", by=stranger) == "not_your_transcript"
        assert code_of(Forbidden, remove, row, by=stranger) == "not_your_transcript"
        assert code_of(Forbidden, editing.history, place(row), identity=stranger) == "not_your_transcript"


def test_who_hosts_the_broadcast_now_may_mend_what_was_said_before_until_it_ends():
    at = room("A")
    before = part_of(at)
    (row,) = say(before, "One.")
    end_part(part=before)
    now = part_of(at, owner="ada", broadcast=before.broadcast)
    row = correct(row, "1.", by=host("ada"))
    end_part(part=now)
    assert code_of(Forbidden, correct, row, "x", by=host("ada")) == "not_your_transcript"
    next_broadcast = part_of(at, owner="ada")
    assert next_broadcast.broadcast != before.broadcast
    assert code_of(Forbidden, correct, row, "x", by=host("ada")) == "not_your_transcript"


def test_what_is_not_there_is_not_found():
    part = part_of(room("A"))
    say(part, "One.")
    for wrong in (
        SentencePlace(part.room_id, 2, 0),
        SentencePlace(part.room_id, 1, 1),
        SentencePlace(part.room_id, 1, 0, "de"),
    ):
        assert (
            code_of(NotFound, editing.remove, wrong, seen_version=1, identity=host()) == "sentence_not_found"
        )


def test_correcting_any_piece_of_a_long_sentence_outdates_its_whole_translation():
    part = part_of(room("A"))
    before, *pieces, after = say(part, "Before.", "A long", "one that", "ends.", "After.", ends=(1, 2))
    translate(part, before, *pieces, after)
    correct(pieces[1], "one, which")
    assert [row.text for row in Sentence.objects.filter(track__lang="en")] == [
        "Before.", "A long", "one, which", "ends.", "After.",
    ]  # fmt: skip
    outdated = {
        row.index
        for row in Sentence.objects.filter(track__lang="de")
        if row.of_version != Sentence.objects.get(track__lang="en", index=row.index).version
    }
    assert outdated == {1, 2, 3}
    told = changes_between(part.room_id, {"en": 5}, {"en": ALL})
    assert [(event.version, event.index) for event in told] == [(6, 1), (7, 2), (8, 3)]
    assert [item.text for item in editing.history(place(pieces[1]), identity=host())] == ["one that"]
    assert editing.history(place(pieces[0]), identity=host()) == []


def test_removing_any_piece_removes_the_whole_sentence_and_no_other():
    part = part_of(room("A"))
    before, *pieces, after = say(part, "Before.", "A long", "one.", "After.", ends=(1,))
    translate(part, before, *pieces, after)
    remove(pieces[1])
    left = Sentence.objects.order_by("track__lang", "index").values_list("text", flat=True)
    assert list(left) == ["de Before.", "de After.", "Before.", "After."]


def test_sentence_whose_last_piece_has_not_come_yet_can_be_corrected_and_removed():
    part = part_of(room("A"))
    first, second = say(part, "A long", "one", ends=(0, 1))
    first = correct(first, "The long")
    say(part, "that ends.")
    remove(first)
    assert not Sentence.objects.exists()
    assert second.index == 1


def test_removal_takes_earlier_texts_along_and_its_history_stays_with_the_stored_part():
    part = part_of(room("A"))
    (row,) = say(part, "Secret name.")
    row = correct(row, "A secret name.")
    editing.remove(place(row), seen_version=row.version, identity=admin(), reason="asked to")
    remove(row)  # again, by somebody who has not seen it yet
    end_part(part=part)
    long_ago = timezone.now() - TOMBSTONES_STAY - timedelta(minutes=1)
    Sentence.with_removed.update(removed_at=long_ago)
    Part.objects.update(ended_at=long_ago)
    assert purge() == 0
    told = editing.history(place(row), identity=host())
    assert [(item.action, item.text, item.by, item.reason) for item in told] == [
        ("corrected", "", "host", ""),
        ("removed", "", "organiser", "asked to"),
    ]
    assert [type(event) for event in changes_between(part.room_id, {"en": 0}, {"en": ALL})] == [
        SentenceRemoved
    ]
    part.delete()
    assert not SentenceRevision.objects.exists()


def test_of_what_was_not_to_be_stored_no_history_keeps_a_word():
    part = part_of(room("A"), store=False)
    row, _ = say(part, "Secret.", "Too.")
    correct(row, "Very secret.")
    end_part(part=part)
    remove_unstored(room=part.room)
    assert set(SentenceRevision.objects.values_list("text", flat=True)) == {""}
    long_ago = timezone.now() - TOMBSTONES_STAY - timedelta(minutes=1)
    Sentence.with_removed.update(removed_at=long_ago)
    Part.objects.update(ended_at=long_ago)
    assert purge() == 2
    assert not SentenceRevision.objects.exists()


def test_translation_alone_is_corrected_and_removed_by_its_language():
    part = part_of(room("A"))
    (row,) = say(part, "One.")
    (translated,) = translate(part, row)
    translated = correct(translated, "Eins.", lang="de")
    assert (translated.text, translated.of_version) == ("Eins.", row.version)
    remove(translated, lang="de")
    assert list(Sentence.objects.values_list("text", flat=True)) == ["One."]


def test_correction_that_changes_nothing_leaves_no_history():
    part = part_of(room("A"))
    (row,) = say(part, "One.")
    assert correct(row, "  One.\n").version == row.version
    assert editing.history(place(row), identity=host()) == []


def test_history_of_an_erased_person_has_no_name():
    part = part_of(room("A"))
    (row,) = say(part, "One.")
    correct(row, "1.")
    person("host").delete()
    [item] = editing.history(place(row), identity=admin())
    assert (item.by, item.role) == ("", "host")


def test_admin_s_corrections_leave_a_history_too(admin_client):
    part = part_of(room("A"))
    (row,) = say(part, "Wrong.")
    page = reverse("admin:transcripts_sentence_change", args=[row.pk])
    admin_client.post(page, {"text": "Right."})
    assert [(item.text, item.role) for item in editing.history(place(row), identity=host())] == [
        ("Wrong.", "admin")
    ]
    row.refresh_from_db()
    admin_client.post(reverse("admin:transcripts_sentence_delete", args=[row.pk]), {"post": "yes"})
    told = editing.history(place(row), identity=host())
    assert [(item.action, item.text) for item in told] == [("corrected", ""), ("removed", "")]


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("  two\n lines\t here ", "two lines here"),
        ("\u202eevil\u202c \u2066x\u2069", "evil x"),
        ("nul\x00 bell\x07 \ufeffmark", "nul bell mark"),
        ("A\u030angstro\u0308m", "Ångström"),
        ("می\u200cخواهم 👩\u200d💻", "می\u200cخواهم 👩\u200d💻"),
        ("\ud800lone", "lone"),
    ],
)
def test_what_people_type_is_one_line_that_hides_nothing(typed, stored):
    assert clean_text(typed) == stored


@pytest.mark.parametrize(
    ("typed", "code"),
    [("", "text_missing"), (" \u202e\n", "text_missing"), ("x" * (TEXT_MOST_CHARS + 1), "text_too_long"), (" " * 10**6, "text_too_long")],
)  # fmt: skip
def test_text_that_cannot_be_stored_is_refused(typed, code):
    assert code_of(BadInput, clean_text, typed) == code


@unhurried
@given(st.text(max_size=300))
def test_cleaned_text_stays_as_it_is_and_can_be_stored(typed):
    try:
        cleaned = clean_text(typed)
    except BadInput:
        return
    assert clean_text(cleaned) == cleaned
    assert cleaned.encode()
    assert not {unicodedata.category(char) for char in cleaned} & {"Cc", "Cs", "Zl", "Zp"}
