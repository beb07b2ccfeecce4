"""Every page of the admin: it opens, names what it shows, asks a fixed number of questions, and gives its rows away."""

import csv
import io
import json
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from asr.models import Session, Worker
from asr.rooms.messages import send_message
from asr.rooms.models import HostMessage, RoomSession
from asr.tests.make import join, room_session_of, served
from rooms.admin_export import CHUNK_ROWS, Exported
from rooms.models import Consent, Event, Hall, Room, Vote
from rooms.schedule import Schedule
from rooms.seed import settings_event
from rooms.services import apply_schedule, cast_vote
from rooms.tests.make import login_key, person, room, talk
from transcripts.models import Part, Sentence
from transcripts.services import NewSentence, add_sentences
from translation.demand import lease
from translation.models import EngineState, Job, PairState, PinnedLanguage, RoomTranslation

pytestmark = pytest.mark.django_db
ADMINS = sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label)
EACH = pytest.mark.parametrize(("model", "page"), ADMINS, ids=[model._meta.label for model, _ in ADMINS])


def fill(number):
    """A row more of everything that the admin shows."""
    code = f"ROOM{number}"
    event = Event.objects.create(slug=f"event-{number}", title=f"Event {number}", time_zone="Europe/Berlin")
    hall = Hall.objects.create(event=event, name=f"Hall {number}", slug=f"hall-{number}")
    place = room(code, event=event, hall=hall)
    owner = person(f"host{number}")
    login_key(owner, hashed=str(number), expires_at=timezone.now() + timedelta(hours=1))
    cast_vote(code, vote=True)
    host_lease = join(place)
    served(host_lease, pid=number + 1)
    part = room_session_of(host_lease).part
    Part.objects.filter(pk=part.pk).update(owner=owner)
    add_sentences(part=part, sentences=[NewSentence(0, 900, f"Said in {code}.", key=f"{number}.1.0")])
    send_message(room_id=place.pk, text="Louder, please.", sent_by_id=owner.pk)
    PinnedLanguage.objects.create(room=place, lang="de")
    lease(f"web {number}", {(place.pk, "de"): 3})
    Job.objects.update_or_create(room=place, lang="de", part=None, defaults={"last_error": "timeout"})
    RoomTranslation.objects.create(room=place, engines=["bergamot"], chars_per_day=1000)
    EngineState.objects.create(name=f"engine {number}")
    PairState.objects.create(engine=f"engine {number}", source="en", target="de")
    Worker.objects.create(name=f"asr@{number}", slots=1, model="base", device="cpu", beat_at=timezone.now())
    Consent.objects.create(
        user=owner, event=event, room=place, room_code=code, keep_text=True, public=True, wording="w",
        wording_version=1, wording_lang="en", wording_sha256="0" * 64,
    )  # fmt: skip
    return place


def address(model, name, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


def exported(answer):
    """The body of an answer that is streamed."""

    async def whole():
        return b"".join([piece async for piece in answer.streaming_content]).decode()

    return async_to_sync(whole)()


@EACH
def test_every_page_opens_and_every_filter_works(admin_client, model, page):
    fill(0)
    for query in ({}, {"q": "room"}, {"room_code": "ROOM0"}):
        assert admin_client.get(address(model, "changelist"), query).status_code in (200, 302)
    changelist = admin_client.get(address(model, "changelist")).context["cl"]
    for spec in changelist.filter_specs:
        for choice in spec.choices(changelist):
            query = choice["query_string"]
            assert admin_client.get(address(model, "changelist") + query).status_code == 200, query
    assert admin_client.get(address(model, "add")).status_code in (200, 403)
    row = model._default_manager.first()
    assert row is not None, "fill() makes none"
    for name in ("change", "history", "delete"):
        assert admin_client.get(address(model, name, row.pk)).status_code in (200, 403), name


@EACH
def test_a_list_asks_as_much_for_three_rows_as_for_one(admin_client, model, page):
    counts = []
    for number in range(3):
        fill(number)
        admin_client.get(address(model, "changelist"))  # content types and the like are remembered
        with CaptureQueriesContext(connection) as counted:
            assert admin_client.get(address(model, "changelist")).status_code == 200
        counts.append(len(counted))
    assert counts[0] == counts[2]


@pytest.mark.parametrize(
    "model", [Session, RoomSession, Part, Sentence, Job, Vote, HostMessage, PinnedLanguage]
)
def test_rooms_have_names(admin_client, model):
    place = fill(0)
    shown = admin_client.get(address(model, "changelist")).content.decode()
    assert shown.count("ROOM0") >= 1
    row = model._default_manager.first()
    assert f">{place.pk} " not in shown
    if model is not Sentence:
        assert "ROOM0" in admin_client.get(address(model, "change", row.pk)).content.decode()


@pytest.mark.parametrize("model", [Session, RoomSession, Part, Sentence, Job, Vote])
def test_a_list_is_filtered_by_a_room_s_code(admin_client, model):
    fill(0), fill(1)
    page = admin_client.get(address(model, "changelist"), {"room_code": "room1", "q": ""})
    assert {row.pk for row in page.context["cl"].result_list} <= {
        row.pk for row in model._default_manager.all() if "ROOM1" in room_code(row)
    }
    assert page.context["cl"].result_count >= 1
    assert (
        admin_client.get(address(model, "changelist"), {"room_code": "a\x00'"}).context["cl"].result_count
        == 0
    )


def room_code(row):
    if isinstance(row, Session):
        return row.room_session.room.code
    return row.part.room.code if isinstance(row, Sentence) else row.room.code


class TestTalks:
    @pytest.fixture(autouse=True)
    def _talks(self):
        now = timezone.now()
        later = {"starts_at": now + timedelta(hours=5), "ends_at": now + timedelta(hours=6)}
        apply_schedule(Schedule(talks=[talk("KEPT", **later), talk("MOVED"), talk("GONE")], unreadable=[]))
        apply_schedule(
            Schedule(talks=[talk("KEPT", **later), talk("MOVED", title="New"), talk("FRESH")], unreadable=[])
        )
        room("HAND", origin=Room.Origin.MANUAL, in_schedule=False)
        Room.objects.filter(code="FRESH").update(published=False)

    def codes(self, client, **query):
        found = client.get(reverse("admin:rooms_room_changelist"), query).context["cl"].result_list
        return {found.code for found in found}

    @pytest.mark.parametrize(
        ("done", "expected"),
        [("new", {"FRESH"}), ("changed", {"MOVED"}), ("gone", {"GONE"}), ("untouched", {"KEPT"})],
    )
    def test_the_last_import_can_be_looked_at(self, admin_client, done, expected):
        assert self.codes(admin_client, **{"import": done}) == expected

    @pytest.mark.parametrize(
        ("state", "expected"),
        [
            ("now", {"HAND"}),
            ("coming", {"KEPT"}),
            ("soon", set()),
            ("over", {"MOVED", "GONE", "FRESH"}),
            ("by_hand", {"HAND"}),
            ("vanished", {"GONE"}),
            ("hidden", {"FRESH"}),
        ],
    )
    def test_talks_are_found_by_where_their_day_stands(self, admin_client, state, expected):
        assert self.codes(admin_client, schedule=state) == expected

    def test_an_event_says_what_its_last_import_did_and_when(self, admin_client):
        assert settings_event().imported_at is not None
        assert admin_client.get(reverse("admin:rooms_event_changelist")).status_code == 200


class TestExports:
    def export(self, client, model, suffix, *keys):
        return client.post(
            address(model, "changelist"), {"action": f"export_{suffix}", "_selected_action": keys}
        )

    @pytest.mark.parametrize(
        "model",
        [model for model, page in ADMINS if isinstance(page, Exported)],
        ids=lambda model: model._meta.label,
    )
    def test_rows_come_as_a_table_and_as_objects(self, admin_client, model):
        fill(0)
        keys = list(model._default_manager.values_list("pk", flat=True))
        table = exported(self.export(admin_client, model, "csv", *keys)).lstrip("\ufeff")
        rows = list(csv.DictReader(io.StringIO(table)))
        objects = json.loads(exported(self.export(admin_client, model, "json", *keys)))
        assert len(rows) == len(objects) == len(keys)
        assert list(rows[0]) == list(objects[0]) == list(admin.site._registry[model].export_fields)

    def test_more_than_a_chunk_comes_whole_and_in_order(self, admin_client):
        event = settings_event()
        made = Room.objects.bulk_create(
            Room(code=f"R{number:04}", title=f"=1+{number}", event=event) for number in range(CHUNK_ROWS + 3)
        )
        answer = self.export(admin_client, Room, "csv", *[row.pk for row in made])
        rows = list(csv.DictReader(io.StringIO(exported(answer).lstrip("\ufeff"))))
        assert [row["code"] for row in rows] == [row.code for row in made]
        assert rows[1]["title"] == "'=1+1"  # a spreadsheet does not run it
        assert answer["Content-Disposition"].startswith('attachment; filename="room-')

    def test_who_may_only_look_takes_nothing_away(self, client, django_user_model):
        place = room("A")
        looker = django_user_model.objects.create_user("looker", is_staff=True)
        looker.user_permissions.add(Permission.objects.get(codename="view_room"))
        client.force_login(looker)
        assert b"export_csv" not in client.get(reverse("admin:rooms_room_changelist")).content
        assert not getattr(self.export(client, Room, "csv", place.pk), "streaming", False)
