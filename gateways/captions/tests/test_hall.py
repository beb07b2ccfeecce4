"""A hall's socket in this process: real rows, a real channel layer, from talk to talk without a hand."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.db import connection, connections
from django.utils import timezone

from asr.redis_clients import close_async_clients
from asr.rooms.ending import close_room
from asr.sessions import finish_session
from asr.tests.make import TERMS, join, room_session_of
from gateways.captions.hall import halls
from gateways.captions.reader import Reader
from gateways.captions.room import rooms
from gateways.captions.routing import websocket_urlpatterns
from gateways.common import background
from gateways.common.outbox import Outbox
from gateways.common.tests.documented import check_message
from rooms.models import Hall, Room
from rooms.seed import settings_event
from rooms.tests.make import room as make_room
from transcripts import live
from transcripts.events import Draft, Partial
from transcripts.models import Part
from transcripts.selectors import current_part
from transcripts.services import NewSentence, Translation, add_sentences, add_translations
from translation.models import Demand, Job

pytestmark = pytest.mark.django_db(transaction=True)
WITHIN_S = 60
in_database = database_sync_to_async


@pytest.fixture(autouse=True)
async def _nothing_is_left():
    yield
    assert (halls.keys(), rooms.keys()) == ([], [])
    await close_async_clients()
    await in_database(connections.close_all)()


class Screen:
    """One reader's socket; reads until it is told what a test waits for."""

    def __init__(self, socket: WebsocketCommunicator) -> None:
        self.socket = socket
        self.messages: list[dict] = []

    async def until(self, **wanted):
        """The next message that says this."""
        async with asyncio.timeout(WITHIN_S):
            while True:
                output = await self.socket.receive_output(WITHIN_S)
                assert output["type"] == "websocket.send", output
                message = json.loads(output["text"])
                check_message("captions", "hall", message)
                self.messages.append(message)
                if wanted.items() <= message.items():
                    return message

    async def ask(self, **message):
        await self.socket.send_json_to(message)


@asynccontextmanager
async def reading(path):
    socket = WebsocketCommunicator(URLRouter(websocket_urlpatterns), f"/captions/{path}")
    connected, _ = await socket.connect(WITHIN_S)
    assert connected
    try:
        yield Screen(socket)
    finally:
        await socket.disconnect(timeout=WITHIN_S)
        async with asyncio.timeout(WITHIN_S):
            while running := background.running():
                await asyncio.wait(running)


@in_database
def main_hall():
    return Hall.objects.create(event=settings_event(), name="Main hall", slug="main")


@in_database
def talk(code, hall, *, begins_in_min=-5, **more):
    begins = timezone.now() + timedelta(minutes=begins_in_min)
    return make_room(code, hall=hall, starts_at=begins, ends_at=begins + timedelta(minutes=40), **more)


@in_database
def opened(room):
    return join(room, terms=TERMS)


@in_database
def say(room, *texts):
    return add_sentences(part=current_part(room.pk), sentences=[NewSentence(0, 900, text) for text in texts])


@in_database
def end(host_lease):
    close_room(host_lease.room_id)
    finish_session(room_session_of(host_lease).session)
    Room.objects.filter(pk=host_lease.room_id).update(ends_at=timezone.now())


@in_database
def change(room, **fields):
    Room.objects.filter(pk=room.pk).update(**fields)


@in_database
def delete(row):
    row.delete()


async def translation_begun(room):
    """Until what is read here has its row: one that is written beside a deletion of its room may end that."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            if await in_database(Job.objects.filter(room_id=room.pk, lang="de").exists)():
                return
            await asyncio.sleep(0.02)


@in_database
def demanded():
    return set(Demand.objects.values_list("room__code", "lang"))


async def test_screen_follows_its_hall_from_talk_to_talk_without_a_hand():
    hall = await main_hall()
    first, second = await talk("A", hall), await talk("B", hall, begins_in_min=10)
    async with reading("hall/main?lang=de") as screen:
        hello = await screen.until(type="hello", room="A")
        assert (hello["title"], hello["state"], hello["resumed"]) == ("Title of A", "closed", False)
        assert hello["next"]["room"] == "B"
        host_lease = await opened(first)
        await screen.until(type="state", state="waiting")
        await say(first, "The first talk.")
        await screen.until(type="sentence", text="The first talk.")
        await end(host_lease)
        await screen.until(type="hello", room="")
        await change(second, starts_at=timezone.now())
        await screen.until(type="hello", room="B")
        await opened(second)
        await say(second, "The second talk.")
        await screen.until(type="sentence", text="The second talk.")
        async with asyncio.timeout(WITHIN_S):
            while await demanded() != {("B", "de")}:
                await screen.until(type="state")
    shown = [message["text"] for message in screen.messages if message["type"] == "sentence"]
    assert shown == ["The first talk.", "The second talk."]
    assert await demanded() == set()


async def test_screen_outlives_a_schedule_that_changes_rooms_that_go_and_a_hall_that_is_empty():
    hall = await main_hall()
    first = await talk("A", hall)
    async with reading("hall/main?lang=de") as screen:
        await screen.until(type="hello", room="A")
        await translation_begun(first)
        await delete(first)
        hello = await screen.until(type="hello", room="")
        assert "next" not in hello
        late = await talk("B", hall, begins_in_min=90)
        told = await screen.until(type="state", state="closed")
        assert (told["next"]["room"], told["next"]["title"]) == ("B", "Title of B")
        await change(late, starts_at=timezone.now() - timedelta(minutes=1))
        await screen.until(type="hello", room="B")
        await translation_begun(late)
        await change(late, do_not_record=True)
        await screen.until(type="hello", room="")
        await delete(hall)
        await in_database(Room.objects.all().delete)()
        again = await main_hall()
        await talk("C", again)
        await screen.until(type="hello", room="C")


async def test_screen_outlives_connections_to_postgresql_that_break_in_the_middle_of_a_change():
    hall = await main_hall()
    await talk("A", hall)
    async with reading("hall/main?lang=de") as screen:
        await screen.until(type="hello", room="A")
        for number, code in enumerate(("B", "C", "D")):
            pid = await in_database(lambda: connection.connection.info.backend_pid)()
            await asyncio.to_thread(elsewhere, end_backend_and_begin, pid, code, hall, number)
            await screen.until(type="hello", room=code)


def end_backend_and_begin(pid, code, hall, number):
    begins = timezone.now() - timedelta(minutes=4 - number)
    make_room(code, hall=hall, starts_at=begins, ends_at=begins + timedelta(minutes=40))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


def elsewhere(call, *arguments):
    try:
        call(*arguments)
    finally:
        connection.close()


async def test_screen_that_comes_back_resumes_in_the_room_that_it_knew_and_begins_anew_in_any_other():
    hall = await main_hall()
    first = await talk("A", hall)
    await opened(first)
    await say(first, "One.", "Two.")
    async with reading("hall/main?lang=de&room=A&after=en:1") as screen:
        assert (await screen.until(type="hello"))["resumed"]
        assert (await screen.until(type="sentence"))["text"] == "Two."
        await screen.until(type="versions")
        other = await talk("B", hall, begins_in_min=-1)
        await opened(other)
        assert not (await screen.until(type="hello", room="B"))["resumed"]
        await in_database(Room.objects.filter(pk=other.pk).update)(hall=None)
        assert not (await screen.until(type="hello", room="A"))["resumed"]
        assert (await screen.until(type="sentence"))["text"] == "One."
    async with reading("hall/main?lang=de&room=Z&after=en:1") as screen:
        assert not (await screen.until(type="hello"))["resumed"]


async def test_hall_that_is_not_there_is_refused():
    socket = WebsocketCommunicator(URLRouter(websocket_urlpatterns), "/captions/hall/nowhere?lang=de")
    await socket.connect(WITHIN_S)
    closed = await socket.receive_output(WITHIN_S)
    assert (closed["type"], closed["code"], closed["reason"]) == ("websocket.close", 1008, "hall_not_found")
    await socket.disconnect(timeout=WITHIN_S)


async def test_room_that_is_not_open_yet_says_when_it_begins():
    hall = await main_hall()
    await talk("A", hall)
    await talk("B", hall, begins_in_min=30)
    async with reading("B?lang=de") as screen:
        hello = await screen.until(type="hello")
        assert (hello["state"], hello["next"]["room"]) == ("closed", "B")
    async with reading("A?lang=de") as screen:
        assert (await screen.until(type="hello"))["next"]["room"] == "B"


async def test_older_sentences_come_by_what_was_spoken_so_that_no_page_leaves_any_out():
    hall = await main_hall()
    room = await talk("A", hall)
    await opened(room)
    rows = await say(room, *(f"{number}." for number in range(12)))
    part = await in_database(current_part)(room.pk)
    few = [Translation(row.index, f"de {row.text}", row.version) for row in rows[::4]]
    await in_database(add_translations)(part=part, lang="de", translations=few)
    async with reading("A?lang=de") as screen:
        await screen.until(type="versions")
        seen = {}
        before = 12
        while before:
            screen.messages.clear()
            await screen.ask(type="history", before={"part": 1, "index": before}, count=5)
            count = (await screen.until(type="history"))["count"]
            found = [message for message in screen.messages if message["type"] == "sentence"]
            spoken = [message["index"] for message in found if message["lang"] == "en"]
            assert spoken == list(range(max(0, before - 5), before))
            assert count == len(spoken)
            seen |= {(message["lang"], message["index"]): message["text"] for message in found}
            before = spoken[0]
        assert len(seen) == 12 + 3
        await screen.ask(type="history", before={"part": 1, "index": 0}, count=5)
        assert (await screen.until(type="history"))["count"] == 0


async def test_what_was_spoken_in_another_language_before_is_there_for_who_comes_late():
    hall = await main_hall()
    room = await talk("A", hall)
    await opened(room)
    await say(room, "In English.")
    await in_database(Part.objects.update)(source_lang="en")
    host_part = await in_database(current_part)(room.pk)
    newer = await in_database(Part.objects.create)(
        room_id=room.pk, number=2, broadcast=host_part.broadcast, source_lang="fr", store=True, public=True
    )
    await in_database(speak_french)(room, newer)
    async with reading("A?lang=de") as screen:
        await screen.until(type="versions")
        texts = [message["text"] for message in screen.messages if message["type"] == "sentence"]
        assert texts == ["In English.", "En français."]


def speak_french(room, part):
    from transcripts.models import RoomState, Track

    Track.objects.create(room=room, lang="fr")
    RoomState.objects.filter(room=room).update(source_lang="fr", part=2)
    add_sentences(part=part, sentences=[NewSentence(0, 900, "En français.")])


async def test_words_that_a_killed_process_confirmed_stay_until_their_sentence_comes():
    room = await talk("A", await main_hall())
    await opened(room)
    async with reading("A?lang=de") as screen:
        await screen.until(type="versions")
        live.publish_room(room.pk, Partial("en", 1, 0, "One two three", 0, confirmed_chars=7))
        live.publish_room(room.pk, Partial("en", 1, 0, "One", 0))
        live.publish_room(room.pk, Partial("en", 1, 0, "One two four", 0))
        await screen.until(type="partial", confirmed="One two", tentative=" four")
        assert {m["confirmed"] for m in screen.messages if m["type"] == "partial"} == {"One two"}
        await say(room, "Won too four.")
        live.publish_room(room.pk, Partial("en", 1, 900, "Next", 1))
        await screen.until(type="partial", index=1, tentative="Next")


class Watcher:
    """A reader that keeps the very texts that it was given."""

    def __init__(self, lang):
        self.texts, self.came = [], asyncio.Event()
        outbox = Outbox(self._send, write=self._write)
        self.reader = Reader(lang, outbox, self._send_now, lambda text, reached: text)

    async def until(self, words):
        async with asyncio.timeout(WITHIN_S):
            while not any(words in text for text in self.texts):
                self.came.clear()
                await self.came.wait()

    def _write(self, text):
        self.texts.append(text)
        self.came.set()
        return True

    async def _send_now(self, text):
        self._write(text)

    async def _send(self, message):
        raise AssertionError("nothing waits")


async def test_every_event_is_encoded_once_for_all_who_read_its_track():
    room = await talk("A", await main_hall())
    await opened(room)
    germans, portuguese = [Watcher("de") for _ in range(5)], [Watcher("pt") for _ in range(3)]
    everybody = [*germans, *portuguese]
    for each in everybody:
        captions = await rooms.join((room.pk, "A"), each.reader)
        await captions.replay(each.reader, {})
    rows = await say(room, "One.", "Two.")
    live.publish_room(room.pk, Partial("en", 1, 0, "Three", 2))
    live.publish_draft(room.pk, Draft("de", 1, 2, 0, 5, "Drei"))
    part = await in_database(current_part)(room.pk)
    translation = Translation(0, "Eins.", rows[0].version)
    await in_database(add_translations)(part=part, lang="de", translations=[translation])
    for words, readers in (
        ("One.", everybody), ("Two.", everybody), ("Three", everybody), ("Drei", germans), ("Eins.", germans),
    ):  # fmt: skip
        for each in readers:
            await each.until(f'"{words}"')
        given = [text for each in everybody for text in each.texts if f'"{words}"' in text]
        assert len(given) == len(readers)
        assert len({id(text) for text in given}) == 1
    for each in everybody:
        await rooms.leave(captions, each.reader)


async def test_drafts_reach_the_readers_of_their_language_the_newest_counts_and_a_sentence_ends_them():
    hall = await main_hall()
    room = await talk("A", hall)
    await opened(room)
    async with reading("A?lang=de") as german, reading("A?lang=pt") as portuguese:
        for screen in (german, portuguese):
            await screen.until(type="versions")
        live.publish_draft(room.pk, Draft("de", 1, 0, 0, 5, "Eins zwei", confirmed_chars=4))
        told = await german.until(type="draft")
        assert (told["confirmed"], told["tentative"], told["of_chars"]) == ("Eins", " zwei", 5)
        async with reading("A?lang=de") as late:
            await late.until(type="draft", confirmed="Eins")
        rows = await say(room, "One two.")
        part = await in_database(current_part)(room.pk)
        await in_database(add_translations)(
            part=part, lang="de", translations=[Translation(0, "Eins zwei.", rows[0].version)]
        )
        await german.until(type="sentence", lang="de")
        live.publish_draft(room.pk, Draft("de", 1, 0, 0, 5, "too late", confirmed_chars=4))
        live.publish_draft(room.pk, Draft("de", 1, 1, 900, 5, "Drei", confirmed_chars=4))
        await german.until(type="draft", confirmed="Drei")
        assert not [message for message in german.messages if "too late" in str(message)]
        await say(room, "Three.")
        await portuguese.until(type="sentence", text="Three.")
        assert not [message for message in portuguese.messages if message["type"] == "draft"]
