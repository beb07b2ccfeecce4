"""Transcripts are kept as long as their event says, and no longer."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from rooms.models import Event
from rooms.tests.make import room
from transcripts.models import Part
from transcripts.retention import delete_overdue, overdue
from transcripts.services import NewSentence, PartTerms, add_sentences, end_part, open_part
from transcripts.tasks import delete_old_transcripts

pytestmark = pytest.mark.django_db


def ended(code, *, days_ago, event=None):
    """A part that ended so long ago."""
    at = room(code, **({"event": event} if event else {}))
    part = open_part(room=at, terms=PartTerms("en", store=True, public=True, owner_id=None))
    add_sentences(part=part, sentences=[NewSentence(0, 900, "Good morning.")])
    end_part(part=part)
    Part.objects.filter(pk=part.pk).update(ended_at=timezone.now() - timedelta(days=days_ago))
    return part


def event(slug, days):
    return Event.objects.create(slug=slug, title=slug, time_zone="Europe/Berlin", retention_days=days)


def due(**moved):
    return [item.room for item in overdue(now=timezone.now() + timedelta(**moved))]


def test_each_event_keeps_as_long_as_it_says_and_the_others_as_the_settings_say(env):
    env(retention_days=30)
    ended("DEFAULT", days_ago=1)
    ended("SHORT", days_ago=1, event=event("short", 7))
    ended("FOREVER", days_ago=1, event=event("forever", 0))
    assert due() == due(days=5) == []
    assert due(days=7) == ["SHORT"]
    assert sorted(due(days=40)) == ["DEFAULT", "SHORT"]
    assert sorted(due(days=4000)) == ["DEFAULT", "SHORT"]


def test_nothing_is_deleted_where_nobody_said_how_long():
    ended("A", days_ago=4000)
    assert delete_old_transcripts() == 0
    assert Part.objects.exists()


def test_time_moves_and_each_goes_in_its_turn_with_its_text(env):
    env(retention_days=30)
    ended("OLD", days_ago=20)
    ended("NEW", days_ago=10)
    open_part(room=room("OPEN"), terms=PartTerms("en", store=True, public=True, owner_id=None))
    assert delete_overdue(now=timezone.now() + timedelta(days=11)) == 1
    assert set(Part.objects.values_list("room__code", flat=True)) == {"NEW", "OPEN"}
    assert delete_overdue(now=timezone.now() + timedelta(days=3650)) == 1
    assert set(Part.objects.values_list("room__code", flat=True)) == {"OPEN"}


def test_the_report_changes_nothing_and_says_what_would_go(env, capsys):
    env(retention_days=30)
    ended("OLD", days_ago=31)
    ended("NEW", days_ago=1)
    call_command("retention")
    said = capsys.readouterr().out
    assert "OLD part 1, ended" in said
    assert "1 sentences" in said
    assert "NEW" not in said
    assert "1 parts would be deleted." in said
    assert Part.objects.count() == 2
    call_command("retention", "--delete")
    assert "1 parts deleted." in capsys.readouterr().out
    assert Part.objects.get().room.code == "NEW"
