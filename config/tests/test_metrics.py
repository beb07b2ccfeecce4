"""/metrics tells what the recognisers dropped, whichever process dropped it."""

import pytest
from django.test import Client

from asr.models import Session
from rooms.models import Room


@pytest.mark.django_db
def test_what_the_engines_counted_is_summed_over_all_sessions(client: Client) -> None:
    room = Room.objects.create(code="A", title="A")
    for state, dropped in (("closed", 2), ("live", 3)):
        Session.objects.create(
            room=room, state=state, source_lang="en", delay_s=1.5, counters={"phantoms_dropped": dropped}
        )
    text = client.get("/metrics").content.decode()
    assert "souffleur_asr_phantoms_dropped_total 5.0" in text
    assert "souffleur_rooms_active 1.0" in text
    assert 'souffleur_transcription_delay_seconds{room="A"} 1.5' in text


@pytest.mark.django_db
def test_a_server_without_sessions_answers_with_zeros(client: Client) -> None:
    text = client.get("/metrics").content.decode()
    assert "souffleur_asr_phantoms_dropped_total 0.0" in text
