"""Sentences that are taken back: what is left of them, who is told, and what does not come again."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from asr.tests.make import join, room_session_of
from rooms.models import Room
from transcripts.events import SentenceChanged, SentenceRemoved
from transcripts.models import Part, PartDeletion, Sentence, Track
from transcripts.removal import remove_sentence, remove_unstored
from transcripts.replay import lacks_removals
from transcripts.selectors import (
    changes_between,
    last_spoken,
    newest_sentences,
    next_index,
    room_now,
    transcript_text,
)
from transcripts.services import (
    NewSentence,
    PartTerms,
    Translation,
    add_sentences,
    add_translations,
    correct_sentence,
    end_part,
    open_part,
)
from transcripts.tasks import TOMBSTONES_STAY, purge
from translation.selectors import whole_part

pytestmark = pytest.mark.django_db
ALL = 10**6
WITHIN_S = 120


def said(*texts, code="A"):
    part = room_session_of(join(code)).part
    return part, say(part, *texts)


def say(part, *texts, keys=None):
    rows = [
        NewSentence(0, 900, text, key=key) for text, key in zip(texts, keys or [""] * len(texts), strict=True)
    ]
    return add_sentences(part=part, sentences=rows)


def translate(part, lang, *rows):
    texts = [Translation(row.index, f"{lang} {row.text}", row.version) for row in rows]
    return add_translations(part=part, lang=lang, translations=texts)


def changes(part, **after):
    return changes_between(part.room_id, after, dict.fromkeys(after, ALL))


def test_removed_sentence_goes_in_every_language_and_the_others_stay_where_they_are():
    part, rows = said("One.", "Secret.", "Three.")
    translate(part, "de", *rows)
    translate(part, "pt", rows[1])
    remove_sentence(rows[1])
    left = Sentence.with_removed.filter(index=1)
    assert [(row.text, row.removed_at is None) for row in left] == [("", False)] * 3
    assert list(Sentence.objects.filter(track__lang="en").values_list("index", flat=True)) == [0, 2]
    assert "Secret." not in transcript_text(part.room, "en", None)
    assert "Secret." not in transcript_text(part.room, "de", None)
    assert room_now(part.room_id).versions == {"en": 4, "de": 4, "pt": 2}
    shown = newest_sentences(part.room_id, broadcast=1, newest=20, upto={"en": ALL, "de": ALL, "pt": ALL})
    assert {item.index for item in shown} == {0, 2}


def test_replay_says_what_was_removed():
    part, rows = said("One.", "Two.")
    translate(part, "de", *rows)
    remove_sentence(rows[0])
    two, removed = changes(part, en=1)
    assert isinstance(two, SentenceChanged)
    assert (two.version, removed) == (2, SentenceRemoved("en", 3, 1, 0))
    assert changes(part, de=2) == [SentenceRemoved("de", 3, 1, 0)]


def test_removing_again_or_correcting_what_is_removed_changes_nothing():
    part, (row,) = said("One.")
    remove_sentence(row)
    remove_sentence(row)
    assert correct_sentence(sentence=row, text="Two.").text == ""
    assert room_now(part.room_id).versions == {"en": 2}


def test_next_sentence_follows_though_the_last_one_was_removed():
    part, rows = said("One.", "Two.")
    remove_sentence(rows[1])
    assert (next_index(part), last_spoken(part)) == (2, "")
    (row,) = say(part, "Three.")
    assert (row.index, row.line, row.position) == (2, 0, 2)


def test_sentence_that_comes_again_is_known_by_its_key_also_when_it_was_removed():
    part, _ = said()
    rows = say(part, "One.", "Two.", keys=["1.1.0", "1.1.1"])
    remove_sentence(rows[0])
    assert [row.text for row in say(part, "One.", "Two.", "Three.", keys=["1.1.0", "1.1.1", "1.1.2"])] == [
        "Three."
    ]
    assert list(Sentence.objects.values_list("text", "index")) == [("Two.", 1), ("Three.", 2)]


def test_translation_of_a_removed_sentence_is_discarded():
    part, (row,) = said("One.")
    remove_sentence(row)
    assert translate(part, "de", row) == []


def test_translation_alone_that_was_removed_is_made_again_only_for_another_text():
    part, (row,) = said("One.")
    (translated,) = translate(part, "de", row)
    remove_sentence(translated)
    assert whole_part(part, "de").translated == {(part.pk, 0): row.version}
    assert translate(part, "de", row) == []
    assert "One." in transcript_text(part.room, "en", None)
    row = correct_sentence(sentence=row, text="Two.")
    assert [stored.text for stored in translate(part, "de", row)] == ["de Two."]
    assert Sentence.objects.get(track__lang="de").text == "de Two."


def test_tombstones_stay_for_an_hour_behind_the_part_s_end_and_then_replays_know_that_they_lack_some():
    part, rows = said("One.", "Two.")
    remove_sentence(rows[0])
    long_ago = timezone.now() - TOMBSTONES_STAY - timedelta(minutes=1)
    Sentence.with_removed.filter(removed_at__isnull=False).update(removed_at=long_ago)
    assert purge() == 0  # the part is live
    end_part(part=part)
    assert purge() == 0
    Part.objects.update(ended_at=long_ago)
    assert purge() == 1
    assert list(Sentence.with_removed.values_list("text", flat=True)) == ["Two."]
    assert room_now(part.room_id).removals_known_from == {"en": 3}


def test_part_that_is_deleted_is_known_by_the_versions_of_its_tracks_and_of_no_other(
    django_capture_on_commit_callbacks,
):
    part, rows = said("One.", "Two.")
    translate(part, "de", *rows)
    Track.objects.create(room=part.room, lang="pt", version=7)
    before = room_now(part.room_id)
    end_part(part=part)
    with django_capture_on_commit_callbacks(execute=True):
        part.delete()
    now = room_now(part.room_id)
    assert now.versions == {**before.versions, "en": 3, "de": 3}
    assert lacks_removals(before.versions, now)
    assert not lacks_removals({"pt": 7}, now)
    assert not lacks_removals(now.versions, now)


def test_deletion_whose_process_died_right_behind_it_is_told_by_the_next_sweep():
    part, _ = said("One.")
    end_part(part=part)
    part.delete()  # what follows the commit does not come
    assert room_now(part.room_id).removals_known_from == {"en": 0}
    purge()
    assert PartDeletion.objects.count() == 1  # its process may just be about to
    PartDeletion.objects.update(at=timezone.now() - timedelta(minutes=2))
    for _ in range(2):
        purge()
    assert room_now(part.room_id).versions == room_now(part.room_id).removals_known_from == {"en": 2}
    assert not PartDeletion.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_whoever_speaks_does_not_wait_for_a_part_that_is_being_deleted():
    part, _ = said("One.")
    end_part(part=part)
    now = open_part(room=part.room, terms=PartTerms("en", store=True, public=True, owner_id=None))
    with transaction.atomic():
        part.delete()
        with ThreadPoolExecutor(1) as threads:
            threads.submit(in_thread, say, now, "Two.").result(WITHIN_S)
    assert room_now(part.room_id).versions == {"en": 3}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("whole", [Part, Room])
def test_translation_that_is_stored_while_its_part_or_room_is_deleted_goes_along(whole):
    part, (row,) = said("One.")
    translate(part, "de", row)
    end_part(part=part)
    gone = part if whole is Part else part.room
    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            translate(part, "pt", row)
            deletion = threads.submit(in_thread, whole.objects.get(pk=gone.pk).delete)
            until_it_waits(deletion)  # Django has collected by then what it will delete
        deletion.result(WITHIN_S)
    assert not whole.objects.filter(pk=gone.pk).exists()
    assert not Sentence.with_removed.exists()


@pytest.mark.django_db(transaction=True)
def test_language_that_comes_while_a_sentence_is_removed_keeps_nothing_of_it():
    langs = ("de", "pt", "fr", "es", "it", "nl")
    for number in range(8):
        part, (row,) = said("Secret.", code=f"R{number}")
        with ThreadPoolExecutor(len(langs) + 1) as threads:
            work = [threads.submit(in_thread, translate, part, lang, row) for lang in langs]
            work.insert(number % 3, threads.submit(in_thread, remove_sentence, row))
            for done in work:
                done.result()
        assert not Sentence.objects.filter(part=part).exists()
        for track in Track.objects.filter(room=part.room_id):
            versions = Sentence.with_removed.filter(track=track).values_list("version", flat=True)
            assert max(versions, default=0) == track.version


@pytest.mark.django_db(transaction=True)
def test_speaking_correcting_and_removing_at_once_leaves_versions_without_repeats():
    part, rows = said(*(f"{number}." for number in range(12)))
    with ThreadPoolExecutor(6) as threads:
        work = [threads.submit(in_thread, say, part, f"new {number}") for number in range(12)]
        work += [threads.submit(in_thread, remove_sentence, row) for row in rows[:6]]
        work += [threads.submit(in_thread, correct, row) for row in rows[3:]]
        for done in work:
            done.result()
    track = Track.objects.get()
    versions = list(Sentence.with_removed.values_list("version", flat=True))
    assert len(set(versions)) == len(versions) == 24
    assert max(versions) == track.version
    assert sorted(Sentence.with_removed.values_list("index", flat=True)) == list(range(24))
    assert Sentence.objects.count() == 18


def test_what_was_not_to_be_stored_leaves_no_word_behind():
    part, rows = said("Secret.", "Too.")
    translate(part, "de", *rows)
    Part.objects.update(store=False)
    remove_unstored(room=part.room)
    assert set(Sentence.with_removed.values_list("text", flat=True)) == {""}
    assert [type(event) for event in changes(part, en=0, de=0)] == [SentenceRemoved] * 4


def test_admin_removes_a_sentence_with_its_translations(admin_client):
    part, rows = said("One.", "Two.", "Three.")
    translate(part, "de", *rows)
    page = reverse("admin:transcripts_sentence_delete", args=[rows[0].pk])
    assert admin_client.post(page, {"post": "yes"}).status_code == 302
    ticked = {"action": "delete_selected", "_selected_action": [rows[2].pk], "post": "yes"}
    admin_client.post(reverse("admin:transcripts_sentence_changelist"), ticked)
    assert sorted(Sentence.objects.values_list("text", flat=True)) == ["Two.", "de Two."]
    assert Sentence.with_removed.count() == 6


def correct(row):
    correct_sentence(sentence=row, text=f"corrected {row.index}")


def until_it_waits(work):
    """For a lock that this connection has."""
    asked = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    )
    deadline = time.monotonic() + WITHIN_S
    with connection.cursor() as cursor:
        while True:
            cursor.execute(asked)
            if cursor.fetchone() != (0,):
                return
            assert not work.done(), work.result()
            assert time.monotonic() < deadline
            time.sleep(0.01)


def in_thread(call, *arguments):
    try:
        call(*arguments)
    finally:
        connection.close()
