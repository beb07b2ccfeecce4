"""/metrics tells what the recognisers dropped, whichever process dropped it."""

import pytest
from django.test import Client

from asr.models import Session
from asr.tests.make import bare_session
from rooms.models import Room
from transcripts.models import Part
from transcripts.services import PartTerms, open_part


@pytest.mark.django_db
def test_what_the_engines_counted_is_summed_over_all_sessions(client: Client) -> None:
    room = Room.objects.create(code="A", title="A")
    for state, dropped in (("closed", 2), ("live", 3)):
        bare_session(room, state=state, delay_s=1.5, counters={"phantoms_dropped": dropped})
    text = client.get("/metrics").content.decode()
    assert "souffleur_asr_phantoms_dropped_total 5.0" in text
    assert "souffleur_rooms_active 1.0" in text
    assert 'souffleur_transcription_delay_seconds{room="A"} 1.5' in text


@pytest.mark.django_db
def test_totals_never_fall_when_sessions_are_deleted_with_their_parts_or_rooms(client: Client) -> None:
    for code in ("A", "B"):
        room = Room.objects.create(code=code, title=code)
        part = open_part(room=room, terms=PartTerms("en", store=True, public=True, owner_id=None))
        bare_session(room, part=part, state="closed", counters={"phantoms_dropped": 2})
    Part.objects.filter(room__code="A").delete()
    Room.objects.get(code="B").delete()
    assert not Session.objects.exists()
    Session.objects.create(state="live", source_lang="en", counters={"phantoms_dropped": 1})
    assert "souffleur_asr_phantoms_dropped_total 5.0" in client.get("/metrics").content.decode()


@pytest.mark.django_db
def test_a_server_without_sessions_answers_with_zeros(client: Client) -> None:
    text = client.get("/metrics").content.decode()
    assert "souffleur_asr_phantoms_dropped_total 0.0" in text
