"""The audit log: who opened, closed, stored, corrected, downloaded, withdrew and erased; added to, and never changed."""

from dataclasses import replace

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from asr.leases import finish
from asr.rooms.ending import close_room, delete_unstored_if_over, stop_recording
from asr.rooms.hosting import end_as_host
from asr.rooms.operating import force_close, operator_of
from asr.rooms.services import open_by_hand
from asr.rooms.withdrawal import withdraw_in_room
from asr.tests.make import TERMS, join, room_session_of, served
from rooms.access import Identity
from rooms.audit import Action, Actor, record
from rooms.erasure import erase_person
from rooms.models import AuditEntry, Room
from rooms.people import OPERATORS
from rooms.tests.make import person, room
from transcripts.editing import SentencePlace, correct, remove
from transcripts.models import Part
from transcripts.services import NewSentence, add_sentences

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_is_remembered():
    cache.clear()


def ada():
    return Identity("host", person("ada").pk)


def spoken(code="A", **terms):
    host_lease = join(code, terms=replace(TERMS, owner_id=person("ada").pk, **terms))
    part = room_session_of(host_lease).part
    rows = add_sentences(
        part=part, sentences=[NewSentence(0, 900, "Good mourning."), NewSentence(900, 990, "Tin.")]
    )
    return host_lease, served(host_lease), rows


def log():
    entries = AuditEntry.objects.order_by("pk").select_related("user")
    return [
        (entry.action, entry.room_code, entry.user and entry.user.username, entry.role) for entry in entries
    ]


class TestWhoDidWhat:
    def test_a_talk_from_its_beginning_to_its_end(self):
        host_lease, lease, rows = spoken()
        place = SentencePlace(host_lease.room_id, 1, 0)
        row = correct(place, text="Good morning.", seen_version=rows[0].version, identity=ada())
        remove(place, seen_version=row.version, identity=ada())
        end_as_host(Room.objects.get(), ada())
        finish(lease)
        assert log() == [
            ("opened", "A", "ada", "host"), ("corrected", "A", "ada", "host"), ("removed", "A", "ada", "host"),
            ("closed", "A", "ada", "host"), ("stored", "A", "ada", "host"),
        ]  # fmt: skip
        assert AuditEntry.objects.get(action="opened").details == {"part": 1, "stored": True, "public": True}

    @pytest.mark.parametrize("how", ["operator", "admin", "do not record", "end of grace"])
    def test_who_or_what_closed_it(self, how):
        host_lease, _, _ = spoken()
        if how == "operator":
            force_close(Room.objects.get(), operator_of(person("otto", group=OPERATORS)))
        elif how == "do not record":
            stop_recording(host_lease.room_id)
        else:
            close_room(host_lease.room_id, by=how)
        closed = AuditEntry.objects.get(action="closed")
        assert (closed.role, closed.user_id is not None) == (how, how == "operator")

    def test_a_room_that_a_captioner_opened(self):
        room("A")
        open_by_hand("A", replace(TERMS, owner_id=person("ada").pk))
        assert log() == [("opened", "A", "ada", "captioner")]

    def test_what_is_not_stored_is_erased_and_not_stored(self):
        host_lease, lease, _ = spoken(store=False)
        close_room(host_lease.room_id)
        finish(lease)
        delete_unstored_if_over(Room.objects.get(), 1)
        assert [entry[0] for entry in log()] == ["opened", "closed", "erased"]

    def test_a_withdrawal_and_what_it_closed(self):
        spoken()
        withdraw_in_room(Room.objects.get(), ada())
        assert [(action, role) for action, _, _, role in log()][1:3] == [
            ("withdrawn", "host"), ("closed", "consent withdrawn"),
        ]  # fmt: skip

    def test_every_download_once_a_minute_and_file(self, client, settings):
        settings.SECURE_SSL_REDIRECT = False
        spoken()
        for form in ("srt", "srt", "txt"):
            assert client.get(f"/room/A/transcript.{form}").status_code == 200
        assert client.get("/room/A/transcript/en").status_code == 200
        downloads = AuditEntry.objects.filter(action="downloaded").order_by("pk")
        assert [(entry.role, entry.details["form"]) for entry in downloads] == [
            ("anybody", "srt"), ("anybody", "txt"), ("anybody", "conference"),
        ]  # fmt: skip

    def test_deleted_parts_by_whom(self, admin_client, admin_user):
        host_lease, lease, _ = spoken()
        close_room(host_lease.room_id)
        finish(lease)
        page = reverse("admin:transcripts_part_delete", args=[Part.objects.get().pk])
        admin_client.post(page, {"post": "yes"})
        erased = AuditEntry.objects.get(action="erased")
        assert (erased.user, erased.room_code, erased.details) == (admin_user, "A", {"part": 1})

    def test_an_erased_person_is_named_nowhere_and_what_was_done_stays(self):
        host_lease, lease, _ = spoken()
        close_room(host_lease.room_id)
        finish(lease)
        before = AuditEntry.objects.count()
        erase_person("ada", transcripts=True)
        assert {user for _, _, user, _ in log()} == {None}
        assert [entry[0] for entry in log()][before:] == ["erased", "erased"]


class TestAppendOnly:
    @pytest.mark.parametrize(
        "change", [{"role": "nobody"}, {"room_code": "B"}, {"details": {}}, {"action": "closed"}], ids=str
    )
    def test_the_database_refuses_every_change(self, change):
        record(Action.OPENED, "A", by=Actor(role="host"), part=1)
        with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
            AuditEntry.objects.update(**change)

    def test_the_database_refuses_a_deletion_and_another_person(self):
        record(Action.OPENED, "A", by=Actor(person("ada").pk, "host"))
        for act in (AuditEntry.objects.all().delete, lambda: AuditEntry.objects.update(user=person("bob"))):
            with pytest.raises(DatabaseError), transaction.atomic():
                act()
        assert log() == [("opened", "A", "ada", "host")]

    def test_it_is_listed_in_the_admin_and_neither_edited_nor_deleted(self, admin_client):
        record(Action.OPENED, "A", by=Actor(person("ada").pk, "host"))
        address = reverse("admin:rooms_auditentry_changelist")
        assert "ada" in admin_client.get(address).content.decode()
        one = AuditEntry.objects.get().pk
        for action in ("change", "delete"):
            page = reverse(f"admin:rooms_auditentry_{action}", args=[one])
            assert admin_client.post(page, {"post": "yes"}).status_code == 403

    def test_its_list_costs_the_same_for_one_and_for_three(self, admin_client, django_assert_num_queries):
        address = reverse("admin:rooms_auditentry_changelist")
        record(Action.OPENED, "A", by=Actor(person("ada").pk, "host"))
        admin_client.get(address)
        with CaptureQueriesContext(connection) as one:
            admin_client.get(address)
        record(Action.OPENED, "B", by=Actor(person("bob").pk, "host"))
        record(Action.OPENED, "C", by=Actor(person("cy").pk, "host"))
        with django_assert_num_queries(len(one)):
            admin_client.get(address)


def test_shredding_by_command_is_recorded():
    host_lease, lease, _ = spoken()
    close_room(host_lease.room_id)
    finish(lease)
    call_command("encryption", "shred", "A")
    assert log()[-1] == ("erased", "A", None, "shredded by command")
