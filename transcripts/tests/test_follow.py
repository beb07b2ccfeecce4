"""Following a room: real rows, a real channel layer, hints that are lost, doubled and swapped."""

import asyncio
import random
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar

import pytest
from channels.db import database_sync_to_async
from django.db import connection, connections
from django.db.backends.signals import connection_created
from django.utils import timezone

from asr.rooms.ending import close_room
from asr.rooms.services import restart_session
from asr.sessions import finish_session
from asr.tests.make import TERMS, join, room_session_of
from rooms.access import Identity
from transcripts import editing, live
from transcripts.editing import SentencePlace
from transcripts.events import LanguageAdded, RoomClosed, SentenceChanged, SentenceRemoved
from transcripts.follow import Follower, attach, detach
from transcripts.hub import hub
from transcripts.models import Sentence, Track
from transcripts.selectors import REPLAY_MOST, current_part, room_now
from transcripts.services import (
    NewSentence,
    Translation,
    add_sentences,
    add_translations,
    correct_sentence,
    end_part,
    sentence_changed,
)

pytestmark = pytest.mark.django_db(transaction=True)
WITHIN_S = 30
in_database = database_sync_to_async


@pytest.fixture(autouse=True)
async def _connections_of_threads_are_closed():
    yield
    await in_database(connections.close_all)()


class Notes:
    """A renderer that notes what it is given, and that nothing comes twice or out of order."""

    def __init__(self, newest=20):
        self.newest = newest
        self.rooms, self.events, self.changes, self.begun_with = [], [], [], []
        self.versions, self.texts = {}, {}
        self._came = asyncio.Event()

    def begin(self, room, sentences):
        self.rooms.append(room)
        self.begun_with = list(sentences)
        self.versions, self.texts = dict(room.versions), {}
        for event in sentences:
            assert event.version <= room.versions[event.lang]
            self._note(event)
        self._came.set()

    def on_event(self, event):
        assert self.rooms, "nothing comes before the beginning"
        self.events.append(event)
        if isinstance(event, SentenceChanged | SentenceRemoved):
            assert event.version > self.versions.get(event.lang, 0), "twice, or out of order"
            self.versions[event.lang] = event.version
            self.changes.append(event)
            self._note(event)
        self._came.set()

    def compared(self, room):
        for lang, version in room.versions.items():
            self.versions[lang] = max(version, self.versions.get(lang, 0))
        self._came.set()

    def _note(self, event):
        key = event.lang, event.part, event.index
        if isinstance(event, SentenceRemoved):
            self.texts.pop(key, None)
        else:
            self.texts[key] = event.text

    async def until(self, holds):
        async with asyncio.timeout(WITHIN_S):
            while not holds():
                self._came.clear()
                await self._came.wait()


@asynccontextmanager
async def following(room_id, *renderers):
    """Each renderer on a follower of its own, as in processes of their own."""
    followers = [Follower(room_id) for _ in renderers]
    try:
        for follower, renderer in zip(followers, renderers, strict=True):
            await follower.add(renderer)
        yield followers
    finally:
        for follower, renderer in zip(followers, renderers, strict=True):
            await follower.remove(renderer)


@in_database
def opened(code="A"):
    return room_session_of(join(code, terms=TERMS)).part


@in_database
def say(part, *texts):
    return add_sentences(part=part, sentences=[NewSentence(0, 900, text) for text in texts])


@in_database
def translate(part, lang, *rows):
    add_translations(
        part=part,
        lang=lang,
        translations=[Translation(row.index, f"{lang} {row.text}", row.version) for row in rows],
    )


@in_database
def stored(part):
    return {
        (row.track.lang, part.number, row.index): row.text
        for row in Sentence.objects.filter(part=part).select_related("track")
    }


async def test_who_comes_late_begins_with_the_newest_and_then_has_every_change_once():
    part, early, late = await opened(), Notes(), Notes(newest=2)
    first = await attach(part.room_id, early)
    one, *_ = await say(part, "One.", "Two.", "Three.")
    await early.until(lambda: early.versions["en"] == 3)
    assert await attach(part.room_id, late) is first
    assert [event.text for event in late.begun_with] == ["Two.", "Three."]
    await in_database(correct_sentence)(sentence=one, text="1.")
    for notes in (early, late):
        await notes.until(lambda notes=notes: notes.texts.get(("en", 1, 0)) == "1.")
    assert [event.version for event in early.changes] == [1, 2, 3, 4]
    assert [event.version for event in late.changes] == [4]
    await detach(first, early)
    await say(part, "Four.")
    await late.until(lambda: late.versions["en"] == 5)
    await detach(first, late)
    assert len(early.changes) == 4


counted = ContextVar("counted", default=None)


@contextmanager
def queries():
    """What this task asks of PostgreSQL, from whichever thread: each takes its connection anew.

    The follower's own task compares too, every few seconds: it began in another context, and is not counted.
    """
    asked, watched = [], []
    here = counted.set(asked)

    def note(execute, sql, *rest):
        if counted.get() is asked:
            asked.append(sql)
        return execute(sql, *rest)

    def watch(connection, **_):
        if note not in connection.execute_wrappers:  # a thread that connects again has the same ones
            connection.execute_wrappers.append(note)
            watched.append(connection.execute_wrappers)

    connection_created.connect(watch)
    try:
        yield asked
    finally:
        counted.reset(here)
        connection_created.disconnect(watch)
        for wrappers in watched:
            wrappers.remove(note)


async def test_comparison_costs_one_query_and_two_where_something_changed():
    part, notes = await opened(), Notes()
    rows = await say(part, "One.", "Two.")
    await translate(part, "de", *rows)
    counts = []
    async with following(part.room_id, notes) as (follower,):
        await follower.compare()
        for change in (None, "Three.", None):
            if change is not None:
                await in_database(say_unpublished)(part, change)
            with queries() as asked:
                await follower.compare()
            counts.append(len(asked))
    assert notes.texts["en", 1, 2] == "Three."
    assert counts == [1, 2, 1]


async def test_two_followers_have_the_same_in_the_end_whatever_becomes_of_the_hints():
    part, one, two = await opened(), Notes(), Notes()
    chance = random.Random(1)
    async with following(part.room_id, one, two):
        for number in range(30):
            rows = await in_database(say_unpublished)(part, f"{number}.")
            if chance.random() < 0.4 and number:
                rows += await in_database(correct_unpublished)(
                    part, chance.randrange(number), f"corrected {number}"
                )
            hints = [row for row in rows for _ in range(chance.choice((0, 1, 2)))]
            chance.shuffle(hints)
            for row in hints:
                event = sentence_changed(row, part=part, lang="en")
                live.publish_track(part.room_id, "en", [event])
        last = (await in_database(room_now)(part.room_id)).versions["en"]
        for notes in (one, two):
            await notes.until(lambda notes=notes: notes.versions["en"] == last)
            assert notes.texts == await stored(part)


async def test_corrections_while_others_come_and_go_on_reach_everybody_once():
    part = await opened()
    rows = await say(part, *(f"{number}." for number in range(10)))
    stays, followers = Notes(), []
    done = asyncio.Event()

    async def correct():
        for number in range(40):
            row = rows[number % 10]
            await asyncio.to_thread(
                in_thread, correct_sentence, sentence=row, text=f"{row.index} at {number}"
            )
            await asyncio.to_thread(
                in_thread, add_sentences, part=part, sentences=[NewSentence(0, 9, f"new {number}")]
            )
        done.set()

    async def come():
        while not done.is_set():
            notes = Notes(newest=60)
            async with following(part.room_id, notes) as (follower,):
                await follower.compare()
                followers.append(notes)

    async with following(part.room_id, stays):
        await asyncio.gather(correct(), come(), come())
        last = (await in_database(room_now)(part.room_id)).versions["en"]
        await stays.until(lambda: stays.versions["en"] == last)
        final = await stored(part)
        assert stays.texts.items() <= final.items()
        assert len(stays.texts) == 50
    assert len(followers) > 2  # and what each of them asserts held


async def test_what_a_host_corrects_and_removes_reaches_who_follows_with_all_pieces_in_order():
    part = await opened()
    pieces = [NewSentence(0, 900, "A long", ends=False), NewSentence(900, 1800, "one.")]
    first, last = await in_database(add_sentences)(part=part, sentences=pieces)
    admin = Identity("admin", None)
    async with following(part.room_id, notes := Notes()):
        place = SentencePlace(part.room_id, part.number, last.index)
        row = await in_database(editing.correct)(place, text="1.", seen_version=last.version, identity=admin)
        await notes.until(lambda: len(notes.changes) == 2)
        assert [(event.index, event.version, event.text) for event in notes.changes] == [
            (first.index, 3, "A long"),
            (last.index, 4, "1."),
        ]
        await in_database(editing.remove)(place, seen_version=row.version, identity=admin)
        await notes.until(lambda: not notes.texts)


async def test_replay_after_a_version_has_what_was_missed_and_what_follows_has_no_gap_and_no_repeat():
    part, notes = await opened(), Notes()
    rows = await say(part, "One.", "Two.", "Three.")
    await translate(part, "de", *rows)
    async with following(part.room_id, notes) as (follower,):
        await in_database(correct_sentence)(sentence=rows[0], text="1.")
        await notes.until(lambda: notes.versions["en"] == 4)
        replay = await follower.resume({"en": 2, "de": 1})
        assert [(event.lang, event.version, event.text) for event in replay.events] == [
            ("de", 2, "de Two."), ("de", 3, "de Three."), ("en", 3, "Three."), ("en", 4, "1."),
        ]  # fmt: skip
        assert replay.versions == {"en": 4, "de": 3}
        await say(part, "Four.")
        await notes.until(lambda: notes.changes[-1].version == 5)


async def test_replay_behind_a_version_that_another_process_told_first_waits_for_it():
    part, notes = await opened(), Notes()
    async with following(part.room_id, notes) as (follower,):
        await in_database(say_unpublished)(part, "One.")
        replay = await follower.resume({"en": 1})
        assert (replay.events, replay.versions, notes.texts["en", 1, 0]) == ([], {"en": 1}, "One.")
        replay = await follower.resume({"en": 10**9, "xx": 7})  # no versions of this room
        assert (replay.events, replay.versions) == ([], {"en": 1, "xx": 0})


async def test_replay_of_more_than_one_read_is_whole_in_every_language():
    part, notes = await opened(), Notes(newest=1)
    rows = await say(part, *(f"{number}." for number in range(REPLAY_MOST + 10)))
    await translate(part, "de", *rows[:30])
    await translate(part, "zh-Hans", *rows)
    async with following(part.room_id, notes) as (follower,):
        replay = await follower.resume({"en": 0, "de": 5, "zh-Hans": 0})
    versions = {}
    for event in replay.events:
        versions.setdefault(event.lang, []).append(event.version)
    assert versions["en"] == versions["zh-Hans"] == list(range(1, REPLAY_MOST + 11))
    assert versions["de"] == list(range(6, 31))


async def test_removal_whose_hint_was_lost_reaches_everybody_and_is_in_every_replay():
    part, one, two = await opened(), Notes(), Notes()
    rows = await say(part, "One.", "Secret.", "Three.")
    await translate(part, "de", *rows)
    async with following(part.room_id, one, two) as (follower, _):
        await in_database(remove_untold)(rows[1])
        await in_database(correct_sentence)(
            sentence=rows[0], text="1."
        )  # its hint does not follow the last one
        for notes in (one, two):
            await notes.until(lambda notes=notes: notes.texts.get(("en", 1, 0)) == "1.")
            assert ("en", 1, 1) not in notes.texts
            await notes.until(lambda notes=notes: ("de", 1, 1) not in notes.texts)
        replay = await follower.resume({"en": 1, "de": 2})
        assert replay.whole
        assert [(type(event), event.index) for event in replay.events if event.lang == "en"] == [
            (SentenceChanged, 2), (SentenceRemoved, 1), (SentenceChanged, 0),
        ]  # fmt: skip


async def test_who_was_away_for_longer_than_tombstones_stay_begins_anew():
    part, notes = await opened(), Notes()
    rows = await say(part, "One.", "Secret.", "Three.")
    async with following(part.room_id, notes) as (follower,):
        await in_database(remove_untold)(rows[1])
        await in_database(purge_untold)(part)
        replay = await follower.resume({"en": 3})
        assert not replay.whole
        assert (await follower.resume({"en": 4})).whole
        assert (await follower.resume({"en": 0})).whole  # knew nothing that could have been removed
        await notes.until(lambda: ("en", 1, 1) not in notes.texts)
        assert len(notes.rooms) == 2
        assert notes.texts == await stored(part)


async def test_part_that_is_deleted_is_gone_for_everybody_who_follows_and_for_who_comes_back():
    host_lease, notes, others = await in_database(join)("A", terms=TERMS), Notes(), Notes()
    part = await in_database(current_part)(host_lease.room_id)
    rows = await say(part, "One.", "Two.")
    await translate(part, "de", *rows)
    async with following(part.room_id, notes, others) as (follower, _):
        await in_database(restart_session)(room_id=part.room_id, connection_id=host_lease.connection_id)
        newer = await in_database(current_part)(part.room_id)
        await say(newer, "Three.")
        await notes.until(lambda: ("en", 2, 0) in notes.texts)
        await in_database(delete_part)(part)
        for each in (notes, others):
            await each.until(lambda each=each: set(each.texts) == {("en", 2, 0)})
        assert not (await follower.resume({"en": 2})).whole
        await say(newer, "Four.")
        for each in (notes, others):
            await each.until(lambda each=each: each.texts.get(("en", 2, 1)) == "Four.")


async def test_track_that_is_new_to_the_room_is_followed_from_its_first_sentence():
    part, notes = await opened(), Notes()
    async with following(part.room_id, notes):
        rows = await say(part, "One.")
        await translate(part, "de", *rows)
        await notes.until(lambda: ("de", 1, 0) in notes.texts)
        rows = await say(part, "Two.")
        await translate(part, "de", *rows)
        await notes.until(lambda: ("de", 1, 1) in notes.texts)


async def test_room_hears_of_a_new_language_with_its_first_translation():
    part, heard, came = await opened(), [], asyncio.Event()

    def hear(event):
        if isinstance(event, LanguageAdded):
            heard.append(event.lang)
            came.set()

    await hub().subscribe(live.room_group(part.room_id), hear)
    rows = await say(part, "One.", "Two.")
    for row in rows:
        await translate(part, "de", row)
    await translate(part, "pt", *rows)
    async with asyncio.timeout(WITHIN_S):
        while heard[-1:] != ["pt"]:
            came.clear()
            await came.wait()
    assert heard == ["de", "pt"]
    await hub().unsubscribe(live.room_group(part.room_id), hear)


async def test_connection_to_postgresql_that_breaks_costs_nothing():
    part, notes = await opened(), Notes()
    async with following(part.room_id, notes):
        for number in range(3):
            pid = await in_database(lambda: connection.connection.info.backend_pid)()
            await asyncio.to_thread(in_thread, end_backend, pid=pid)
            await asyncio.to_thread(in_thread, say_unpublished, part=part, text=f"{number}.")
            await notes.until(lambda number=number: notes.texts.get(("en", 1, number)) == f"{number}.")


async def test_renderer_that_gives_up_while_it_begins_leaves_the_room_to_the_next():
    part = await opened()
    for steps in (0, 1, 2, 3, 5, 8, 13, 21):
        hasty = Notes()
        coming = asyncio.create_task(attach(part.room_id, hasty))
        for _ in range(steps):
            await asyncio.sleep(0)
        coming.cancel()
        with suppress(asyncio.CancelledError):
            await detach(await coming, hasty)  # it was quicker
        notes = Notes()
        follower = await attach(part.room_id, notes)
        (row,) = await say(part, f"{steps}.")
        await notes.until(lambda notes=notes, row=row: notes.versions.get("en") == row.version)
        assert notes.texts["en", 1, row.index] == f"{steps}."
        await detach(follower, notes)


async def test_next_broadcast_is_a_new_beginning_behind_the_last_words_of_the_old_one():
    part, notes = await opened(), Notes()

    @in_database
    def end():
        close_room(part.room_id)
        finish_session(part.sessions.get().session)

    async with following(part.room_id, notes):
        await in_database(say_unpublished)(part, "Last words.")
        await end()
        await notes.until(lambda: any(isinstance(event, RoomClosed) for event in notes.events))
        await say(await opened(), "New words.")
        await notes.until(lambda: len(notes.rooms) == 2)
        assert ("en", 1, 0) not in notes.texts
        assert notes.changes[0].text == "Last words."
        await notes.until(lambda: notes.texts.get(("en", 2, 0)) == "New words.")


async def test_renderer_that_fails_does_not_keep_the_others_from_anything():
    part, notes = await opened(), Notes()

    class Failing(Notes):
        def on_event(self, event):
            raise ValueError

    failing = Failing()
    follower = await attach(part.room_id, failing)
    await attach(part.room_id, notes)
    try:
        await say(part, "One.", "Two.")
        await notes.until(lambda: notes.versions.get("en") == 2)
        assert notes.texts["en", 1, 1] == "Two."
    finally:
        await detach(follower, notes)
        await detach(follower, failing)


def say_unpublished(part, text):
    """A sentence whose hint is lost."""
    track = Track.objects.get(room=part.room_id, lang="en")
    track.version += 1
    track.save()
    index = Sentence.objects.filter(part=part, track=track).count()
    row = Sentence.objects.create(
        track=track, part=part, index=index, line=0, position=index, start_ms=0, end_ms=900, text=text,
        version=track.version,
    )  # fmt: skip
    return [row]


def remove_untold(sentence):
    """In every language, and every hint is lost: of an event that goes to nobody, as if Redis had dropped it."""
    for row in Sentence.objects.filter(part=sentence.part_id, index=sentence.index).select_related("track"):
        row.track.version += 1
        row.track.save()
        row.text, row.removed_at, row.version = "", timezone.now(), row.track.version
        row.save()


def purge_untold(part):
    gone = Sentence.with_removed.filter(part=part, removed_at__isnull=False)
    for row in gone.select_related("track"):
        Track.objects.filter(pk=row.track_id).update(removals_known_from=row.version)
    gone.delete()


def delete_part(part):
    finish_session(part.sessions.get().session)
    end_part(part=part)
    part.delete()


def end_backend(pid):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


def correct_unpublished(part, index, text):
    track = Track.objects.get(room=part.room_id, lang="en")
    track.version += 1
    track.save()
    row = Sentence.objects.get(part=part, track=track, index=index)
    row.text, row.version = text, track.version
    row.save()
    return [row]


def in_thread(call, **arguments):
    try:
        return call(**arguments)
    finally:
        with suppress(Exception):
            connection.close()
