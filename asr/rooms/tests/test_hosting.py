"""What a host's page is told before and while somebody hosts, and the end by a host."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from asr.models import Session
from asr.rooms.hosting import end_as_host, outlook
from asr.rooms.pen import release_pen, take_pen
from asr.rooms.presence import leave_as_host
from asr.tests.make import KEY, TERMS, join, served, session_of, slots
from rooms.access import Identity
from rooms.errors import Conflict, Forbidden
from rooms.models import Room
from rooms.people import seed_people
from rooms.tests.make import person, room

pytestmark = pytest.mark.django_db


def host_of(user) -> Identity:
    return Identity("host", user.pk)


def room_of(host_lease) -> Room:
    return Room.objects.get(pk=host_lease.room_id)


@pytest.fixture
def ada():
    return host_of(person("ada"))


class TestBeforeItIsOpened:
    def test_a_room_that_may_be_opened_has_nothing_against_it(self, ada):
        slots(1)
        found = outlook(room("A"), ada)
        assert (found.state, found.blocker, found.notice, found.host) == ("closed", "", "", "nobody")

    def test_each_reason_that_it_cannot_be_opened_has_its_name(self, ada):
        slots(1)
        assert outlook(room("A", do_not_record=True), ada).blocker == "do_not_record"
        assert outlook(room("B", published=False), ada).blocker == "not_published"
        join("C")
        assert outlook(room("D"), ada).blocker == "no_slot"

    @pytest.mark.parametrize(("starts_in_h", "notice"), [(5, "early"), (0, ""), (-5, "late"), (0.25, "")])
    def test_it_says_when_it_is_not_the_talk_s_time(self, ada, starts_in_h, notice):
        starts_at = timezone.now() + timedelta(hours=starts_in_h)
        at = room("A", starts_at=starts_at, ends_at=starts_at + timedelta(hours=1))
        assert outlook(at, ada).notice == notice


class TestWhileItIsOpen:
    def test_its_own_page_is_the_host_and_reads_terms_and_delay(self, ada):
        host_lease = join("A", terms=replace(TERMS, owner_id=ada.user_id, public=False))
        served(host_lease)
        Session.objects.update(delay_s=1.5)
        found = outlook(room_of(host_lease), ada, connection_id=host_lease.connection_id)
        assert (found.state, found.blocker, found.host, found.ready) == ("live", "", "you", True)
        assert (found.stored, found.public, found.delay_s, found.source_lang) == (True, False, 1.5, "en")

    def test_somebody_else_s_room_is_hosted_elsewhere(self, ada):
        host_lease = join("A", terms=replace(TERMS, owner_id=person("alan").pk))
        found = outlook(room_of(host_lease), ada, connection_id="x")
        assert (found.blocker, found.host, found.connection_id) == ("elsewhere", "other", "")

    def test_one_s_own_on_another_device_may_be_taken_over_and_a_shared_login_s_may_not(self, settings):
        logins = {"host_password": "everybody's", "host_passwords": {"ada": "hers"}}
        settings.ENV = settings.ENV.model_copy(update=logins)
        seed_people()
        hers, everybody = host_of(person("ada")), host_of(person("host"))
        first = join("A", terms=replace(TERMS, owner_id=hers.user_id))
        assert outlook(room_of(first), hers).connection_id == first.connection_id
        second = join("B", terms=replace(TERMS, owner_id=everybody.user_id))
        assert outlook(room_of(second), everybody).host == "other"
        named = outlook(room_of(second), everybody, connection_id=second.connection_id)
        assert named.host == "other"  # the id stands in the room list
        assert outlook(room_of(second), replace(everybody, key=KEY)).connection_id == second.connection_id

    def test_a_host_that_has_left_leaves_time_to_come_back(self, ada):
        host_lease = join("A", terms=replace(TERMS, owner_id=ada.user_id))
        leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        found = outlook(room_of(host_lease), ada)
        assert (found.state, found.host, found.blocker) == ("grace", "away", "")
        assert 0 < found.grace_left_s <= 300

    def test_a_captioner_who_types_is_seen_and_one_who_stopped_is_not(self, ada):
        at = room_of(join("A"))
        assert not outlook(at, ada).is_typed
        lease = take_pen(at.pk)
        assert outlook(at, ada).is_typed
        release_pen(lease)
        assert not outlook(at, ada).is_typed


class TestEnding:
    def test_its_host_ends_it_and_nobody_else_does(self, ada):
        host_lease = join("A", terms=replace(TERMS, owner_id=ada.user_id))
        at = room_of(host_lease)
        with pytest.raises(Forbidden):
            end_as_host(at, host_of(person("alan")))
        end_as_host(at, ada)
        assert session_of(host_lease).state == "closing"
        assert outlook(at, ada).state == "closing"
        with pytest.raises(Conflict):
            end_as_host(at, ada)

    def test_whoever_shares_the_password_ends_nobody_s_room(self, settings):
        settings.ENV = settings.ENV.model_copy(update={"host_password": "everybody's"})
        seed_people()
        everybody = host_of(person("host"))
        host_lease = join("A", terms=replace(TERMS, owner_id=everybody.user_id))
        with pytest.raises(Forbidden, match="not_host"):
            end_as_host(room_of(host_lease), replace(everybody, key="b" * 64))
        end_as_host(room_of(host_lease), replace(everybody, key=KEY))

    def test_an_admin_may(self):
        host_lease = join("A")
        end_as_host(room_of(host_lease), Identity("admin", person("root", group="admins").pk))
        assert session_of(host_lease).state == "closing"
