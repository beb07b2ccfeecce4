"""The lane of drafts with a real PostgreSQL and Redis: for whom drafts are made, when they are given up, and that one worker makes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from channels.db import database_sync_to_async
from django.utils import timezone

from transcripts import live
from transcripts.events import Draft, Event, Partial
from transcripts.hub import hub
from transcripts.models import Part, Sentence
from transcripts.services import end_part
from translation import chain, selectors
from translation import demand as demands
from translation.dispatcher import Dispatcher
from translation.drafts import DraftLane, may_draft
from translation.models import Demand, EngineState
from translation.room_settings import Chosen, choose
from translation.tests.make import say, spoken_part

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("scripted", "async_connections"),
]
WITHIN_S = 60
AGAIN_S = 0.2  # a recogniser says several times a second what it hears
WORDS = [f"word{number}" for number in range(40)]
in_database = database_sync_to_async


class Talk:
    """Somebody speaks; what is drafted of it is heard as a web process hears it."""

    def __init__(self, part: Part) -> None:
        self.part, self.drafts = part, list[Draft]()
        self._came = asyncio.Event()
        self.index, self.start_ms = 0, 900

    def hear(self, event: Event) -> None:
        if isinstance(event, Draft):
            self.drafts.append(event)
            self._came.set()

    def say(self, count: int) -> None:
        """So many words are confirmed, and one is not."""
        confirmed = " ".join(WORDS[:count])
        live.publish_room(
            self.part.room_id,
            Partial(
                self.part.source_lang, self.part.number, self.start_ms, f"{confirmed} perhaps", self.index,
                broadcast=self.part.broadcast, confirmed_chars=len(confirmed),
            ),
        )  # fmt: skip

    async def say_until_drafted(self, count: int, langs: set[str]) -> None:
        """Until there is a draft of the words so far in each of these languages. They are said one by one, as words are."""
        async with asyncio.timeout(WITHIN_S):
            while not langs <= {each.lang for each in self.drafts if each.text and each.index == self.index}:
                self._came.clear()
                for number in range(1, count + 1):
                    self.say(number)
                    await self.pause()

    async def pause(self) -> None:
        """Until something comes, or it is time to say it again."""
        try:
            async with asyncio.timeout(AGAIN_S):
                await self._came.wait()
        except TimeoutError:
            return
        self._came.clear()  # who waited for it would not wait for the next one


@asynccontextmanager
async def talking(part: Part) -> AsyncIterator[Talk]:
    talk = Talk(part)
    await hub().subscribe(live.room_group(part.room_id), talk.hear)
    try:
        yield talk
    finally:
        await hub().unsubscribe(live.room_group(part.room_id), talk.hear)


@asynccontextmanager
async def lane(dispatcher: Dispatcher, worker: str = "one") -> AsyncIterator[DraftLane]:
    running = DraftLane(worker, spare=dispatcher.spare, spared=dispatcher.spared)
    running.start()
    try:
        yield running
    finally:
        running.stop()
        await asyncio.to_thread(running.join)


@in_database
def read(part: Part, lang: str, *, drafts: int = 1) -> None:
    key = part.room_id, lang
    demands.lease(f"reads {lang}", {key: 1}, {key: drafts})


@in_database
def dispatching() -> Dispatcher:
    return Dispatcher("one")


async def test_drafts_are_made_for_whom_they_are_shown_and_stored_nowhere():
    part = await in_database(spoken_part)()
    await read(part, "de")
    await read(part, "fr")
    await read(part, "pt", drafts=0)  # on a wire that shows none
    await read(part, "en")  # as it is spoken
    async with talking(part) as talk, lane(await dispatching()):
        await talk.say_until_drafted(12, {"de", "fr"})
        german = [each for each in talk.drafts if each.lang == "de"]
        assert german[0].text.split()[:2] == ["[de]", WORDS[0]]
        assert "perhaps" not in german[-1].text
        assert (german[0].part, german[0].index, german[0].start_ms) == (1, 0, 900)
        assert german[0].confirmed_chars == 0, "any of it may be said otherwise"
        spoken = " ".join(WORDS)
        assert spoken[german[0].of_chars] == " ", "whole words were translated"
        talk.index = 1
        await talk.say_until_drafted(12, {"de", "fr"})
        assert {each.lang for each in talk.drafts} == {"de", "fr"}
    assert not await in_database(Sentence.objects.exists)()


async def test_drafts_are_given_up_while_finished_sentences_need_the_engine_or_its_circuit_is_open():
    part = await in_database(spoken_part)()
    await read(part, "de")
    dispatcher = await dispatching()
    async with talking(part) as talk, lane(dispatcher):
        await talk.say_until_drafted(12, {"de"})
        taken = []
        for _ in range(2):  # what was under way gives its slot back
            while (slot := dispatcher.spare("scripted")) is not None:
                taken.append(slot)
            await talk.pause()
        assert dispatcher._slots.free()["scripted"] == 1, "one is left for what is finished"
        talk.index = 1
        for number in range(1, 20):
            talk.say(number)
            await talk.pause()
        assert not [each for each in talk.drafts if each.index == 1]
        for slot in taken:
            dispatcher.spared(slot)
        await talk.say_until_drafted(12, {"de"})
        await in_database(EngineState.objects.create)(name="scripted", opened_at=timezone.now(), failures=3)
        known = len(talk.drafts)
        async with asyncio.timeout(WITHIN_S):
            while True:  # what was under way may come; then a whole sentence without one
                talk.index += 1
                for number in range(1, 20):
                    talk.say(number)
                    await talk.pause()
                if len(talk.drafts) == known:
                    break
                known = len(talk.drafts)
        await in_database(EngineState.objects.update)(opened_at=None, failures=0)
        talk.index += 1
        await talk.say_until_drafted(12, {"de"})


async def test_a_sentence_that_is_stored_in_pieces_is_drafted_from_its_first_one_on():
    part = await in_database(spoken_part)()
    await in_database(say)(part, "Before.", "A long one that", "is said", goes_on=(1, 2))
    await read(part, "de")
    async with talking(part) as talk, lane(await dispatching()):
        talk.index = 3
        async with asyncio.timeout(WITHIN_S):
            while not any(each.text.startswith("[de] A long one that is said word0") for each in talk.drafts):
                for number in range(1, 12):
                    talk.say(number)
                    await talk.pause()
        assert {(each.index, each.start_ms) for each in talk.drafts} == {(1, 2000)}
        whole = "A long one that is said " + " ".join(WORDS)
        assert whole[talk.drafts[-1].of_chars] == " "


async def test_behind_a_sentence_without_an_end_the_next_one_is_drafted_as_it_will_be_translated():
    part = await in_database(spoken_part)()
    await in_database(say)(part, "Before.", "You must", "not", goes_on=(1,))
    await read(part, "de")
    async with talking(part) as talk, lane(await dispatching()):
        talk.index, talk.start_ms = 3, 6_500
        await talk.say_until_drafted(12, {"de"})
        assert talk.drafts[-1].text.startswith("word0 word1"), "its own part of both"
        assert talk.drafts[-1].of_chars <= len(" ".join(WORDS[:12])), "of its own words"
        await in_database(say)(part, "It ended.", "So")
        talk.index, talk.start_ms = 5, 20_000
        await talk.say_until_drafted(12, {"de"})
        assert talk.drafts[-1].text.startswith("[de] word0"), "a long pause lies between"
        await in_database(say)(part, "That is all.")
        talk.index, talk.start_ms = 6, 12_500
        await talk.say_until_drafted(12, {"de"})
        assert talk.drafts[-1].text.startswith("[de] word0"), "the one before had ended"


async def test_a_room_with_a_quota_keeps_it_for_what_is_finished():
    part, other = [await in_database(spoken_part)(code) for code in ("ONE", "TWO")]
    for each in (part, other):
        await read(each, "de")
    await in_database(choose)(part.room, Chosen(chars_per_day=10_000))
    async with talking(part) as talk, talking(other) as free, lane(await dispatching()):
        await free.say_until_drafted(12, {"de"})
        for number in range(1, 12):
            talk.say(number)
        free.index = 1
        await free.say_until_drafted(12, {"de"})
        assert talk.drafts == []


async def test_one_worker_drafts_a_room_and_the_next_one_goes_on_where_it_is_gone():
    part = await in_database(spoken_part)()
    await read(part, "de")
    dispatcher = await dispatching()
    async with talking(part) as talk, AsyncExitStack() as later:
        async with lane(dispatcher, "one"):
            await talk.say_until_drafted(12, {"de"})
            await later.enter_async_context(lane(dispatcher, "two"))
            talk.index = 1
            await talk.say_until_drafted(20, {"de"})
            told = [(each.index, each.of_chars) for each in talk.drafts]
            assert len(told) == len(set(told)), "each once"
        talk.index = 2
        await talk.say_until_drafted(12, {"de"})


def test_rooms_without_readers_of_drafts_and_closed_ones_are_not_listened_to():
    part, other, closed = (spoken_part(code) for code in ("ONE", "TWO", "THREE"))
    for each in (part, closed):
        demands.lease("web", {(each.room_id, "de"): 2}, {(each.room_id, "de"): 1})
    demands.lease("web", {(part.room_id, "en"): 2}, {(part.room_id, "en"): 1})
    demands.lease("web", {(other.room_id, "de"): 2})
    end_part(part=closed)
    assert selectors.drafts_wanted() == {part.room_id: selectors.DraftsWanted("en", frozenset({"de"}))}
    demands.lease("web", {(part.room_id, "de"): 1})
    assert selectors.drafts_wanted() == {}
    assert Demand.objects.get(room=part.room_id, lang="de").readers == 1


async def test_the_last_reader_who_is_shown_drafts_ends_them_though_others_read_on():
    part = await in_database(spoken_part)()
    readers = demands.Readers()
    await readers.hold(part.room_id, "de")
    await readers.hold(part.room_id, "de", drafts=True)
    row = await in_database(Demand.objects.get)()
    assert (row.readers, row.drafts) == (2, 1)
    await readers.release(part.room_id, "de", drafts=True)
    await readers._write(dict(readers._counts))
    row = await in_database(Demand.objects.get)()
    assert (row.readers, row.drafts) == (1, 0)
    await readers.release(part.room_id, "de")


@pytest.mark.parametrize(
    ("named", "drafts"),
    [
        ([], {"bergamot", "scripted"}),
        (["none"], set()),
        (["chat", "scripted"], {"chat", "pivot", "scripted"}),
    ],
)
def test_engines_that_cost_make_drafts_only_where_they_are_named(env, named, drafts):
    env(
        translation_engines=["chat", "scripted", "bergamot", "pivot"], chat_url="http://127.0.0.1:1/v1", chat_model="m",
        translation_draft_engines=[*named, *(["pivot"] if "chat" in named else [])],
    )  # fmt: skip
    assert {engine.name for engine in chain.engines() if may_draft(engine)} == drafts
