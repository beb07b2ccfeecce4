"""Applying schedules, and votes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from rooms.errors import BadInput, Conflict, NotFound
from rooms.models import Room, Vote
from rooms.schedule import Schedule
from rooms.schedule_import import import_schedule
from rooms.services import apply_schedule, cast_vote, request_stop_recording
from rooms.signals import stop_recording_requested
from rooms.tests.make import ON_STAGE, room, talk


@pytest.fixture
def silenced():
    """Codes of rooms that were told to stop recording."""
    codes = []

    def note(*, room, **_):
        codes.append(room.code)

    stop_recording_requested.connect(note)
    yield codes
    stop_recording_requested.disconnect(note)


def published():
    return set(Room.objects.filter(published=True).values_list("code", flat=True))


@pytest.mark.django_db
class TestApply:
    def test_new_talks_become_rooms(self):
        changes = apply_schedule(Schedule([talk("A"), talk("B", recording="forbidden")]))
        assert (changes.created, changes.updated, changes.unpublished) == (2, 0, 0)
        stored = Room.objects.get(code="A")
        assert (stored.origin, stored.presenters, stored.starts_at) == ("schedule", ["Speaker One"], ON_STAGE)
        assert (stored.published, stored.do_not_record) == (True, False)
        assert Room.objects.get(code="B").do_not_record

    def test_same_schedule_again_changes_nothing(self):
        apply_schedule(Schedule([talk("A"), talk("B")]))
        changes = apply_schedule(Schedule([talk("A"), talk("B")]))
        assert (changes.created, changes.updated, changes.unpublished) == (0, 0, 0)

    def test_moved_talk_is_the_same_room_with_what_was_said_in_it(self):
        apply_schedule(Schedule([talk("A")]))
        Room.objects.update(source_lang="de", glossary="Souffleur")
        moved = talk("A", location="Saal 2", starts_at=ON_STAGE + timedelta(hours=1), title="New title")
        assert apply_schedule(Schedule([moved])).updated == 1
        stored = Room.objects.get()
        assert (stored.location, stored.title) == ("Saal 2", "New title")
        assert stored.starts_at == ON_STAGE + timedelta(hours=1)
        assert (stored.source_lang, stored.glossary) == ("de", "Souffleur")

    def test_vanished_talk_is_unpublished_never_deleted_and_may_come_back(self):
        apply_schedule(Schedule([talk("A"), talk("B")]))
        assert apply_schedule(Schedule([talk("B")])).unpublished == 1
        assert published() == {"B"}
        assert Room.objects.count() == 2
        apply_schedule(Schedule([talk("A"), talk("B")]))
        assert published() == {"A", "B"}

    @pytest.mark.parametrize("most_would_vanish", [False, True])
    def test_a_speaker_s_no_counts_for_a_room_that_was_made_by_hand_too(
        self, silenced, most_would_vanish, django_capture_on_commit_callbacks
    ):
        apply_schedule(Schedule([talk(code) for code in "ABCDE"]))
        room("HAND", origin=Room.Origin.MANUAL, in_schedule=False, title="By hand")
        talks = [talk(code) for code in ("" if most_would_vanish else "ABCDE")]
        with django_capture_on_commit_callbacks(execute=True):
            changes = apply_schedule(Schedule([*talks, talk("HAND", recording="forbidden")]))
        assert (changes.forbidden, bool(changes.waiting), silenced) == (1, most_would_vanish, ["HAND"])
        hand = Room.objects.get(code="HAND")
        assert (hand.do_not_record, hand.title, hand.origin) == (True, "By hand", "manual")
        assert apply_schedule(Schedule([*talks, talk("HAND", recording="forbidden")])).forbidden == 0

    def test_room_made_by_hand_is_untouched_even_by_a_talk_of_its_code(self):
        room("HAND", origin=Room.Origin.MANUAL, in_schedule=False, title="By hand")
        changes = apply_schedule(Schedule([talk("HAND"), talk("A")]))
        assert changes.taken_by_hand == 1
        assert Room.objects.get(code="HAND").title == "By hand"
        assert not Room.objects.get(code="HAND").do_not_record
        apply_schedule(Schedule([talk("A")]))
        assert published() == {"HAND", "A"}

    def test_hidden_track_is_hidden_until_the_setting_changes(self, env):
        env(schedule_hidden_tracks=["internal"])
        apply_schedule(Schedule([talk("A", track="Internal"), talk("B")]))
        assert published() == {"B"}
        env(schedule_hidden_tracks=[])
        apply_schedule(Schedule([talk("A", track="Internal"), talk("B")]))
        assert published() == {"A", "B"}

    def test_what_an_admin_unpublished_stays_so(self):
        apply_schedule(Schedule([talk("A"), talk("B")]))
        Room.objects.filter(code="A").update(published=False)
        apply_schedule(Schedule([talk("A", title="Renamed"), talk("B")]))
        assert published() == {"B"}

    def test_do_not_record_that_an_admin_set_stays_when_the_schedule_says_nothing_new(self):
        apply_schedule(Schedule([talk("A")]))
        Room.objects.update(do_not_record=True)
        apply_schedule(Schedule([talk("A", title="Renamed")]))
        assert Room.objects.get().do_not_record

    def test_admin_may_allow_what_the_schedule_is_silent_about(self):
        assert apply_schedule(Schedule([talk("A", recording="unknown")])).recording_unknown == 1
        assert Room.objects.get().do_not_record
        Room.objects.update(do_not_record=False)
        apply_schedule(Schedule([talk("A", recording="unknown", title="Renamed")]))
        assert not Room.objects.get().do_not_record

    def test_admin_may_not_allow_what_the_schedule_forbids(self):
        apply_schedule(Schedule([talk("A", recording="forbidden")]))
        Room.objects.update(do_not_record=False)
        apply_schedule(Schedule([talk("A", recording="forbidden")]))
        assert Room.objects.get().do_not_record

    @pytest.mark.parametrize("now_says", ["forbidden", "unknown"])
    def test_talk_that_becomes_do_not_record_is_told_after_the_commit(
        self, silenced, django_capture_on_commit_callbacks, now_says
    ):
        apply_schedule(Schedule([talk("A"), talk("B")]))
        with django_capture_on_commit_callbacks(execute=True):
            changes = apply_schedule(Schedule([talk("A"), talk("B", recording=now_says)]))
            assert silenced == []
        assert silenced == ["B"]
        assert changes.forbidden == 1

    def test_listener_that_fails_does_not_undo_the_import(self, django_capture_on_commit_callbacks, silenced):
        def fail(**_):
            raise RuntimeError

        stop_recording_requested.connect(fail)
        with django_capture_on_commit_callbacks(execute=True):
            request_stop_recording(room("A"))
        stop_recording_requested.disconnect(fail)
        assert silenced == ["A"]

    def test_event_that_cannot_be_read_allows_nothing_until_it_can(
        self, silenced, django_capture_on_commit_callbacks
    ):
        apply_schedule(Schedule([talk("A"), talk("B")]))
        with django_capture_on_commit_callbacks(execute=True):
            changes = apply_schedule(Schedule([talk("A")], unreadable=("B", "NEW", "")))
        assert (changes.unreadable, changes.forbidden, changes.unpublished) == (3, 1, 0)
        assert silenced == ["B"]
        assert Room.objects.get(code="B").do_not_record
        apply_schedule(Schedule([talk("A"), talk("B")]))
        assert not Room.objects.get(code="B").do_not_record

    def test_event_that_cannot_be_read_does_not_lift_what_an_admin_set(self):
        apply_schedule(Schedule([talk("A"), talk("B")]))
        Room.objects.filter(code="B").update(do_not_record=True)
        apply_schedule(Schedule([talk("A")], unreadable=("B",)))
        apply_schedule(Schedule([talk("A"), talk("B")]))
        assert Room.objects.get(code="B").do_not_record

    def test_schedule_without_most_of_its_talks_waits_for_a_person(self):
        apply_schedule(Schedule([talk(code) for code in "ABCDE"]))
        shrunk = Schedule([talk("A", title="Renamed"), talk("NEW")])
        changes = apply_schedule(shrunk)
        assert (changes.waiting, changes.unpublished, changes.created, changes.updated) == (4, 0, 0, 0)
        assert published() == set("ABCDE")
        assert Room.objects.get(code="A").title == "A talk"
        assert "confirm" in changes.summary()
        assert apply_schedule(shrunk, confirmed=True).unpublished == 4
        assert published() == {"A", "NEW"}

    def test_do_not_record_never_waits(self, silenced, django_capture_on_commit_callbacks):
        apply_schedule(Schedule([talk(code) for code in "ABCDE"]))
        with django_capture_on_commit_callbacks(execute=True):
            changes = apply_schedule(Schedule([talk("A", recording="forbidden"), talk("B")]))
        assert (changes.waiting, changes.forbidden, silenced) == (3, 1, ["A"])
        assert Room.objects.get(code="A").do_not_record
        apply_schedule(Schedule([talk(code) for code in "ABCDE"]))
        assert not Room.objects.get(code="A").do_not_record

    def test_query_count_does_not_depend_on_the_number_of_talks(self, django_assert_num_queries):
        def queries_for(count):
            apply_schedule(Schedule([talk(f"T{number}") for number in range(count)]))
            # savepoint, lock, event, rooms, taken codes, halls, note of the import, update, release
            with django_assert_num_queries(9):
                apply_schedule(Schedule([talk(f"T{number}", title="Renamed") for number in range(count)]))
            Room.objects.all().delete()

        queries_for(1)
        queries_for(3)


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_make_each_room_once():
    talks = [talk(f"T{number}") for number in range(50)]

    def run(_):
        try:
            return apply_schedule(Schedule(talks)).created
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        created = list(pool.map(run, range(4)))
    assert sorted(created) == [0, 0, 0, 50]


@pytest.mark.django_db
class TestVotes:
    def test_count_goes_up_and_down_and_never_below_zero(self):
        room("A")
        assert [cast_vote("A", vote=vote) for vote in (True, True, False, False)] == [1, 2, 1, 0]
        with pytest.raises(Conflict):
            cast_vote("A", vote=False)
        assert Vote.objects.get().count == 0

    @pytest.mark.parametrize("code", ["NONE", "", "\x00", "A/../B", "x" * 1000])
    def test_unknown_talk_cannot_be_voted_on(self, code):
        with pytest.raises(NotFound):
            cast_vote(code, vote=True)

    @pytest.mark.parametrize("hiding", [{"published": False}, {"do_not_record": True}, {"origin": "manual"}])
    def test_talk_that_is_not_on_the_list_cannot_be_voted_on(self, hiding):
        room("A", **hiding)
        with pytest.raises(NotFound):
            cast_vote("A", vote=True)
        assert not Vote.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_votes_at_once_are_all_counted_and_removals_stop_at_zero():
    room("A")

    def run(vote):
        try:
            return cast_vote("A", vote=vote)
        except Conflict:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        up = list(pool.map(run, [True] * 20))
        down = list(pool.map(run, [False] * 30))
    assert sorted(up) == list(range(1, 21))
    assert sorted(count for count in down if count is not None) == list(range(20))
    assert Vote.objects.get().count == 0


@pytest.mark.django_db
def test_import_without_a_configured_schedule_says_what_to_set(env):
    env(schedule_url="")
    with pytest.raises(BadInput, match="no_schedule"):
        import_schedule()
