"""What who looks after all rooms is shown, and what they may do."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from asr.leases import Progress, beat
from asr.models import Session, Worker
from asr.rooms import messages, operating
from asr.rooms.last_error import note_error
from asr.rooms.models import HostMessage, RoomSession
from asr.rooms.overview import sessions_now, workers_now
from asr.rooms.presence import leave_as_host
from asr.tests.make import TERMS, aged, join, room_session_of, served, session_of
from rooms.errors import BadInput, Conflict, Forbidden
from rooms.people import may_operate, seed_people
from rooms.tests.make import person, room

pytestmark = pytest.mark.django_db
PROGRESS = Progress(heard_ms=1000, committed_ms=0, audio_waits=False, delay_s=1.25)


def operator():
    return operating.operator_of(person("olga", group="operators"))


def acts():
    return list(LogEntry.objects.order_by("pk").values_list("user__username", "change_message"))


class TestOverview:
    def test_a_room_shows_who_hosts_what_hears_and_how_late_it_is(self):
        ada = User.objects.create(username="ada", first_name="Ada", last_name="Lovelace")
        host_lease = join("A", terms=replace(TERMS, owner_id=ada.pk))
        beat(served(host_lease), PROGRESS)
        note_error(host_lease.session_id, "audio_waits")
        shown = sessions_now()[host_lease.room_id]
        assert (shown.host, shown.shared, shown.host_state) == ("Ada Lovelace", False, "connected")
        assert (shown.state, shown.delay_s, shown.last_error) == ("live", 1.25, "audio_waits")
        assert (shown.worker, shown.model, shown.device) == ("asr@test", "base", "cpu")
        assert shown.heard_s < 60
        assert shown.waits_s is None

    def test_who_shares_a_password_with_others_has_no_name(self):
        seed_people()
        shared = User.objects.get(username="host")
        host_lease = join("A", terms=replace(TERMS, owner_id=shared.pk))
        shown = sessions_now()[host_lease.room_id]
        assert (shown.host, shown.shared) == ("", True)
        assert (shown.delay_s, shown.waits_s is None) == (None, False)

    def test_a_host_that_is_away_has_so_many_seconds_left(self):
        host_lease = join("A")
        leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        shown = sessions_now()[host_lease.room_id]
        assert shown.host_state == "away"
        assert 0 < shown.grace_left_s <= 3600

    def test_no_sound_is_told_from_no_words(self):
        lease = served(host_lease := join("A"))
        beat(lease, PROGRESS)
        aged(host_lease, heard_at=90)
        beat(lease, PROGRESS)
        assert sessions_now()[host_lease.room_id].heard_s >= 90
        beat(lease, replace(PROGRESS, heard_ms=2000))
        assert sessions_now()[host_lease.room_id].heard_s < 60

    def test_a_room_that_failed_is_shown_for_a_while_and_then_no_more(self):
        host_lease = join("A")
        Session.objects.update(state="failed", closed_at=timezone.now())
        assert sessions_now()[host_lease.room_id].state == "failed"
        aged(host_lease, closed_at=3600)
        assert sessions_now() == {}

    def test_workers_show_what_they_serve_and_whether_they_live(self):
        served(join("A"))
        Worker.objects.create(
            name="asr@gone",
            slots=2,
            model="base",
            device="cpu",
            beat_at=timezone.now() - timedelta(minutes=1),
        )
        shown = {worker.name: (worker.taken, worker.alive) for worker in workers_now()}
        assert shown == {"asr@test": (1, True), "asr@gone": (0, False)}

    def test_query_count_does_not_depend_on_the_number_of_rooms(self):
        counts = []
        for number in range(3):
            served(join(f"ROOM{number}"), pid=number + 1)
            with CaptureQueriesContext(connection) as counted:
                assert len(sessions_now()) == number + 1
                workers_now()
                messages.newest_messages(sessions_now())
            counts.append(len(counted))
        assert counts[0] == counts[2]


class TestOperating:
    def test_operators_and_admins_may_and_hosts_and_strangers_may_not(self):
        assert may_operate(person("olga", group="operators"))
        assert may_operate(person("anna", group="admins"))
        assert not may_operate(person("hugo", group="hosts"))
        assert not may_operate(AnonymousUser())
        with pytest.raises(Forbidden):
            operating.operator_of(person("hugo", group="hosts"))

    def test_a_restart_from_outside_keeps_host_and_viewers(self):
        host_lease = join("A")
        served(host_lease)
        operating.restart(room_session_of(host_lease).room, operator())
        successor = RoomSession.objects.get(is_open=True)
        assert successor.pk != host_lease.session_id
        assert successor.host_connection_id == host_lease.connection_id
        assert successor.host_seen_at is not None
        assert session_of(host_lease).state == "closing"
        assert acts() == [("olga", "Restarted the recogniser.")]

    def test_a_restart_does_not_prolong_the_grace_of_a_host_that_is_away(self):
        host_lease = join("A")
        leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        until = room_session_of(host_lease).grace_until
        operating.restart(room_session_of(host_lease).room, operator())
        successor = RoomSession.objects.get(is_open=True)
        assert (successor.host_seen_at, successor.grace_until, successor.host_left) == (None, until, True)

    def test_a_room_that_nobody_has_opened_can_neither_be_restarted_nor_closed(self):
        talk = room("A")
        for act in (operating.restart, operating.force_close):
            with pytest.raises(Conflict, match="not_active"):
                act(talk, operator())
        assert acts() == []

    def test_closing_is_noted_with_who_did_it(self):
        host_lease = join("A")
        operating.force_close(room_session_of(host_lease).room, closer := operator())
        assert session_of(host_lease).state == "closing"
        assert session_of(host_lease).close_reason == f"user {closer.user.pk}"
        assert acts() == [("olga", "Closed the room.")]

    def test_a_talk_that_no_list_shows_can_be_opened_and_one_not_to_be_recorded_never(self):
        hidden, private = room("A", published=False), room("B", do_not_record=True)
        operating.open_to_hosts(hidden, operator())
        hidden.refresh_from_db()
        assert hidden.published
        with pytest.raises(Forbidden, match="do_not_record"):
            operating.open_to_hosts(private, operator())


class TestMessages:
    def test_a_host_reads_what_came_before_it_and_says_so(self):
        talk = room("A")
        first = operating.tell_host(talk, operator(), " Louder,\n please. ")
        operating.tell_host(talk, operator(), "Thank you.")
        assert [row.text for row in messages.messages_for_host(talk.pk)] == ["Louder, please.", "Thank you."]
        assert [row.text for row in messages.messages_for_host(talk.pk, after=first.pk)] == ["Thank you."]
        assert messages.newest_messages([talk.pk])[talk.pk].seen_at is None
        assert messages.mark_seen(talk.pk, upto=first.pk + 1) == 2
        assert messages.newest_messages([talk.pk])[talk.pk].seen_at is not None

    def test_few_are_kept_and_none_for_long(self):
        talk, other = room("A"), room("B")
        messages.send_message(room_id=other.pk, text="Stays.", sent_by_id=None)
        for number in range(messages.KEPT_PER_ROOM + 3):
            messages.send_message(room_id=talk.pk, text=f"{number}", sent_by_id=None)
        kept = [row.text for row in messages.messages_for_host(talk.pk)]
        assert kept == [f"{number}" for number in range(3, messages.KEPT_PER_ROOM + 3)]
        assert HostMessage.objects.filter(room=other).count() == 1
        HostMessage.objects.update(sent_at=timezone.now() - messages.LASTS)
        assert messages.messages_for_host(talk.pk) == []

    @pytest.mark.parametrize("text", ["", " \n", "x" * (messages.LONGEST_CHARS + 1)])
    def test_no_text_and_too_much_of_it_are_refused(self, text):
        with pytest.raises(BadInput):
            messages.send_message(room_id=room("A").pk, text=text, sent_by_id=None)
        assert not HostMessage.objects.exists()
