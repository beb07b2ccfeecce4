"""Events: what the settings seed, schedules that do not touch each other, halls and what is on in them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from rooms.errors import NotFound
from rooms.models import Event, Hall, Room
from rooms.schedule import Schedule
from rooms.schedule_import import import_schedules
from rooms.seed import settings_event
from rooms.selectors import hall_by_slug, next_in, room_on_now, votable_rooms
from rooms.services import apply_schedule
from rooms.tasks import import_schedule as import_task
from rooms.tests.make import event as schedule_event
from rooms.tests.make import room, schedule, talk


def other_event(**changes):
    """A second conference."""
    values = {"slug": "camp", "title": "Camp", "time_zone": "Asia/Tokyo"}
    return Event.objects.create(**{**values, **changes})


def published():
    return set(Room.objects.filter(published=True).values_list("code", flat=True))


@pytest.mark.django_db
class TestEventOfTheSettings:
    def test_is_there_from_the_first_migration_on(self):
        event = Event.objects.get()
        assert (event.slug, event.time_zone, event.from_settings) == ("main", "Europe/Berlin", True)

    def test_follows_what_changes_in_the_settings(self, env):
        env(
            event_time_zone="UTC",
            schedule_hidden_tracks=["Breaks"],
            schedule_url="https://one.example/s.json",
        )
        event = settings_event()
        assert (event.time_zone, event.hidden_tracks) == ("UTC", ["Breaks"])
        env(event_time_zone="Asia/Tokyo", schedule_url="")
        event = settings_event()
        assert (event.time_zone, event.hidden_tracks, event.schedule_url) == ("Asia/Tokyo", ["Breaks"], "")
        assert Event.objects.count() == 1

    def test_keeps_what_an_admin_set_while_the_settings_say_what_they_said(self, env):
        Event.objects.update(time_zone="Asia/Tokyo", title="Camp", slug="camp")
        assert settings_event().time_zone == "Asia/Tokyo"
        env(schedule_url="https://one.example/s.json")
        event = settings_event()
        assert (event.time_zone, event.slug) == ("Asia/Tokyo", "camp")
        assert event.schedule_url == "https://one.example/s.json"

    def test_is_made_again_beside_another_of_its_name(self):
        Event.objects.all().delete()
        other_event(slug="main")
        assert settings_event().slug == "main-2"

    def test_rooms_that_were_given_no_event_are_its(self):
        assert Room.objects.create(code="HAND", title="By hand").event == settings_event()

    def test_costs_one_query(self, django_assert_num_queries):
        with django_assert_num_queries(1):
            settings_event()


@pytest.mark.django_db(transaction=True)
def test_two_processes_seeding_at_once_make_one_event():
    Event.objects.all().delete()

    def seed(_):
        try:
            return settings_event().pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(seed, range(8)))) == 1
    assert Event.objects.count() == 1


@pytest.mark.django_db
class TestTwoEvents:
    def test_second_event_never_unpublishes_the_first_s_talks(self):
        apply_schedule(Schedule([talk(code) for code in "ABC"]))
        changes = apply_schedule(Schedule([talk("X")]), event=other_event())
        assert (changes.created, changes.unpublished, changes.waiting) == (1, 0, 0)
        assert published() == {"A", "B", "C", "X"}
        assert apply_schedule(Schedule([talk("A")]), confirmed=True).unpublished == 2
        assert published() == {"A", "X"}

    def test_talk_whose_code_another_event_has_is_left_out(self):
        apply_schedule(Schedule([talk("A", title="First")]))
        camp = other_event()
        changes = apply_schedule(Schedule([talk("A", title="Second", recording="forbidden")]), event=camp)
        assert (changes.created, changes.taken_by_event, changes.forbidden) == (0, 1, 0)
        assert "another event" in changes.summary()
        stored = Room.objects.get()
        assert (stored.title, stored.event, stored.do_not_record) == ("First", settings_event(), False)

    def test_event_that_cannot_be_read_stops_no_recording_of_another_event(self):
        apply_schedule(Schedule([talk("A")]))
        apply_schedule(Schedule([talk("X")], unreadable=("A",)), event=other_event())
        assert not Room.objects.get(code="A").do_not_record

    def test_each_hides_its_own_tracks(self, env):
        env(schedule_hidden_tracks=["Breaks"])
        apply_schedule(Schedule([talk("A", track="Breaks"), talk("B", track="Internal")]))
        camp = other_event(hidden_tracks=["Internal"])
        apply_schedule(Schedule([talk("X", track="Breaks"), talk("Y", track="Internal")]), event=camp)
        assert published() == {"B", "X"}

    def test_today_is_each_event_s_own_day(self):
        now = datetime(2025, 8, 30, 22, 30, tzinfo=UTC)  # 00:30 on the 31st in Berlin, 07:30 in Tokyo
        camp = other_event()
        for code, at in (("LATE", 21), ("NIGHT", 23)):
            start = datetime(2025, 8, 30, at, tzinfo=UTC)
            room(f"{code}1", starts_at=start, ends_at=start + timedelta(minutes=45))
            room(f"{code}2", event=camp, starts_at=start, ends_at=start + timedelta(minutes=45))
        assert [row.code for row in votable_rooms(now=now)] == ["LATE2", "NIGHT1", "NIGHT2"]

    def test_dates_without_offset_are_in_the_event_s_time_zone(self, tmp_path):
        other_event()
        path = tmp_path / "schedule.json"
        path.write_bytes(schedule(schedule_event(date="2025-08-30T14:05:00"), time_zone_name=""))
        call_command("import_schedule", str(path), event="camp")
        stored = Room.objects.get()
        assert (stored.starts_at, stored.event.slug) == (datetime(2025, 8, 30, 5, 5, tzinfo=UTC), "camp")

    def test_one_that_is_broken_does_not_keep_the_other_from_being_read(self, tmp_path, env, caplog):
        (tmp_path / "good.json").write_bytes(schedule(schedule_event(code="GOOD")))
        env(schedule_url=str(tmp_path / "missing.json"))
        camp = other_event(schedule_url=str(tmp_path / "good.json"))
        import_task()
        assert [(row.code, row.event) for row in Room.objects.all()] == [("GOOD", camp)]
        errors = [record for record in caplog.records if record.levelname == "ERROR"]
        assert [(record.message, record.of_event) for record in errors] == [("schedule not imported", "main")]
        again = import_schedules()
        assert again[camp].not_changed

    def test_command_knows_events_by_their_slug(self):
        with pytest.raises(CommandError, match="no event nowhere"):
            call_command("import_schedule", event="nowhere")


@pytest.mark.django_db
class TestHalls:
    def slugs(self, **names):
        return set(Hall.objects.values_list("slug", flat=True))

    def test_schedule_s_places_become_halls_with_slugs(self):
        apply_schedule(Schedule([talk("A", location="Große Halle 1"), talk("B", location="")]))
        assert Room.objects.get(code="A").hall.slug == "groe-halle-1"
        assert Room.objects.get(code="B").hall is None

    def test_slug_stays_whatever_the_schedule_says_next(self):
        apply_schedule(Schedule([talk("A", location="Saal 1")]))
        before = Hall.objects.get()
        apply_schedule(Schedule([talk("A", location="Saal 2"), talk("B", location="Saal 1")]))
        assert Room.objects.get(code="B").hall == before
        assert Room.objects.get(code="A").hall.slug == "saal-2"
        assert Hall.objects.count() == 2

    def test_names_that_read_alike_or_not_at_all_get_slugs_of_their_own(self):
        first = ["Saal 1", "saal 1", "SAAL-1", "東京", "大阪"]
        apply_schedule(Schedule([talk(f"T{n}", location=name) for n, name in enumerate(first)]))
        apply_schedule(Schedule([talk("X", location="Saal 1")]), event=other_event())
        assert self.slugs() == {
            "saal-1",
            "main-saal-1",
            "main-saal-1-2",
            "main-hall",
            "main-hall-2",
            "camp-saal-1",
        }

    def test_hall_is_found_by_its_slug_alone(self):
        apply_schedule(Schedule([talk("A", location="Saal 1")]))
        assert hall_by_slug("saal-1").name == "Saal 1"
        for slug in ("nowhere", "", "\x00", "a/b", "x" * 1000):
            with pytest.raises(NotFound):
                hall_by_slug(slug)


NOW = datetime(2025, 8, 30, 12, 0, tzinfo=UTC)


def minutes(count):
    return NOW + timedelta(minutes=count)


@pytest.mark.django_db
class TestOnNow:
    @pytest.fixture
    def hall(self):
        return Hall.objects.create(event=settings_event(), name="Saal 1", slug="saal-1")

    @pytest.fixture
    def day(self, hall):
        """Two talks with a break between them, one in the next room."""
        return [
            room("FIRST", hall=hall, starts_at=minutes(0), ends_at=minutes(45)),
            room("SECOND", hall=hall, starts_at=minutes(60), ends_at=minutes(105)),
            room("OTHER", starts_at=minutes(0), ends_at=minutes(200)),
        ]

    def on(self, hall, now, active=()):
        shown = room_on_now(hall, [row.pk for row in active], now=now)
        return shown.code if shown else None

    @pytest.mark.parametrize(
        ("minute", "shown"),
        [(-1, None), (0, "FIRST"), (44, "FIRST"), (45, None), (60, "SECOND"), (105, None)],
    )
    def test_talk_that_is_due(self, hall, day, minute, shown):
        assert self.on(hall, minutes(minute)) == shown

    def test_speaker_who_overruns_is_shown_until_the_next_one_speaks(self, hall, day):
        first, second, _ = day
        assert self.on(hall, minutes(50), [first]) == "FIRST"
        assert self.on(hall, minutes(62), [first]) == "FIRST"
        assert self.on(hall, minutes(62), [first, second]) == "SECOND"

    def test_speaker_who_begins_early_is_shown_and_a_sound_check_is_not(self, hall, day):
        second = day[1]
        assert self.on(hall, minutes(50), [second]) == "SECOND"
        assert self.on(hall, minutes(10), [second]) == "FIRST"

    @pytest.mark.parametrize("hiding", [{"do_not_record": True}, {"published": False}])
    def test_what_is_on_no_list_is_on_no_screen(self, hall, day, hiding):
        Room.objects.filter(code="FIRST").update(**hiding)
        assert self.on(hall, minutes(10)) is None

    def test_active_room_stays_on_its_screen_though_it_is_unpublished(self, hall, day):
        Room.objects.filter(code="FIRST").update(published=False)
        assert self.on(hall, minutes(10), [day[0]]) == "FIRST"

    def test_room_made_by_hand_fills_what_the_schedule_leaves_free(self, hall, day):
        by_hand = room("HAND", hall=hall, origin=Room.Origin.MANUAL, starts_at=None, ends_at=None)
        assert self.on(hall, minutes(50)) == "HAND"
        assert self.on(hall, minutes(10)) == "FIRST"
        assert self.on(hall, minutes(10), [by_hand]) == "HAND"

    def test_of_two_talks_at_once_the_one_that_began_last(self, hall, day):
        room("THIRD", hall=hall, starts_at=minutes(30), ends_at=minutes(60))
        assert self.on(hall, minutes(40)) == "THIRD"

    def test_next_one_is_known_in_the_break(self, hall, day):
        assert next_in(hall, now=minutes(50)).code == "SECOND"
        assert next_in(hall, now=minutes(60)) is None

    def test_costs_one_query(self, hall, day, django_assert_num_queries):
        with django_assert_num_queries(1):
            shown = room_on_now(hall, [day[0].pk], now=minutes(10))
            assert shown.event.zone.key == "Europe/Berlin"


@pytest.mark.django_db
class TestAdmin:
    FORM = {
        "title": "Camp",
        "slug": "camp",
        "time_zone": "Asia/Tokyo",
        "schedule_url": "",
        "hidden_tracks": "[]",
    }

    def post(self, client, **changes):
        return client.post(reverse("admin:rooms_event_add"), {**self.FORM, **changes})

    def test_event_is_made_with_a_schedule_of_its_own(self, admin_client):
        changes = {"schedule_url": "https://camp.example/s.json", "hidden_tracks": '["Breaks "]'}
        assert self.post(admin_client, **changes).status_code == 302
        made = Event.objects.get(slug="camp")
        assert (made.schedule_url, made.hidden_tracks, made.from_settings) == (
            "https://camp.example/s.json",
            ["Breaks"],
            False,
        )

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("time_zone", "Mars/Olympus"),
            ("time_zone", "../../etc/passwd"),
            ("slug", "a b"),
            ("slug", "main"),
            ("schedule_url", "/etc/passwd"),
            ("schedule_url", "file:///etc/passwd"),
            ("hidden_tracks", "[1]"),
            ("hidden_tracks", '"Breaks"'),
        ],
    )
    def test_what_would_break_an_event_or_read_the_server_s_files_is_refused(
        self, admin_client, field, value
    ):
        answer = self.post(admin_client, **{field: value})
        assert answer.status_code == 200
        assert answer.context["adminform"].form.errors[field]

    def test_file_that_the_settings_name_may_stay(self, admin_client, env, tmp_path):
        env(schedule_url=str(tmp_path / "schedule.json"))
        event = settings_event()
        page = reverse("admin:rooms_event_change", args=[event.pk])
        data = {**self.FORM, "slug": "main", "schedule_url": event.schedule_url}
        assert admin_client.post(page, data).status_code == 302
        event.refresh_from_db()
        assert (event.title, event.schedule_url) == ("Camp", str(tmp_path / "schedule.json"))

    def test_settings_event_is_not_deleted_nor_one_with_rooms(self, admin_client):
        ours, camp, empty = settings_event(), other_event(), other_event(slug="empty")
        room("X", event=camp)
        for event in (ours, camp, empty):
            page = reverse("admin:rooms_event_delete", args=[event.pk])
            admin_client.post(page, {"post": "yes"})
        assert set(Event.objects.all()) == {ours, camp}

    def test_chosen_events_schedules_are_read(self, admin_client, tmp_path):
        (tmp_path / "s.json").write_bytes(schedule(schedule_event(code="GOOD")))
        good = other_event(schedule_url=str(tmp_path / "s.json"))
        bad = other_event(slug="bad", title="Bad", schedule_url=str(tmp_path / "missing.json"))
        chosen = {"action": "read_schedule", "_selected_action": [good.pk, bad.pk]}
        shown = admin_client.post(reverse("admin:rooms_event_changelist"), chosen, follow=True).content
        assert b"Camp: Talks: 1 new" in shown
        assert b"Bad: The schedule cannot be read" in shown

    def test_hall_s_slug_is_given_once(self, admin_client):
        data = {"event": settings_event().pk, "name": "Saal 1", "slug": "saal-1"}
        assert admin_client.post(reverse("admin:rooms_hall_add"), data).status_code == 302
        page = reverse("admin:rooms_hall_change", args=[Hall.objects.get().pk])
        admin_client.post(page, {**data, "slug": "changed"})
        assert Hall.objects.get().slug == "saal-1"

    def test_room_made_by_hand_is_of_its_hall_s_event(self, admin_client):
        camp = other_event()
        hall = Hall.objects.create(event=camp, name="Tent", slug="tent")
        form = {"code": "HAND", "title": "By hand", "colour": "#1a7f37", "presenters": "[]", "hall": hall.pk}
        page = reverse("admin:rooms_room_add")
        wrong = admin_client.post(page, {**form, "event": settings_event().pk})
        assert wrong.context["adminform"].form.errors["hall"]
        assert admin_client.post(page, form).status_code == 302
        assert Room.objects.get().event == camp

    @pytest.mark.parametrize("page", ["rooms_event", "rooms_hall", "rooms_room"])
    def test_lists_take_as_many_queries_for_three_rows_as_for_one(
        self, admin_client, page, django_assert_max_num_queries
    ):
        def queries():
            with django_assert_max_num_queries(100) as counted:
                assert admin_client.get(reverse(f"admin:{page}_changelist")).status_code == 200
            return len(counted)

        def another(number):
            hall = Hall.objects.create(
                event=other_event(slug=f"e{number}"), name="Hall", slug=f"hall-{number}"
            )
            room(f"R{number}", event=hall.event, hall=hall, starts_at=timezone.now())

        another(0)
        first = queries()
        another(1)
        another(2)
        assert queries() == first
