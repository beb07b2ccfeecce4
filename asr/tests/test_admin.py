"""The admin's pages of sessions and workers."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from asr.models import Session, Worker
from asr.rooms.presence import leave_as_host
from asr.tests.make import aged, join, served, session_of

pytestmark = pytest.mark.django_db
SESSIONS, WORKERS = reverse("admin:asr_rooms_roomsession_changelist"), reverse("admin:asr_worker_changelist")


def force_close(client, *host_leases, **more):
    chosen = [host_lease.session_id for host_lease in host_leases]
    return client.post(SESSIONS, {"action": "force_close", "_selected_action": chosen, **more})


def test_live_sessions_show_worker_delay_host_and_heart_beat(admin_client):
    served(join("A"))
    Session.objects.update(delay_s=1.5)
    waiting = join("B")
    leave_as_host(room_id=waiting.room_id, connection_id=waiting.connection_id)
    page = admin_client.get(SESSIONS).content.decode()
    for shown in ("asr@test", "4711", "1.5", "connected", "s ago", "away, ", " s left"):
        assert shown in page


def test_closing_is_asked_about_first(admin_client):
    host_lease = join("A")
    question = force_close(admin_client, host_lease)
    assert "Close these rooms?" in question.content.decode()
    assert "Title of A" in question.content.decode()
    assert session_of(host_lease).state == "starting"


def test_confirmed_rooms_are_closed_and_the_others_stay(admin_client):
    chosen, over, other = join("A"), join("B"), join("C")
    Session.objects.filter(pk=over.session_id).update(state="closed")
    answer = force_close(admin_client, chosen, over, confirmed="yes")
    assert answer.status_code == 302
    assert "1 room is being closed." in admin_client.get(SESSIONS).content.decode()
    states = [session_of(host_lease).state for host_lease in (chosen, over, other)]
    assert states == ["closing", "closed", "starting"]


def test_nothing_open_is_said_so(admin_client):
    host_lease = join("A")
    Session.objects.update(state="closed")
    assert "None of the selected sessions is open." in force_close(admin_client, host_lease).content.decode()


def test_who_may_only_look_cannot_close(client, django_user_model):
    user = django_user_model.objects.create_user("looker", password="looker", is_staff=True)
    user.user_permissions.add(
        Permission.objects.get(content_type__app_label="asr_rooms", codename="view_roomsession")
    )
    client.force_login(user)
    host_lease = join("A")
    force_close(client, host_lease, confirmed="yes")
    assert session_of(host_lease).state == "starting"


def test_nobody_adds_changes_or_deletes_a_running_session(admin_client):
    host_lease = join("A")
    change = reverse("admin:asr_rooms_roomsession_change", args=[host_lease.session_id])
    assert admin_client.get(reverse("admin:asr_rooms_roomsession_add")).status_code == 403
    assert (
        admin_client.post(
            reverse("admin:asr_rooms_roomsession_delete", args=[host_lease.session_id])
        ).status_code
        == 403
    )
    admin_client.post(change, {"state": "closed"})
    assert session_of(host_lease).state == "starting"


def test_workers_show_their_slots_and_whether_they_live(admin_client):
    join("A")
    Worker.objects.create(name="asr@gone", slots=2, model="base", device="cpu", beat_at=timezone.now() - timedelta(minutes=1))  # fmt: skip
    page = admin_client.get(WORKERS).content.decode()
    assert "asr@test" in page
    assert page.count("icon-yes") == page.count("icon-no") == 1


@pytest.mark.parametrize("page", [SESSIONS, WORKERS])
def test_query_count_does_not_depend_on_the_number_of_rows(admin_client, page):
    counts = []
    for number in range(3):
        host_lease = join(f"ROOM{number}")
        served(host_lease, pid=number + 1)
        aged(host_lease, beat_at=number)
        Worker.objects.create(
            name=f"asr@{number}", slots=1, model="base", device="cpu", beat_at=timezone.now()
        )
        with CaptureQueriesContext(connection) as counted:
            assert admin_client.get(page).status_code == 200
        counts.append(len(counted))
    assert counts[0] == counts[2]
