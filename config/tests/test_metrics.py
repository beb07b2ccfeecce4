"""/metrics tells what the recognisers dropped, whichever process dropped it."""

from collections.abc import Callable

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


@pytest.mark.django_db
def test_figures_are_for_this_machine_and_for_who_has_the_token(
    client: Client, env: Callable[..., None]
) -> None:
    env(metrics_token="a-token-of-its-own")
    elsewhere = {"REMOTE_ADDR": "192.0.2.1"}
    right = {"Authorization": "Bearer a-token-of-its-own"}
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="::1").status_code == 200
    assert client.get("/metrics", **elsewhere).status_code == 403  # type: ignore[arg-type]
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer another"}, **elsewhere).status_code == 403  # type: ignore[arg-type]
    assert client.get("/metrics", headers=right, **elsewhere).status_code == 200  # type: ignore[arg-type]
    assert client.get("/metrics", headers={**right, "X-Forwarded-For": "192.0.2.1"}).status_code == 200
    env(metrics_token="")
    empty = {"Authorization": "Bearer "}
    assert client.get("/metrics", headers=empty, **elsewhere).status_code == 403  # type: ignore[arg-type]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/metrics", "/room_list", "/nowhere", "/login"])
def test_no_answer_lets_a_page_use_more_than_a_microphone(client: Client, path: str) -> None:
    policy = client.get(path).headers["Permissions-Policy"].split(", ")
    assert {"microphone=(self)", "camera=()", "geolocation=()"} <= set(policy)
