"""/metrics tells how rooms, slots and engines are, what the recognisers dropped, whichever process dropped it, and how late text was."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from asr import metrics as of_recognisers
from asr.models import Session, Sweep, Worker
from asr.rooms.presence import leave_as_host
from asr.sessions import finish_session
from asr.tests.make import aged, bare_session, join, served, session_of, slots
from config.env import BASE_DIR
from ops.management.commands.metrics_table import labels_by_name, metrics_page
from rooms.errors import NoCapacity
from rooms.models import Hall, Room
from rooms.tests.make import room as make_room
from transcripts import metrics as of_text
from transcripts.metrics import STAGES
from transcripts.models import Part
from transcripts.services import (
    NewSentence,
    PartTerms,
    Translation,
    add_sentences,
    add_translations,
    open_part,
)
from translation.demand import lease
from translation.models import EngineState


def told(client: Client) -> dict[str, dict[tuple[str, ...], float]]:
    """Sample → values of its labels, in the order of their names → value."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").content.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


@pytest.mark.django_db
def test_what_the_engines_counted_is_summed_over_all_sessions(client: Client) -> None:
    room = Room.objects.create(code="A", title="A")
    for state, dropped in (("closed", 2), ("live", 3)):
        bare_session(room, state=state, delay_s=1.5, counters={"phantoms_dropped": dropped})
    text = client.get("/metrics").content.decode()
    assert "souffleur_asr_phantoms_dropped_total 5.0" in text
    assert 'souffleur_rooms{state="grace"} 1.0' in text


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


def test_the_page_of_metrics_is_the_one_that_the_code_makes() -> None:
    again = "DEBUG=1 .venv/bin/python manage.py metrics_table > docs/metrics.md"
    assert (BASE_DIR / "docs" / "metrics.md").read_text() == metrics_page(), again


@pytest.mark.django_db
def test_everything_that_is_told_stands_on_the_page(client: Client) -> None:
    known = labels_by_name().keys()
    found = {name for name in told(client) if not name.endswith("_created")}
    assert found <= known
    assert "souffleur_rooms" in found


@pytest.mark.django_db(transaction=True)
def test_rooms_are_told_by_their_state(client: Client) -> None:
    slots(9)
    served(join("LIVE"))
    join("OPENING")
    waiting = join("WAITING")
    aged(waiting, queued_at=60)
    away = join("AWAY")
    served(away)
    leave_as_host(room_id=away.room_id, connection_id=away.connection_id)
    failed = join("FAILED")
    finish_session(session_of(failed), state=Session.State.FAILED)
    rooms = told(client)["souffleur_rooms"]
    assert rooms == {
        ("opening",): 1, ("waiting",): 1, ("live",): 1, ("grace",): 1, ("closing",): 0, ("failed",): 1,
    }  # fmt: skip
    assert told(client)["souffleur_sessions_waiting"] == {(): 1}
    assert told(client)["souffleur_slots_taken"] == {(): 4}
    assert told(client)["souffleur_hosts"] == {(): 3}


@pytest.mark.django_db(transaction=True)
def test_delays_and_problems_are_told_by_hall_and_never_by_room(client: Client) -> None:
    room = make_room("A")
    hall = Hall.objects.create(event=room.event, name="Saal 1", slug="saal-1")
    Room.objects.filter(pk=room.pk).update(hall=hall)
    host_lease = join(room)
    served(host_lease)
    Session.objects.filter(pk=host_lease.session_id).update(delay_s=12.5)
    aged(host_lease, heard_at=40, created_at=60)
    found = told(client)
    assert found["souffleur_transcription_delay_seconds"] == {("Saal 1",): 12.5}
    assert found["souffleur_room_problems"][("Saal 1", "bad", "late")] == 1
    assert found["souffleur_room_problems"][("Saal 1", "bad", "no_sound")] == 1


@pytest.mark.django_db
def test_viewers_workers_engines_and_sweeps_are_told(client: Client) -> None:
    room, now = make_room("A"), timezone.now()
    lease("web:1", {(room.pk, "pt-BR"): 2, (room.pk, "pt"): 3, (room.pk, "xx-invented"): 1})
    slots(3)
    for name, age_s in (("asr@gone", 60), ("asr@forgotten", 7200)):
        Worker.objects.create(
            name=name, slots=2, model="base", device="cpu", beat_at=now - timedelta(seconds=age_s)
        )
    EngineState.objects.update_or_create(name="bergamot", defaults={"answered_at": now, "latency_s": 0.2})
    Sweep.objects.update_or_create(pk=1, defaults={"at": now - timedelta(seconds=90)})
    found = told(client)
    assert found["souffleur_viewers"] == {("pt",): 5, ("other",): 1}
    assert found["souffleur_workers"] == {("alive",): 1, ("gone",): 1}
    assert found["souffleur_slots"] == {(): 3}
    assert found["souffleur_sweep_age_seconds"][()] >= 90
    assert set(found["souffleur_translation_engine_up"]) == set(
        found["souffleur_translation_engine_latency_seconds"]
    )
    assert found["souffleur_queue_length"].keys() == {("asr",), ("translation",), ("sweeps",)}
    assert found["souffleur_database_up"] == found["souffleur_redis_up"] == {(): 1}
    assert 0 < found["souffleur_disk_free_bytes"][("var",)] <= found["souffleur_disk_size_bytes"][("var",)]


@pytest.mark.django_db(transaction=True)
def test_who_finds_no_slot_is_counted(client: Client) -> None:
    slots(1)
    join("A")
    of_recognisers.begin()  # as servers do
    before = told(client)["souffleur_no_slot_total"][("host",)]
    with pytest.raises(NoCapacity):
        join("B")
    assert told(client)["souffleur_no_slot_total"][("host",)] == before + 1


@pytest.mark.django_db(transaction=True)
def test_a_sentence_counts_once_in_each_stage_by_its_language_and_from_its_last_sound() -> None:
    def count(stage: str, lang: str) -> tuple[float, float]:
        samples = {
            (s.name, *s.labels.values()): s.value for family in STAGES.collect() for s in family.samples
        }
        return tuple(
            samples.get((f"souffleur_stage_seconds_{part}", stage, lang), 0.0) for part in ("count", "sum")
        )  # type: ignore[return-value]

    part = open_part(room=make_room("A"), terms=PartTerms("nl", store=True, public=True, owner_id=None))
    spoken = datetime.fromtimestamp(time.time() - 7, UTC)
    before, translated = count("committed", "nl"), count("translated", "fy")
    new = [
        NewSentence(0, 900, "Een.", key="1", spoken_at=spoken - timedelta(seconds=50), ends=False),
        NewSentence(1000, 1900, "Twee.", key="2", spoken_at=spoken),
        NewSentence(2000, 2900, "Drie.", key="3"),
    ]
    rows = add_sentences(part=part, sentences=new)
    add_sentences(part=part, sentences=new)  # once more: the same
    after = count("committed", "nl")
    assert after[0] - before[0] == 2
    assert 64 <= after[1] - before[1] < 64 + 60
    texts = ("Ien twa.", "")  # the pieces of one sentence: of what was spoken last
    add_translations(
        part=part, lang="fy", translations=[Translation(row.index, text, row.version) for row, text in zip(rows, texts, strict=False)]
    )  # fmt: skip
    found = count("translated", "fy")
    assert found[0] - translated[0] == 1
    assert 7 <= found[1] - translated[1] < 50


def test_languages_of_labels_are_those_that_are_known() -> None:
    for code in ("nl", "xx", "../../etc", "", "zz-ZZ"):
        of_text.passed("sent", code, time.time())
    langs = {s.labels["lang"] for family in STAGES.collect() for s in family.samples}
    assert not langs & {"xx", "zz", ""}
    assert {"nl", "other"} <= langs
