"""Sockets ask PostgreSQL in threads of their own: one room's trouble is not everybody's."""

import asyncio
import threading
from pathlib import Path

import pytest
from django.db import connection, transaction

from rooms import known_rooms
from rooms.database_threads import Lane, handshakes, room_writes
from rooms.errors import DomainError, NotFound
from rooms.locks import locked
from rooms.models import Room
from rooms.selectors import room_by_code
from rooms.tests.make import room

BASE_DIR = Path(__file__).resolve().parent.parent.parent
WITHIN_S = 60


def test_sockets_ask_in_these_threads_alone():
    packages = (
        "config",
        "gateways",
        "asr",
        "transcripts",
        "rooms",
        "pages",
    )  # a worker of translation is alone in its process
    code = [path for package in packages for path in (BASE_DIR / package).rglob("*.py")]
    users = {
        path for path in code if "database_sync_to_async" in path.read_text() and "tests" not in path.parts
    }
    assert not users


def lock_room(code):
    with transaction.atomic():
        return locked(Room.objects.filter(code=code)).get().code


class Locked:
    """Another transaction holds a room's row until it is told to end."""

    def __init__(self, code):
        self._code, self._held, self._let_go = code, threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold)

    def __enter__(self):
        self._thread.start()
        assert self._held.wait(WITHIN_S)

    def __exit__(self, *_):
        self._let_go.set()
        self._thread.join()

    def _hold(self):
        with transaction.atomic():
            locked(Room.objects.filter(code=self._code)).get()
            self._held.set()
            self._let_go.wait(WITHIN_S)
        connection.close()


@pytest.mark.django_db(transaction=True)
async def test_a_room_that_is_locked_keeps_no_other_room_and_no_handshake_waiting():
    await asyncio.to_thread(lambda: (room("A"), room("B"), connection.close()))
    with Locked("A"):
        waiting = [asyncio.create_task(room_writes.of("A")(lock_room)("A")) for _ in range(50)]
        async with asyncio.timeout(WITHIN_S):
            assert await room_writes.of("B")(lock_room)("B") == "B"
            assert (await handshakes(room_by_code)("A")).code == "A"
        assert not any(task.done() for task in waiting)
    assert await asyncio.gather(*waiting) == ["A"] * 50


async def test_no_more_wait_than_may():
    lane, go_on = Lane("test", threads=1, most_waiting=2), threading.Event()
    waiting = [asyncio.create_task(lane(go_on.wait)(WITHIN_S)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(DomainError, match="not_ready"):
        await lane(go_on.wait)(WITHIN_S)
    go_on.set()
    assert await asyncio.gather(*waiting) == [True, True]
    assert await lane(go_on.wait)(WITHIN_S)


@pytest.mark.django_db
class TestUnknownRooms:
    def unknown(self, code):
        with pytest.raises(NotFound):
            room_by_code(code)

    def test_thousands_who_ask_for_them_cost_no_query_each(self, django_assert_max_num_queries):
        room("A")
        with django_assert_max_num_queries(2 + 2 * 10):  # a second goes by on a slow machine, too
            for number in range(1000):
                self.unknown(f"X{number}")

    def test_room_that_is_made_is_known_at_once_and_others_never_were_forgotten(self):
        room("A")
        self.unknown("B")
        assert room_by_code("A").code == "A"
        room("B")
        assert room_by_code("B").code == "B"

    def test_room_that_another_process_made_is_known_in_a_moment(self):
        self.unknown("B")
        Room.objects.bulk_create([Room(code="B", title="B", event=room("A").event)])  # tells nobody
        self.unknown("C")
        known_rooms.forget()  # the moment is over
        assert room_by_code("B").code == "B"
