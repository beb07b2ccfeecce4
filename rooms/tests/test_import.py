"""Reading the schedule from files and web servers: the task, the command, the admin's button."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from rooms.models import Room
from rooms.schedule import MAX_BYTES
from rooms.schedule_import import import_schedule as import_now
from rooms.tasks import import_schedule as import_task
from rooms.tests.make import DATA, event, schedule

pytestmark = pytest.mark.django_db


class Source:
    """A web server with one schedule."""

    def __init__(self):
        self.body, self.status, self.headers, self.asked = b"", 200, {"ETag": '"1"'}, []
        source = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                source.asked.append(dict(self.headers))
                known = self.headers.get("If-None-Match", "") == source.headers.get("ETag")
                self.send_response(304 if known and source.status == 200 else source.status)
                for name, value in source.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if not known:
                    self.wfile.write(source.body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/schedule.json"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def source(env):
    source = Source()
    source.body = schedule(event())
    env(schedule_url=source.url)
    yield source
    source.close()


def test_task_reads_the_configured_address(source):
    import_task()
    assert Room.objects.get().code == "TALK9X"


def test_task_without_an_address_does_nothing(env):
    env(schedule_url="")
    import_task()
    assert not Room.objects.exists()


def test_unchanged_schedule_is_not_sent_again(source):
    import_task()
    assert import_now().not_changed
    assert source.asked[1]["If-None-Match"] == '"1"'


def test_changed_schedule_is(source):
    import_task()
    source.body, source.headers = schedule(event(title="Renamed")), {"ETag": '"2"'}
    import_task()
    assert Room.objects.get().title == "Renamed"


def test_last_modified_is_asked_with_where_there_is_no_etag(source):
    source.headers = {"Last-Modified": "Sat, 30 Aug 2025 10:00:00 GMT"}
    import_task()
    import_task()
    assert source.asked[1]["If-Modified-Since"] == "Sat, 30 Aug 2025 10:00:00 GMT"


def test_fresh_database_takes_the_schedule_though_its_version_is_remembered(source):
    import_task()
    Room.objects.all().delete()
    import_task()
    assert Room.objects.count() == 1


def test_other_hidden_tracks_take_effect_on_an_unchanged_schedule(source, env):
    source.body = schedule(event(track="Internal"))
    import_task()
    env(schedule_hidden_tracks=["Internal"])
    import_task()
    assert not Room.objects.filter(published=True).exists()


@pytest.mark.usefixtures("dead_redis")
def test_without_redis_the_schedule_is_read_in_full(source):
    import_task()
    import_task()
    assert Room.objects.count() == 1
    assert "If-None-Match" not in source.asked[1]


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"ETag": '"b"'}, b"<html>maintenance</html>"),
        (200, {"ETag": '"b"'}, b'{"schedule": {"conference": {"days": []}}}'),
        (500, {}, b""),
        (404, {}, b""),
        (302, {"Location": "file:///etc/passwd"}, b""),
        (302, {"Location": "/schedule.json"}, b""),
        (200, {"Content-Encoding": "gzip"}, b"not gzip"),
        (200, {}, b"{" + b" " * MAX_BYTES),
        (200, {"Content-Length": "1000"}, b"{"),
    ],
)
def test_broken_or_unreachable_schedule_changes_nothing_and_is_reported(
    source, caplog, status, headers, body
):
    import_task()
    before = list(Room.objects.values())
    source.status, source.headers, source.body = status, headers, body
    import_task()
    assert list(Room.objects.values()) == before
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "schedule not imported"
    ]


def test_broken_version_is_not_remembered_as_read(source):
    good, source.body = source.body, b"{}"
    import_task()
    source.body = good
    import_task()
    assert Room.objects.count() == 1


def test_server_that_is_not_there_is_reported(env, caplog):
    env(schedule_url="http://127.0.0.1:1/schedule.json")
    import_task()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "schedule not imported"
    ]


@pytest.mark.parametrize("name", ["pretalx.json", "frab.xml"])
def test_command_reads_a_file_and_says_what_changed(name, capsys):
    call_command("import_schedule", str(DATA / name))
    assert "Talks: 3 new" in capsys.readouterr().out
    assert Room.objects.count() == 3


@pytest.mark.parametrize("path", ["/nowhere.json", "/", "/dev/null", "ftp://example.org/schedule.json"])
def test_command_refuses_what_it_cannot_read(path):
    with pytest.raises(CommandError):
        call_command("import_schedule", path)


def test_command_reports_a_broken_file(tmp_path):
    (tmp_path / "broken.json").write_text("{}")
    with pytest.raises(CommandError, match=r"no schedule\.conference"):
        call_command("import_schedule", str(tmp_path / "broken.json"))


def test_most_talks_vanish_only_when_a_person_says_so(source, admin_client, caplog):
    source.body = schedule(*[event(code=code) for code in ("A1", "B1", "C1", "D1")])
    import_task()
    source.body, source.headers = schedule(event(code="A1")), {"ETag": '"2"'}
    import_task()
    assert "schedule waits for a person" in caplog.messages
    assert Room.objects.filter(published=True).count() == 4
    with pytest.raises(CommandError, match="--confirm"):
        call_command("import_schedule")
    answer = admin_client.post(reverse("admin:rooms_room_import_schedule"), follow=True)
    assert "confirm" in str(next(iter(answer.context["messages"])))
    assert Room.objects.filter(published=True).count() == 4
    admin_client.post(reverse("admin:rooms_room_import_schedule"), {"confirmed": "on"})
    assert Room.objects.filter(published=True).count() == 1
    source.body, source.headers = schedule(event(code="NEW")), {"ETag": '"3"'}
    call_command("import_schedule", "--confirm")
    assert [room.code for room in Room.objects.filter(published=True)] == ["NEW"]


def test_admin_s_button_imports_and_reports(source, admin_client):
    url = reverse("admin:rooms_room_import_schedule")
    assert b"Read the schedule now" in admin_client.get(reverse("admin:rooms_room_changelist")).content
    assert b"Talks: 1 new" in admin_client.post(url, follow=True).content
    source.status = 500
    assert b"HTTP status 500" in admin_client.post(url, follow=True).content
    assert admin_client.get(url).status_code == 405


def test_admin_s_button_is_for_those_who_may_change_rooms(source, client, django_user_model):
    client.force_login(django_user_model.objects.create_user("reader", is_staff=True))
    assert client.post(reverse("admin:rooms_room_import_schedule")).status_code == 403
    assert source.asked == []
