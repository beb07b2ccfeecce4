"""The admin's pages of rooms, votes and keys."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from rooms import access
from rooms.errors import Unauthenticated
from rooms.models import AccessKey, Room
from rooms.services import cast_vote
from rooms.signals import stop_recording_requested
from rooms.tests.make import login_key, person, room

pytestmark = pytest.mark.django_db
ROOMS = "admin:rooms_room_changelist"
FORM = {
    "code": "HALL", "title": "Hall", "colour": "#1a7f37", "presenters": '["Speaker One"]', "published": "on",
    "starts_at_0": "", "starts_at_1": "", "ends_at_0": "", "ends_at_1": "",
}  # fmt: skip


def add(client, **changes):
    return client.post(reverse("admin:rooms_room_add"), {**FORM, **changes})


def test_room_is_made_by_hand(admin_client):
    assert add(admin_client).status_code == 302
    made = Room.objects.get()
    assert (made.code, made.origin, made.presenters) == ("HALL", Room.Origin.MANUAL, ["Speaker One"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("code", "a/b"),
        ("code", ""),
        ("colour", "red"),
        ("presenters", '{"name": "Speaker One"}'),
        ("presenters", "[1]"),
        ("presenters", "["),
        ("source_lang", "English"),
    ],
)
def test_what_would_break_the_room_list_is_refused(admin_client, field, value):
    answer = add(admin_client, **{field: value})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors[field]
    assert not Room.objects.exists()


def test_line_of_the_glossary_that_is_wrong_is_named(admin_client):
    answer = add(admin_client, glossary="PostgreSQL\nkernel = núcleo")
    assert "Line 2: “núcleo” lacks its language" in answer.content.decode()
    assert add(admin_client, glossary="PostgreSQL\r\nkernel = pt: núcleo").status_code == 302


def test_room_does_not_end_before_it_starts(admin_client):
    times = {
        "starts_at_0": "2025-08-30",
        "starts_at_1": "14:00",
        "ends_at_0": "2025-08-30",
        "ends_at_1": "13:00",
    }
    assert add(admin_client, **times).context["adminform"].form.errors["ends_at"]


def test_what_the_schedule_says_is_changed_in_the_schedule(admin_client):
    talk = room("A", title="From the schedule")
    page = reverse("admin:rooms_room_change", args=[talk.pk])
    changed = admin_client.post(page, {"title": "Changed", "published": "on", "glossary": "Souffleur"})
    assert changed.status_code == 302
    talk.refresh_from_db()
    assert (talk.title, talk.glossary) == ("From the schedule", "Souffleur")


def test_recording_stops_when_an_admin_forbids_it(admin_client, django_capture_on_commit_callbacks):
    stopped = []

    def note(*, room, **_):
        stopped.append(room.code)

    stop_recording_requested.connect(note)
    page = reverse("admin:rooms_room_change", args=[room("A").pk])
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            admin_client.post(page, {"published": "on", "do_not_record": "on"})
    stop_recording_requested.disconnect(note)
    assert stopped == ["A"]


@pytest.mark.parametrize(
    ("action", "before", "after"), [("publish", False, True), ("unpublish", True, False)]
)
def test_rooms_are_published_and_unpublished_together(admin_client, action, before, after):
    chosen = [room(code, published=before).pk for code in ("A", "B")]
    admin_client.post(reverse(ROOMS), {"action": action, "_selected_action": chosen})
    assert set(Room.objects.values_list("published", flat=True)) == {after}


@pytest.mark.parametrize("page", [ROOMS, "admin:rooms_vote_changelist", "admin:rooms_accesskey_changelist"])
def test_query_count_of_lists_does_not_depend_on_their_length(admin_client, page):
    counts = []
    for number in range(3):
        room(f"ROOM{number}")
        cast_vote(f"ROOM{number}", vote=True)
        login_key(person(f"host{number}"), hashed=str(number))
        with CaptureQueriesContext(connection) as counted:
            assert admin_client.get(reverse(page)).status_code == 200
        counts.append(len(counted))
    assert counts[0] == counts[2]


def test_votes_are_shown_and_found(admin_client):
    room("A")
    cast_vote("A", vote=True)
    shown = admin_client.get(reverse(ROOMS), {"q": "Title of A"}).content.decode()
    assert '<td class="field-votes">1</td>' in shown


class TestKeys:
    def test_revoking_makes_a_key_worthless_at_once(self, admin_client):
        fresh = access.login("host-password", None, "192.0.2.50")
        chosen = AccessKey.objects.get().pk
        page = reverse("admin:rooms_accesskey_changelist")
        admin_client.post(page, {"action": "revoke", "_selected_action": [chosen]})
        with pytest.raises(Unauthenticated):
            access.identify_key(fresh.key)

    def test_neither_key_nor_hash_is_shown_and_none_is_made_or_edited_here(self, admin_client):
        fresh = access.login("host-password", None, "192.0.2.51")
        stored = AccessKey.objects.get()
        change = reverse("admin:rooms_accesskey_change", args=[stored.pk])
        for page in (reverse("admin:rooms_accesskey_changelist"), change):
            shown = admin_client.get(page).content.decode()
            assert fresh.key not in shown
            assert stored.hash not in shown
        assert admin_client.post(change, {"user": person("eve").pk}).status_code == 403
        assert admin_client.get(reverse("admin:rooms_accesskey_add")).status_code == 403

    def test_only_who_may_change_keys_may_revoke(self, client, django_user_model):
        reader = django_user_model.objects.create_user("reader", is_staff=True)
        reader.user_permissions.add(Permission.objects.get(codename="view_accesskey"))
        client.force_login(reader)
        expires_at = timezone.now() + timedelta(hours=1)
        stored = login_key(person(), hashed="h", expires_at=expires_at)
        page = reverse("admin:rooms_accesskey_changelist")
        client.post(page, {"action": "revoke", "_selected_action": [stored.pk]})
        stored.refresh_from_db()
        assert stored.revoked_at is None
