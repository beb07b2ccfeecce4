"""Opening, joining, leaving, restarting and closing rooms, on a real PostgreSQL."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event

import pytest
from django.conf import settings
from django.db import connection, connections, transaction
from django.utils import timezone

from asr.leases import held
from asr.models import Session, Worker
from asr.rooms.ending import close_room, close_to_viewers, lock_open_session, stop_recording
from asr.rooms.models import RoomSession
from asr.rooms.presence import Presence, leave_as_host, log_state, renew_host_lease
from asr.rooms.selectors import room_end
from asr.rooms.services import restart_session
from asr.sessions import finish_session
from asr.sweeps import sweep
from asr.tests.make import KEY, TERMS, aged, join, room_session_of, served, session_of, slots
from rooms.consent import Answers, record_consent
from rooms.errors import Conflict, DomainError, Forbidden, NoCapacity, NotFound
from rooms.models import Consent
from rooms.people import seed_people
from rooms.tests.make import person, room
from rooms.wordings import HOST, newest_wording
from transcripts.models import Part, Sentence
from transcripts.services import NewSentence, add_sentences

pytestmark = pytest.mark.django_db
WITHIN_S = 60


def say(host_lease, *texts):
    part = room_session_of(host_lease).part
    rows = [NewSentence(1000 * n, 1000 * n + 900, text) for n, text in enumerate(texts)]
    return add_sentences(part=part, sentences=rows)


def left_for(host_lease, gone_s):
    """Its host has left, so many seconds ago."""
    opened = room_session_of(host_lease)
    leave_as_host(room_id=host_lease.room_id, connection_id=opened.host_connection_id)
    until = timezone.now() + timedelta(seconds=settings.ENV.grace_s - gone_s)
    RoomSession.objects.filter(pk=host_lease.session_id).update(grace_until=until)


def finish(host_lease):
    finish_session(session_of(host_lease))


class TestJoining:
    def test_first_host_opens_the_room(self):
        host_lease = join("A")
        opened = room_session_of(host_lease)
        assert (opened.session.state, opened.part.number, host_lease.ready, host_lease.fresh) == (
            "starting",
            1,
            False,
            True,
        )

    def test_second_host_is_refused_and_no_row_changes(self):
        host_lease = join("A")
        before = (
            list(Session.objects.values()),
            list(RoomSession.objects.values()),
            list(Part.objects.values()),
        )
        for connection_id, key in (
            ("", KEY), ("x" * 36, KEY), (host_lease.connection_id, "b" * 64), (host_lease.connection_id, ""),
        ):  # fmt: skip
            with pytest.raises(Conflict, match="multiple_hosts"):
                join("A", connection_id=connection_id, key=key)
        assert (
            list(Session.objects.values()),
            list(RoomSession.objects.values()),
            list(Part.objects.values()),
        ) == before

    def test_empty_connection_id_names_nobody(self):
        join("A")
        RoomSession.objects.update(host_connection_id="")
        with pytest.raises(Conflict):
            join("A", connection_id="")

    def test_same_browser_s_next_socket_takes_over(self):
        first = join("A")
        served(first)
        second = join("A", connection_id=first.connection_id)
        assert second.session_id == first.session_id
        assert (second.ready, second.fresh) == (True, False)
        assert second.fence == first.fence
        assert renew_host_lease(first) == Presence("taken_over", first.session_id)
        assert log_state(first.session_id, connection_id=first.connection_id) == "shared"
        assert not leave_as_host(room_id=first.room_id, connection_id=first.connection_id)
        assert room_session_of(second).grace_until is None

    def test_password_never_takes_over_whoever_shows_it(self):
        host_lease = join("A", key="")
        with pytest.raises(Conflict, match="multiple_hosts"):
            join("A", connection_id=host_lease.connection_id, key="")

    def test_personal_login_takes_over_with_its_next_key_and_a_shared_one_does_not(self, settings):
        settings.ENV = settings.ENV.model_copy(update={"host_passwords": {"ada": "a", "bob": "b"}})
        seed_people()
        ada, bob, everybody = (replace(TERMS, owner_id=person(name).pk) for name in ("ada", "bob", "host"))
        first = join("A", terms=ada)
        for terms, key in ((bob, "b" * 64), (everybody, "b" * 64), (ada, "")):
            with pytest.raises(Conflict, match="multiple_hosts"):
                join("A", terms=terms, key=key, connection_id=first.connection_id)
        with pytest.raises(Conflict, match="multiple_hosts"):
            join("A", terms=ada, key="b" * 64)
        second = join("A", terms=ada, key="b" * 64, connection_id=first.connection_id)
        assert (second.session_id, second.fence) == (first.session_id, first.fence)
        assert renew_host_lease(first) == Presence("taken_over", first.session_id)
        shared = join("B", terms=everybody)
        with pytest.raises(Conflict, match="multiple_hosts"):
            join("B", terms=everybody, key="b" * 64, connection_id=shared.connection_id)

    def test_another_host_of_an_abandoned_room_shuts_the_older_one_s_audio_out(self):
        first = join("A")
        aged(first, host_seen_at=31)
        second = join("A", key="b" * 64)
        assert second.session_id > first.session_id  # nobody speaks in a part whose terms are another's
        assert second.fence > first.fence
        assert renew_host_lease(first) == Presence("lost", second.session_id)

    @pytest.mark.parametrize("key", ["b" * 64, ""])
    def test_who_shares_the_password_waits_for_the_host_and_then_has_a_part_of_their_own(self, key):
        first = join("A")
        leave_as_host(room_id=first.room_id, connection_id=first.connection_id)
        before = list(RoomSession.objects.values()), list(Part.objects.values()), Consent.objects.count()
        for gone_s, left_s in ((0, 30), (10, 20)):
            left_for(first, gone_s)
            with pytest.raises(Conflict, match=f"host_may_return.*seconds={left_s}"):
                join("A", key=key, connection_id=first.connection_id)
        left_for(first, 0)
        RoomSession.objects.update(grace_until=before[0][0]["grace_until"])
        assert before == (
            list(RoomSession.objects.values()),
            list(Part.objects.values()),
            Consent.objects.count(),
        )
        left_for(first, 31)
        second = join("A", key=key)
        assert second.fresh
        assert (second.broadcast, second.fence) == (first.broadcast, first.fence + 1)
        assert [room_session_of(each).part.number for each in (first, second)] == [1, 2]
        left_for(second, 0)
        with pytest.raises(Conflict, match="host_may_return"):
            join("A")  # the room is the second one's now

    def test_in_grace_a_personal_login_goes_on_with_another_key_and_by_its_password(self, settings):
        settings.ENV = settings.ENV.model_copy(update={"host_passwords": {"ada": "a"}})
        seed_people()
        ada = replace(TERMS, owner_id=person("ada").pk)
        first = join("A", terms=ada)
        for key in ("b" * 64, ""):
            leave_as_host(room_id=first.room_id, connection_id=room_session_of(first).host_connection_id)
            assert join("A", terms=ada, key=key).session_id == first.session_id

    def test_in_grace_an_admin_goes_on_in_the_part_under_its_terms_or_in_one_of_their_own(self):
        organiser = person("root", group="admins")
        first = join("A", terms=replace(TERMS, owner_id=person("ada").pk))
        leave_as_host(room_id=first.room_id, connection_id=first.connection_id)
        terms = replace(TERMS, owner_id=organiser.pk)
        second = join("A", terms=terms, key="b" * 64, is_admin=True)
        part = room_session_of(second).part
        assert (second.session_id, part.owner_id) == (first.session_id, first.owner_id)
        assert second.fence == first.fence + 1
        assert Consent.objects.filter(user=organiser, keep_text=True).exists()
        assert renew_host_lease(first).state != "held"
        leave_as_host(room_id=first.room_id, connection_id=second.connection_id)
        third = join("A", terms=replace(terms, store=False), key="b" * 64, is_admin=True)
        part = room_session_of(third).part
        assert (part.number, part.store, part.owner_id) == (2, False, organiser.pk)

    def test_an_admin_takes_no_live_room(self):
        first = join("A")
        with pytest.raises(Conflict, match="multiple_hosts"):
            join("A", key="b" * 64, is_admin=True, connection_id=first.connection_id)

    def test_host_whose_web_process_died_is_gone_after_ten_seconds(self):
        host_lease = join("A")
        aged(host_lease, host_seen_at=9)
        with pytest.raises(Conflict):
            join("A")
        aged(host_lease, host_seen_at=11)
        assert join("A").session_id == host_lease.session_id

    def test_rejoin_with_the_same_key_keeps_what_it_said_about_the_public(self):
        first = again = join("A")
        for public in (False, True):  # a reload of the web client says `false` of its own accord
            leave_as_host(room_id=again.room_id, connection_id=again.connection_id)
            again = join("A", terms=replace(TERMS, public=public))
            assert again.session_id == first.session_id
        leave_as_host(room_id=again.room_id, connection_id=again.connection_id)
        unstored = join("A", terms=replace(TERMS, public=False, store=False))
        part = room_session_of(unstored).part
        assert (part.number, part.store, part.public) == (2, False, True)

    def test_key_keeps_it_also_where_another_one_was_host_in_between(self):
        first = now = join("A")
        for key in ("b" * 64, "c" * 64, "b" * 64):
            left_for(now, 31)
            now = join("A", key=key)
        left_for(now, 31)
        again = join("A", terms=replace(TERMS, public=False))
        assert again.session_id > first.session_id
        assert room_session_of(again).part.public

    def test_so_many_keys_of_one_session_are_remembered(self):
        ada = replace(TERMS, owner_id=person("ada").pk)
        first = join("A", key="0" * 64, terms=ada)
        for number in range(1, 30):
            leave_as_host(room_id=first.room_id, connection_id=room_session_of(first).host_connection_id)
            join("A", key=f"{number:064}", terms=ada)
        assert room_session_of(first).earlier_host_keys == [f"{number:064}" for number in range(9, 29)]

    def test_same_key_keeps_it_also_where_it_opens_the_room_again_while_that_still_closes(self):
        first = join("A")
        close_room(first.room_id)
        again = join("A", terms=replace(TERMS, public=False))
        assert again.broadcast == first.broadcast
        assert room_session_of(again).part.public

    def test_second_broadcast_has_terms_of_its_own(self):
        first = join("A")
        close_room(first.room_id)
        finish(first)
        assert not room_session_of(join("A", terms=replace(TERMS, public=False))).part.public

    @pytest.mark.parametrize(
        ("change", "key"),
        [
            ({"source_lang": "de"}, KEY), ({"store": False}, KEY), ({"public": False}, "b" * 64),
            ({"public": False}, ""), ({"owner": "ada"}, "b" * 64),
        ],
    )  # fmt: skip
    def test_other_terms_are_a_new_part_of_the_same_broadcast(self, change, key):
        if "owner" in change:
            change = {"owner_id": person(change["owner"]).pk}
        first = join("A")
        left_for(first, 31)
        second = join("A", terms=replace(TERMS, **change), key=key)
        assert second.fresh
        assert second.broadcast == first.broadcast
        assert session_of(first).state == "closing"
        assert room_session_of(first).replaced
        part = room_session_of(second).part
        assert {name: getattr(part, name) for name in change} == change

    def test_refused_where_it_is_unknown_hidden_or_not_to_be_recorded(self):
        room("HIDDEN", published=False)
        room("QUIET", do_not_record=True)
        for code, error in (("HIDDEN", NotFound), ("QUIET", Forbidden)):
            with pytest.raises(error):
                join(code)
        assert not Session.objects.exists()

    def test_refused_where_every_slot_is_taken_and_dead_workers_have_none(self):
        slots(1)
        join("A")
        with pytest.raises(NoCapacity, match="room='B', slots=1"):
            join("B")
        Worker.objects.update(beat_at=timezone.now() - timedelta(seconds=11))
        with pytest.raises(NoCapacity, match="slots=0"):
            join("C")
        assert Session.objects.count() == Part.objects.count() == 1

    def test_rejoining_needs_no_free_slot(self):
        slots(1)
        host_lease = join("A")
        leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        assert join("A", terms=replace(TERMS, source_lang="de")).broadcast == host_lease.broadcast

    def test_room_remembers_the_language_last_spoken(self):
        host_lease = join("A", terms=replace(TERMS, source_lang="fr"))
        assert room_session_of(host_lease).room.source_lang == "fr"


class TestConsent:
    def test_terms_that_a_client_sent_are_recorded_with_the_part_once(self):
        ada = person("ada")
        terms = replace(TERMS, owner_id=ada.pk, store=True, public=False)
        host_lease = join("A", terms=terms)
        leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        served(join("A", terms=terms))
        consent = Consent.objects.get()
        part = Part.objects.get()
        assert part.consent == consent
        assert (consent.user, consent.room_code, consent.wording) == (ada, "A", "client")
        assert (consent.keep_text, consent.public) == (True, False)

    def test_a_refused_host_consented_to_nothing(self):
        join("A")
        with pytest.raises(Conflict):
            join("A", key="b" * 64)
        assert Consent.objects.count() == 1

    def test_other_terms_are_another_consent_and_a_restart_is_none(self):
        first = join("A", terms=replace(TERMS, store=True))
        restart_session(room_id=first.room_id, connection_id=first.connection_id)
        assert len(set(Part.objects.values_list("consent", flat=True))) == Consent.objects.count() == 1
        join("A", terms=replace(TERMS, store=False), connection_id=first.connection_id)
        assert list(Consent.objects.order_by("pk").values_list("keep_text", flat=True)) == [True, False]
        assert Part.objects.order_by("number").last().consent == Consent.objects.order_by("pk").last()

    def test_what_was_asked_for_now_counts_also_against_what_the_same_key_said_before(self):
        at, ada = room("A"), person("ada")
        first = join(at, terms=replace(TERMS, owner_id=ada.pk, public=True))
        answers = Answers(keep_text=True, public=False)
        asked = newest_wording(HOST, "en")
        consent = record_consent(room=at, user_id=ada.pk, answers=answers, wording=asked)
        terms = replace(TERMS, owner_id=ada.pk, public=False, consent_id=consent.pk)
        second = join(at, terms=terms, connection_id=first.connection_id)
        part = room_session_of(second).part
        assert (part.public, part.consent) == (False, consent)


class TestLeaving:
    def test_grace_begins_and_coming_back_ends_it(self, settings):
        host_lease = join("A")
        assert leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        left = room_session_of(host_lease)
        assert left.host_seen_at is None
        assert (left.grace_until - timezone.now()).total_seconds() == pytest.approx(
            settings.ENV.grace_s, abs=5
        )
        assert left.host_connection_id == host_lease.connection_id
        join("A")
        assert room_session_of(host_lease).grace_until is None

    def test_leaving_twice_is_leaving_once(self):
        host_lease = join("A")
        assert leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        assert not leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)

    def test_renewal_that_comes_late_does_not_bring_back_a_host_that_has_left(self):
        host_lease = join("A")
        leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        renew_host_lease(host_lease)
        left = room_session_of(host_lease)
        assert left.host_seen_at is None
        assert left.grace_until is not None

    def test_host_that_was_taken_for_gone_is_back_with_its_next_renewal(self):
        host_lease = join("A")
        aged(host_lease, host_seen_at=11)
        sweep()
        assert room_session_of(host_lease).grace_until is not None
        assert renew_host_lease(host_lease) == Presence("held", host_lease.session_id)
        assert room_session_of(host_lease).grace_until is None

    def test_host_of_a_replaced_session_still_leaves_the_room(self):
        host_lease = join("A")
        restart_session(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        assert leave_as_host(room_id=host_lease.room_id, connection_id=host_lease.connection_id)


class TestRestarting:
    def test_new_session_takes_over_host_terms_and_broadcast(self):
        host = person()
        host_lease = join("A", terms=replace(TERMS, owner_id=host.pk))
        new = RoomSession.objects.get(
            pk=restart_session(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        )
        assert new.host_connection_id == host_lease.connection_id
        assert (new.part.number, new.part.broadcast) == (2, host_lease.broadcast)
        assert (new.part.source_lang, new.part.store, new.part.public, new.part.owner) == (
            "en",
            True,
            True,
            host,
        )
        assert renew_host_lease(host_lease) == Presence("held", new.pk)

    def test_only_the_host_may(self):
        host_lease = join("A")
        with pytest.raises(Conflict):
            restart_session(room_id=host_lease.room_id, connection_id="somebody else")
        close_room(host_lease.room_id)
        with pytest.raises(Conflict):
            restart_session(room_id=host_lease.room_id, connection_id=host_lease.connection_id)


class TestEnding:
    def test_older_part_that_finishes_does_not_end_the_room(self):
        host_lease = join("A", terms=replace(TERMS, store=False))
        say(host_lease, "Eins.")
        restart_session(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        finish(host_lease)
        aged(host_lease, closed_at=6)
        sweep()
        assert Sentence.objects.count() == 1

    def test_unstored_text_stays_until_every_viewer_must_have_read_it(self):
        host_lease = join("A", terms=replace(TERMS, store=False))
        say(host_lease, "Eins.")
        close_room(host_lease.room_id)
        finish(host_lease)
        aged(host_lease, closed_at=3)
        sweep()
        assert Sentence.objects.count() == 1
        aged(host_lease, closed_at=6)
        sweep()
        assert Sentence.objects.count() == 0

    def test_unstored_text_is_gone_at_once_where_the_recording_is_stopped(self):
        host_lease = join("A", terms=replace(TERMS, store=False))
        say(host_lease, "Eins.")
        stop_recording(host_lease.room_id)
        assert Sentence.objects.count() == 0

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["older first", "newer first"])
    def test_whichever_part_finishes_last_ends_the_room(self, order):
        first = join("A", terms=replace(TERMS, store=False))
        say(first, "Eins.")
        second = replace(
            first, session_id=restart_session(room_id=first.room_id, connection_id=first.connection_id)
        )
        close_room(first.room_id)
        host_leases = (first, second)
        finish(host_leases[order[0]])
        aged(host_leases[order[0]], closed_at=6)
        sweep()
        assert Sentence.objects.count() == 1
        finish(host_leases[order[1]])
        aged(host_leases[order[1]], closed_at=6)
        sweep()
        assert Sentence.objects.count() == 0
        assert Part.objects.filter(ended_at=None).count() == 0

    def test_host_who_opens_a_room_that_still_closes_goes_on_in_the_same_broadcast(self):
        first = join("A")
        close_room(first.room_id)
        second = join("A")
        assert second.broadcast == first.broadcast
        finish(first)
        assert session_of(second).state == "starting"

    def test_room_that_takes_long_to_finish_is_over_for_its_viewers_and_its_process_goes_on(self):
        host_lease = join("A")
        lease = served(host_lease)
        close_room(host_lease.room_id)
        close_to_viewers(host_lease.room_id)
        assert not room_end(host_lease.room_id).over
        aged(host_lease, closing_at=3)
        close_to_viewers(host_lease.room_id)
        assert room_end(host_lease.room_id).over
        assert session_of(host_lease).state == "closing"
        with held(lease):
            say(host_lease, "What came late.")
        finish(host_lease)
        assert Sentence.objects.count() == 1

    def test_room_without_viewers_is_closed_to_them_by_the_sweep(self):
        host_lease = join("A")
        served(host_lease)
        close_room(host_lease.room_id)
        aged(host_lease, closing_at=3)
        sweep()
        assert room_end(host_lease.room_id).over

    def test_host_who_opens_a_room_that_is_over_begins_anew_though_the_old_broadcast_still_finishes(self):
        first = join("A", terms=replace(TERMS, store=False))
        say(first, "Eins.")
        close_room(first.room_id)
        aged(first, closing_at=3)
        close_to_viewers(first.room_id)
        second = join("A", terms=replace(TERMS, store=False))
        say(second, "Zwei.")
        assert second.broadcast == first.broadcast + 1
        finish(first)
        aged(first, closed_at=6)
        sweep()
        assert list(Sentence.objects.values_list("text", flat=True)) == ["Zwei."]
        assert session_of(second).state == "starting"
        close_to_viewers(first.room_id)
        assert not room_end(first.room_id).over

    def test_part_before_a_restart_that_takes_long_to_finish_sends_nobody_away(self):
        host_lease = join("A")
        restart_session(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        aged(host_lease, closing_at=60)
        close_to_viewers(host_lease.room_id)
        assert not room_end(host_lease.room_id).over
        close_room(host_lease.room_id)
        close_to_viewers(host_lease.room_id)
        assert not room_end(host_lease.room_id).over

    def test_next_broadcast_counts_anew(self):
        first = join("A")
        close_room(first.room_id)
        finish(first)
        assert join("A").broadcast == first.broadcast + 1

    def test_closing_twice_is_a_conflict(self):
        host_lease = join("A")
        close_room(host_lease.room_id)
        with pytest.raises(Conflict, match="not_active"):
            close_room(host_lease.room_id)

    def test_room_that_must_stop_recording_ends_at_once_with_all_its_parts(self):
        host_lease = join("A")
        lease = served(host_lease)
        restart_session(room_id=host_lease.room_id, connection_id=host_lease.connection_id)
        stop_recording(host_lease.room_id)
        assert set(Session.objects.values_list("state", flat=True)) == {"closed"}
        assert session_of(host_lease).generation == lease.generation + 1


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    """Real transactions in threads of their own."""

    @staticmethod
    def together(calls):
        def run(call):
            try:
                return call()
            except DomainError as error:
                return error.code
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(calls)) as threads:
            return list(threads.map(run, calls))

    def test_host_that_leaves_while_the_next_one_takes_its_lease_takes_nothing_from_it(self):
        seat = join("A")
        with ThreadPoolExecutor(1) as threads:
            with transaction.atomic():
                newer = lock_open_session(seat.room_id)
                newer.host_connection_id = "the next one"
                newer.save(update_fields=["host_connection_id"])
                leaving = threads.submit(
                    self.together,
                    [lambda: leave_as_host(room_id=seat.room_id, connection_id=seat.connection_id)],
                )
                self.until_somebody_waits_for_a_lock()
            assert leaving.result(WITHIN_S) == [False]
        assert not room_session_of(seat).host_left
        assert room_session_of(seat).grace_until is None

    @staticmethod
    def until_somebody_waits_for_a_lock():
        deadline = time.monotonic() + WITHIN_S
        with connection.cursor() as cursor:
            while True:
                cursor.execute(
                    "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid() "
                    "AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())"
                )
                if cursor.fetchone()[0]:
                    return
                assert time.monotonic() < deadline
                Event().wait(0.02)

    def test_of_thirty_rooms_for_two_slots_exactly_two_open(self):
        slots(2)
        rooms = [room(f"R{number}") for number in range(30)]
        results = self.together([lambda at=at: join(at) for at in rooms])
        assert results.count("capacity") == 28
        assert Session.objects.count() == Part.objects.count() == 2

    def test_of_twenty_hosts_for_one_room_exactly_one_sits(self):
        at = room("A")
        slots(5)
        results = self.together([lambda: join(at)] * 20)
        assert results.count("multiple_hosts") == 19
        assert Session.objects.count() == 1

    def test_joining_restarting_closing_and_finishing_never_lock_each_other_out(self):
        slots(50)
        at = room("A")
        first = join(at)

        def restart():
            return restart_session(room_id=at.pk, connection_id=first.connection_id)

        def end():
            session = Session.objects.filter(room_session__room=at, state="closing").first()
            return session and finish_session(session)

        for _ in range(5):
            self.together([restart, end, lambda: join(at), lambda: close_room(at.pk), end, restart])
        assert Session.objects.filter(state__in=Session.OPEN).count() <= 1
        with connection.cursor() as cursor:
            cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
            assert cursor.fetchone() == (0,)


@pytest.mark.django_db
class TestWhatTheDeploymentAllows:
    def test_no_host_is_heard_without_a_consent_where_one_is_required(self, env):
        env(consent_required=True)
        room("A")
        with pytest.raises(Forbidden, match="consent_required"):
            join("A")
        assert not Part.objects.exists()

    def test_host_who_agreed_is_heard_where_a_consent_is_required(self, env):
        env(consent_required=True)
        talk = room("A")
        answers = Answers(keep_text=True, public=True)
        consent = record_consent(
            room=talk, user_id=None, answers=answers, wording=newest_wording("host", "en")
        )
        assert join(talk, terms=replace(TERMS, consent_id=consent.pk)).room_id == talk.pk

    def test_nothing_is_stored_where_the_deployment_keeps_nothing_and_rejoining_changes_nothing(self, env):
        env(store_transcripts=False)
        talk = room("A")
        first = join(talk)
        again = join(talk, connection_id=first.connection_id)
        part = Part.objects.get()
        assert (part.store, part.consent.keep_text) == (False, False)
        assert again.session_id == first.session_id
