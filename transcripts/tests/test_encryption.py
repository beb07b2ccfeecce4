"""Text at rest: a part's texts are read by its key alone, and everything that is done with text is done as before."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from rooms.access import Identity
from rooms.encryption import key_as_text, new_key
from rooms.models import DataKey, Room
from rooms.tests.make import person, room
from transcripts.at_rest import at_rest, destroy_unneeded_keys, encrypt_stored
from transcripts.editing import SentencePlace, correct, history, remove
from transcripts.encrypted_search import SENTENCES_MOST
from transcripts.encryption import MARK, KeyDestroyed
from transcripts.files import Wish, download
from transcripts.models import Part, Sentence, SentenceRevision
from transcripts.removal import remove_unstored
from transcripts.search import search
from transcripts.selectors import newest_sentences, room_now, transcript_text
from transcripts.services import (
    NewSentence,
    PartTerms,
    Translation,
    add_sentences,
    add_translations,
    end_part,
    open_part,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def encrypting(env):
    env(encrypt_transcripts=True, encryption_keys=[key_as_text(new_key())])


def said(code, *texts, lang="en", store=True, public=True):
    at = Room.objects.filter(code=code).first() or room(code)
    part = open_part(room=at, terms=PartTerms(lang, store=store, public=public, owner_id=person("ada").pk))
    say(part, *texts)
    return part


def say(part, *texts):
    return add_sentences(part=part, sentences=[NewSentence(2000 * n, 2000 * n + 1900, text) for n, text in enumerate(texts)])  # fmt: skip


def ada():
    return Identity("host", person("ada").pk)


def stored():
    """Every text as the database has it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT text FROM transcripts_sentence UNION ALL SELECT text FROM transcripts_sentencerevision"
        )
        return [text for (text,) in cursor.fetchall()]


def found(query, identity=None, **more):
    answer = search(query, identity, **more)
    return {"".join(text for text, _ in hit.snippet) for each in answer.rooms for hit in each.hits}


class TestAtRest:
    def test_only_what_is_to_be_encrypted_is(self, env):
        said("A", "Stored as always.")
        assert stored() == ["Stored as always."]
        assert not DataKey.objects.exists()

    def test_what_is_not_to_be_stored_is_encrypted_whatever_the_settings_say(self):
        part = said("A", "Between us.", store=False)
        assert all(text.startswith(MARK) for text in stored())
        events = newest_sentences(part.room_id, broadcast=1, newest=9, upto=room_now(part.room_id).versions)
        assert [event.text for event in events] == ["Between us."]

    def test_sentences_translations_corrections_and_their_history_are_encrypted_and_read_as_before(
        self, encrypting
    ):
        part = said("A", "Good mourning.", "Thank you.")
        place = SentencePlace(part.room_id, 1, 0)
        row = correct(place, text="Good morning.", seen_version=1, identity=ada())
        add_translations(part=part, lang="de", translations=[Translation(0, "Guten Morgen.", row.version)])
        assert len(stored()) == 4
        assert all(text.startswith(MARK) for text in stored())
        assert transcript_text(part.room, "de", None).count("Guten Morgen.") == 1
        assert [each.text for each in history(place, identity=ada())] == ["Good mourning."]
        remove(place, seen_version=row.version, identity=ada())
        assert sorted(stored())[:3] == ["", "", ""]  # the sentence, its translation, its history

    def test_text_that_looks_like_what_is_encrypted_is_text(self):
        said("A", f"{MARK}1:QUJD")
        assert Sentence.objects.get().text == "1:QUJD"

    @pytest.mark.parametrize("form", ["txt", "srt", "vtt", "json", "docx"])
    def test_every_file_to_download_is_the_same(self, form, env):
        plain = said("A", "Good morning.", "We melt tin.")
        before = b"".join(_bytes(piece) for piece in download(plain.room, Wish(form), None).content)
        Part.objects.update(ended_at="2025-01-01T00:00Z")
        env(encrypt_transcripts=True, encryption_keys=[key_as_text(new_key())])
        assert encrypt_stored() == 1
        after = b"".join(_bytes(piece) for piece in download(plain.room, Wish(form), None).content)
        assert (b"melt" in before, len(before)) == (form != "docx", len(before))
        if form == "json":
            assert json.loads(after)["parts"][0]["sentences"] == json.loads(before)["parts"][0]["sentences"]
        elif form != "docx":
            assert after == before


def _bytes(piece):
    return piece.encode() if isinstance(piece, str) else piece


class TestSearch:
    @pytest.mark.parametrize(
        ("lang", "text", "query"),
        [
            ("en", "The houses were running.", "house run"),
            ("de", "Die Häuser der Programmiererinnen.", "Haus"),
            ("zh-Hans", "今天我们谈谈焊接。", "焊接"),
        ],
    )
    def test_words_are_found_in_the_forms_of_their_language(self, encrypting, lang, text, query):
        said("A", text, "12345.", lang=lang)
        assert found(query) == found(query, lang=lang) == {text}
        assert found(query, lang="it") == set()

    def test_encrypted_and_other_rooms_are_ranked_together_and_found_words_are_marked(self, env):
        said("A", "Tin melts.", "Tin is grey.")
        env(encrypt_transcripts=True, encryption_keys=[key_as_text(new_key())])
        said("B", "We melt tin.", "Tin again.", "More tin.", "Tin, tin and tin.")
        answer = search("tin", None)
        assert [(each.room.code, each.count) for each in answer.rooms] == [("B", 4), ("A", 2)]
        assert all(any(is_found for _, is_found in hit.snippet) for each in answer.rooms for hit in each.hits)
        assert "".join(text for text, _ in answer.rooms[0].hits[0].snippet) == "Tin, tin and tin."

    def test_what_the_caller_may_not_read_is_not_found(self, encrypting):
        said("A", "In confidence.", public=False)
        assert found("confidence") == set()
        assert found("confidence", ada()) == {"In confidence."}

    def test_so_many_sentences_are_looked_through_and_no_more(
        self, encrypting, django_assert_max_num_queries
    ):
        assert SENTENCES_MOST >= 2 * 8 * 60 * 10  # two days of ten sentences a minute
        said("A", *(f"Sentence number {n} of tin." for n in range(300)))
        with django_assert_max_num_queries(12):
            assert search("tin", None).rooms[0].count == 300


class TestDestroyed:
    def test_what_was_not_to_be_stored_leaves_nothing_that_could_be_read(self):
        part = said("A", "Between us.", store=False)
        copy = stored()
        end_part(part=part)
        remove_unstored(room=part.room)
        assert not DataKey.objects.exists()
        assert _restored(part, copy) == ""

    def test_who_deletes_a_part_destroys_it_in_every_older_copy(self, encrypting):
        part, other = said("A", "Between us."), said("A", "For everybody.")
        copy = stored()
        part.delete()
        assert DataKey.objects.get().name == f"part:{other.pk}"
        assert _restored(other, copy) == ""

    def test_who_deletes_a_room_destroys_all_of_it(self, encrypting):
        said("A", "One."), said("A", "Two.")
        Room.objects.get().delete()
        assert not DataKey.objects.exists()

    def test_nothing_more_can_be_written_and_nothing_is_written_as_it_is(self):
        part = said("A", "Between us.", store=False)
        remove_unstored(room=part.room)
        with pytest.raises(KeyDestroyed):
            say(part, "Too late.")

    def test_keys_that_nothing_needs_go(self, encrypting):
        kept, silent = said("A", "Kept."), said("B", store=False)
        said("C", store=False)  # is still open
        end_part(part=silent)
        assert destroy_unneeded_keys() == 1
        names = set(DataKey.objects.values_list("name", flat=True))
        assert f"part:{silent.pk}" not in names
        assert f"part:{kept.pk}" in names


def _restored(part, copy):
    """What is read where an older copy of the first text is put back."""
    row = add_sentences(part=part, sentences=[NewSentence(0, 1, "x")])[0] if part.store else None
    row = row or Sentence.with_removed.filter(part=part).first()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE transcripts_sentence SET text = %s WHERE id = %s", [copy[0], row.pk])
    return Sentence.with_removed.get(pk=row.pk).text


class TestCommand:
    def test_older_parts_are_encrypted_with_their_history_and_found_as_before(self, env, capsys):
        part = said("A", "Good mourning.")
        correct(SentencePlace(part.room_id, 1, 0), text="Good morning.", seen_version=1, identity=ada())
        end_part(part=part)
        env(encrypt_transcripts=True, encryption_keys=[key_as_text(new_key())])
        call_command("encryption", "encrypt")
        assert all(text.startswith(MARK) for text in stored())
        assert SentenceRevision.objects.get().text == "Good mourning."
        assert found("morning") == {"Good morning."}
        assert (at_rest().encrypted, at_rest().plain, at_rest().unreadable) == (1, 0, 0)
        call_command("encryption", "status")
        assert "1 encrypted (0 of them without their key), 0 not" in capsys.readouterr().out

    def test_keys_are_wrapped_anew(self, env, encrypting, own_redis, settings, capsys):
        said("A", "Good morning.")
        env(encryption_keys=[key_as_text(new_key()), *settings.ENV.encryption_keys])
        call_command("encryption", "rotate")
        assert "1 keys wrapped anew" in capsys.readouterr().out
        env(encryption_keys=settings.ENV.encryption_keys[:1])
        assert Sentence.objects.get().text == "Good morning."
        env(encryption_keys=[key_as_text(new_key())])
        with pytest.raises(CommandError, match="add that one"):
            call_command("encryption", "rotate")

    def test_a_part_is_shredded_unless_it_is_being_written(self, encrypting):
        part = said("A", "Good morning.")
        with pytest.raises(CommandError, match="close the room"):
            call_command("encryption", "shred", "A")
        end_part(part=part)
        call_command("encryption", "shred", "A", "--part", "1")
        assert not Part.objects.exists()
        assert not DataKey.objects.exists()
        with pytest.raises(CommandError, match="no such part"):
            call_command("encryption", "shred", "A")
