"""A room's own engines, quota and glossary, and the languages that it can be read in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async as in_database
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms.errors import BadInput
from rooms.models import Room
from transcripts.events import Delays
from transcripts.hub import hub
from transcripts.live import room_group
from transcripts.services import end_part
from translation import chain, circuit, due, quota, services
from translation.circuit import EngineChoice, Unavailable
from translation.claims import NO_ENGINE
from translation.engines.base import REFUSED, EngineError, Pair
from translation.engines.pivot import Pivot
from translation.models import EngineState, Job, RoomTranslation, TranslatedChars
from translation.offers import langs_in, langs_in_rooms, langs_made
from translation.overview import translations_now
from translation.room_settings import Chosen, check, choose, room_settings
from translation.tests.make import demand, read, say, spoken_part
from translation.work import work_next

pytestmark = pytest.mark.django_db
KERNEL = "kernel = de: Kern, pt: núcleo"


@pytest.fixture
def two(env) -> None:
    """Bergamot (English and Portuguese), then a scripted one for a dozen languages."""
    env(
        translation_engines=["bergamot", "scripted"],
        source_langs=["en", "de", "zh"],
        translation_cycle_s=0.001,
    )


def work_all(part) -> None:
    due.find()
    for _ in range(30):
        work_next("test")


def reads(part, lang: str) -> list[str]:
    return list(read(part, lang).values())


class OnePair:
    """A remote engine that knows one pair."""

    remote = True

    def __init__(self, name: str, pair: Pair) -> None:
        self.name, self._pair = name, pair
        self.asked = 0

    def languages(self) -> frozenset[Pair]:
        self.asked += 1
        return frozenset({self._pair})

    def translate(self, texts: Sequence[str], source: str, target: str) -> list[str]:
        if (source, target) != self._pair:
            raise EngineError(REFUSED)
        return [f"{self.name}({text})" for text in texts]


def test_room_is_translated_by_its_own_engines_and_no_other(two):
    part, other = spoken_part("OWN"), spoken_part("OTHER")
    choose(part.room, Chosen(engines=("scripted",)))
    for each in (part, other):
        say(each, "Good morning.")
        demand(each, "pt")
        work_all(each)
    assert reads(part, "pt") == ["[pt] Good morning."]
    assert reads(other, "pt") == ["Bom dia."]
    choose(part.room, Chosen(engines=("bergamot",)))
    demand(part, "de")
    work_all(part)
    assert reads(part, "de") == [], "what its engines cannot is not given to another"
    assert Job.objects.get(room=part.room, lang="de").last_error == NO_ENGINE


def test_room_whose_engine_is_gone_is_given_to_no_other(two, env):
    part = spoken_part()
    choose(part.room, Chosen(engines=("bergamot",)))
    env(translation_engines=["scripted"])
    assert room_settings(part.room_id).chain() == ()
    say(part, "Good morning.")
    demand(part, "pt")
    work_all(part)
    assert reads(part, "pt") == []
    assert langs_in(part.room_id, "en") == ["en"]


def test_engines_that_a_room_is_given_again_begin_at_once(two, django_capture_on_commit_callbacks):
    part = spoken_part()
    choose(part.room, Chosen(engines=("bergamot",)))
    say(part, "Good morning.")
    demand(part, "de")
    work_all(part)
    with django_capture_on_commit_callbacks(execute=True):
        choose(part.room, Chosen())
    work_all(part)
    assert reads(part, "de") == ["[de] Good morning."]


@pytest.mark.parametrize(
    "chosen",
    [Chosen(("nobody",)), Chosen(("bergamot", "bergamot")), Chosen(formality="rude"), Chosen(chars_per_day=-1), Chosen(chars_per_day=2**40)],
    ids=str,
)  # fmt: skip
def test_what_no_room_can_have_is_refused(two, chosen):
    with pytest.raises(BadInput):
        check(chosen)
    with pytest.raises(BadInput):
        choose(spoken_part().room, chosen)
    assert not RoomTranslation.objects.exists()


def test_pivot_of_a_room_goes_through_the_room_s_engines_alone(env):
    env(translation_engines=["bergamot", "scripted", "pivot"])
    [own] = [engine for engine in chain.engines(("pivot", "bergamot")) if isinstance(engine, Pivot)]
    assert [engine.name for engine in own.engines] == ["bergamot"]
    assert circuit.pairs_of(own, {}) == frozenset()
    assert chain.engines(("pivot", "bergamot"))[0] is own, "the same object for the same names"


def test_pivot_knows_what_its_engines_offered_last_and_asks_none():
    first, second = OnePair("zh-en", ("zh", "en")), OnePair("en-pt", ("en", "pt"))
    pivot = Pivot((first, second), via="en")
    known = {
        engine.name: EngineState.objects.create(name=engine.name, pairs=[list(engine._pair)])
        for engine in (first, second)
    }
    assert circuit.pairs_of(pivot, known) == {("zh", "pt")}
    choice = circuit.engine_for("zh", "pt", engines=(first, second, pivot))
    assert isinstance(choice, EngineChoice)
    assert choice.engine.translate(["你好"], "zh", "pt") == ["en-pt(zh-en(你好))"]
    assert isinstance(circuit.engine_for("zh", "fr", engines=(first, second, pivot)), Unavailable)
    assert (first.asked, second.asked) == (0, 0)


def test_engine_that_knows_the_variant_is_asked_before_one_that_knows_the_language():
    near, exact = OnePair("near", ("en", "pt")), OnePair("exact", ("en", "pt-BR"))
    for engine in (near, exact):
        EngineState.objects.create(name=engine.name, pairs=[list(engine._pair)])

    def asked(target: str) -> str:
        choice = circuit.engine_for("en", target, engines=(near, exact))
        assert isinstance(choice, EngineChoice)
        return choice.engine.name

    assert (asked("pt-BR"), asked("pt"), asked("pt-PT")) == ("exact", "near", "near")


def test_terms_of_the_room_s_glossary_read_so_in_its_translations(two):
    part = spoken_part()
    Room.objects.filter(pk=part.room_id).update(glossary=KERNEL + "\nthis line = is wrong")
    choose(part.room, Chosen(engines=("scripted",)))
    say(part, "The kernel is ready.", "Thanks.")
    demand(part, "de", "fr")
    work_all(part)
    assert reads(part, "de") == ["[de] The Kern is ready.", "[de] Thanks."]
    assert reads(part, "fr") == ["[fr] The kernel is ready.", "[fr] Thanks."]


def test_languages_on_offer_are_those_that_the_room_s_engines_reach(two):
    own, other = spoken_part("OWN").room_id, spoken_part("OTHER").room_id
    choose(Room.objects.get(pk=own), Chosen(engines=("bergamot",)))
    assert langs_in(own, "en") == ["en", "pt"]
    assert langs_in(own, "de") == ["de"], "nothing leads there from German, though it is offered elsewhere"
    assert {"pt", "zh", "de"} <= set(langs_in(other, "en"))
    assert langs_in_rooms({own: "en", other: "en"}) == {
        own: langs_in(own, "en"),
        other: langs_in(other, "en"),
    }
    with CaptureQueriesContext(connection) as one:
        langs_in_rooms({own: "en"})
    with CaptureQueriesContext(connection) as several:
        langs_in_rooms({own: "en", other: "zh", -1: "de"})
    assert len(one) == len(several)


def test_interpreter_offers_what_some_spoken_language_is_translated_into(env):
    env(translation_engines=["bergamot"], source_langs=["en", "de", "pt"])
    assert langs_made(["en", "de", "pt"]) == ["en", "pt"], "nothing leads into German"
    assert langs_made(["de"]) == []


class TestQuota:
    def test_translation_stops_at_the_quota_with_a_clear_state_and_captions_go_on(self, two):
        part = spoken_part()
        choose(part.room, Chosen(engines=("scripted",), chars_per_day=20))
        demand(part, "de")
        say(part, "Exactly 16 chars")
        work_all(part)
        say(part, "Not this one.")
        work_all(part)
        assert reads(part, "de") == ["[de] Exactly 16 chars"]
        assert reads(part, "en") == ["Exactly 16 chars", "Not this one."]
        job = Job.objects.get()
        assert (job.last_error, job.failures, job.waiting_s) == (quota.QUOTA, 0, 0.0)
        assert job.due_at is not None
        assert job.due_at > timezone.now()
        now = translations_now({part.room_id: {"de": 1}})[part.room_id]
        assert (now.failing, now.stopped) == ({}, ("de",))
        assert quota.used_today(part.room_id) == 16
        services.sweep()
        assert Job.objects.get().waiting_s == 0.0

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.usefixtures("async_connections")
    async def test_readers_are_told_when_translation_stops_for_the_day_and_when_it_goes_on(self, two):
        told, came = list[Delays](), asyncio.Event()

        def hear(event):
            if isinstance(event, Delays):
                told.append(event)
                came.set()

        async def until(stopped):
            async with asyncio.timeout(60):
                while not told or told[-1].stopped not in (stopped, list(stopped)):
                    came.clear()
                    await came.wait()

        part = await in_database(spoken_part)()
        await hub().subscribe(room_group(part.room_id), hear)
        try:
            await in_database(choose)(part.room, Chosen(engines=("scripted",), chars_per_day=20))
            await in_database(demand)(part, "de")
            await in_database(say)(part, "Exactly 16 chars")
            await in_database(work_all)(part)
            await in_database(say)(part, "Not this one.")
            await in_database(work_all)(part)
            await until(("de",))
            await in_database(choose)(part.room, Chosen(engines=("scripted",), chars_per_day=500))
            await in_database(work_all)(part)
            await until(())
        finally:
            await hub().unsubscribe(room_group(part.room_id), hear)

    def test_raised_quota_counts_at_once(self, two, django_capture_on_commit_callbacks):
        part = spoken_part()
        choose(part.room, Chosen(engines=("scripted",), chars_per_day=5))
        demand(part, "de")
        say(part, "Too long.")
        work_all(part)
        with django_capture_on_commit_callbacks(execute=True):
            choose(part.room, Chosen(engines=("scripted",), chars_per_day=500))
        work_all(part)
        assert reads(part, "de") == ["[de] Too long."]
        assert translations_now({part.room_id: {"de": 1}})[part.room_id].stopped == ()

    def test_completion_of_a_part_counts_and_is_stopped_too(self, two, django_capture_on_commit_callbacks):
        part = spoken_part()
        choose(part.room, Chosen(engines=("scripted",), chars_per_day=5))
        say(part, "Too long.")
        end_part(part=part)
        services.complete([part], ["de"])
        assert work_next("test")
        assert Job.objects.get().last_error == quota.QUOTA
        with django_capture_on_commit_callbacks(execute=True):
            choose(part.room, Chosen(engines=("scripted",), chars_per_day=0))
        assert work_next("test")
        assert reads(part, "de") == ["[de] Too long."]
        assert not Job.objects.exists()

    def test_setting_counts_where_a_room_has_none_of_its_own(self, two, env):
        env(translation_room_chars_per_day=5)
        part = spoken_part()
        assert room_settings(part.room_id).chars_per_day == 5
        choose(part.room, Chosen(chars_per_day=0))
        assert room_settings(part.room_id).chars_per_day == 0

    def test_characters_of_a_call_that_no_engine_answered_are_given_back(self):
        room_id = spoken_part().room_id
        assert quota.take(room_id, 60, per_day=100)
        assert not quota.take(room_id, 41, per_day=100)
        quota.give_back(room_id, 60, per_day=100)
        assert quota.take(room_id, 100, per_day=100)
        assert not quota.take(room_id, 101, per_day=100)
        assert quota.take(room_id, 10**9, per_day=0)
        assert quota.used_today(room_id) == 100

    def test_another_day_begins_anew_and_old_days_are_forgotten(self):
        room_id = spoken_part().room_id
        today = timezone.now().date()
        for days in (1, 40):
            TranslatedChars.objects.create(room_id=room_id, day=today - timedelta(days=days), chars=100)
        assert quota.take(room_id, 100, per_day=100)
        quota.forget()
        assert TranslatedChars.objects.count() == 2
        assert 0 < quota.retry_s() <= quota.RETRY_MOST_S
        assert quota.retry_s(timezone.now().replace(hour=23, minute=59, second=50)) < 12


def test_a_call_costs_no_more_queries_with_settings_than_without(two):
    counts = []
    own = Chosen(engines=("bergamot", "scripted"), formality="formal", chars_per_day=0)
    for code, chosen in (("FIRST", Chosen()), ("A", Chosen()), ("B", own)):  # the first call notes its engine
        part = spoken_part(code)
        if chosen != Chosen():
            choose(part.room, chosen)
        say(part, "One.")
        demand(part, "de")
        due.find()
        with CaptureQueriesContext(connection) as queries:
            assert work_next("test")
        counts.append(len(queries))
    assert counts[1] == counts[2]
