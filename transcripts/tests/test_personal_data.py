"""What is held about a person is listed, all of it, and gone when they are erased."""

import json
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from rooms.consent import Answers, record_consent
from rooms.personal_data import held_about
from rooms.tests.make import login_key, person, room
from rooms.wordings import HOST, newest_wording
from transcripts.revisions import Editor
from transcripts.services import NewSentence, PartTerms, add_sentences, correct_sentence, end_part, open_part

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    """Somebody who signed in, agreed, spoke and corrected; beside somebody else who did the same."""
    for number, name in enumerate(("bob", "countess")):
        user, at = person(name), room(f"ROOM{number}", presenters=[f"{name} lovelace"])
        user.first_name, user.last_name, user.email = name, "lovelace", f"{name}@example.org"
        user.save()
        login_key(user, hashed=name * 5, expires_at=timezone.now() + timedelta(hours=1))
        Client().force_login(user)
        answers = Answers(keep_text=True, public=True)
        consent = record_consent(
            room=at, user_id=user.pk, answers=answers, wording=newest_wording(HOST, "en")
        )
        terms = PartTerms("en", store=True, public=True, owner_id=user.pk, consent_id=consent.pk)
        part = open_part(room=at, terms=terms)
        row = add_sentences(part=part, sentences=[NewSentence(0, 900, f"Said by {name}.")])[0]
        correct_sentence(sentence=row, text=f"Said by {name}!", by=Editor(user.pk, "host"))
        end_part(part=part)
    return user


def test_everything_is_listed_and_nothing_of_others_and_no_secret(ada, capsys):
    call_command("export_person", "countess")
    said = capsys.readouterr().out
    held = json.loads(said)
    for name in (
        "account", "rooms.accesskey.user", "rooms.consent.user", "transcripts.part.owner", "sessions",
        "transcripts.sentencerevision.by", "transcripts.sentence.part.owner", "rooms.room.presenters",
    ):  # fmt: skip
        assert len(held[name]) == 1, name
    assert held["transcripts.sentence.part.owner"][0]["text"] == "Said by countess!"
    assert held["transcripts.sentencerevision.by"][0]["text"] == "Said by countess."
    assert held["account"][0]["email"] == "countess@example.org"
    assert "bob" not in said
    assert "countesscountess" not in said, "of keys only that there is one"


def test_who_is_erased_is_found_nowhere_in_the_database(ada, capsys):
    assert tables_with("countess") == {"auth_user", "rooms_accesskey", "rooms_room", "transcripts_sentence", "transcripts_sentencerevision"}  # fmt: skip
    call_command("erase_person", "countess", "--transcripts")
    said = capsys.readouterr().out
    assert "transcripts.part.owner: 1" in said
    assert "with 1 login keys and 1 parts" in said
    assert tables_with("countess") == {"rooms_room"}, "what the schedule says"
    assert Session.objects.count() == 1
    assert len(held_about("bob")["transcripts.part.owner"]) == 1
    with pytest.raises(CommandError, match="no such user"):
        call_command("export_person", "countess")


def tables_with(word):
    """Tables of which some row has the word, whatever the column."""
    return {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if any(word in str(value).lower() for row in model._base_manager.values_list() for value in row)
    }
