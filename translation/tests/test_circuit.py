"""Circuits: which engine may be called for which pair, who may try one whose circuit is open, and what is published."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from transcripts.models import Sentence
from transcripts.services import PartTerms, open_part
from translation import chain, circuit, due, selectors, services
from translation.circuit import EngineChoice, Unavailable
from translation.engines.base import BUSY, FAILED, TIMEOUT, UNREACHABLE, Engine, EngineError
from translation.models import EngineState, Job, PairState
from translation.tests.make import demand, read, say, spoken_part
from translation.work import work_next

pytestmark = pytest.mark.django_db


@pytest.fixture
def remote(env, server) -> Engine:
    """The scripted LibreTranslate, whose languages are known."""
    env(translation_engines=["libretranslate"], libretranslate_url=server.url, translation_cycle_s=0.001)
    engine = chain.engines()[0]
    circuit.check(engine)
    return engine


def work_all(count: int = 10) -> None:
    """Turns of everything that is due or waits."""
    for _ in range(count):
        due.find()
        Job.objects.exclude(due_at=None).update(due_at=timezone.now())
        work_next("test")


def fail(engine: Engine, error: EngineError, source: str = "en", target: str = "de", times: int = 3) -> None:
    for _ in range(times):
        circuit.failed(EngineChoice(engine, source, target), error)


def chosen(source: str, target: str) -> EngineChoice | Unavailable:
    return circuit.engine_for(source, target, engines=chain.engines())


def is_available(source: str, target: str) -> bool:
    return isinstance(chosen(source, target), EngineChoice)


def later() -> None:
    """What waits for its time waits no longer."""
    for model in (EngineState, PairState):
        model.objects.exclude(retry_at=None).update(retry_at=timezone.now() - timedelta(seconds=1))


def test_an_engine_that_fails_in_a_row_is_left_alone_and_the_delay_grows(remote, server):
    server.stop()
    part = spoken_part()
    say(part, "Never said before.")
    demand(part, "de")
    Sentence.objects.update(created_at=timezone.now() - timedelta(seconds=30))
    work_all(circuit.OPENS_AFTER)
    state = EngineState.objects.get()
    assert state.opened_at is not None
    assert not selectors.engine_answers()
    Job.objects.update(demanded_at=timezone.now() - timedelta(seconds=30))
    services.sweep()
    assert (selectors.room_delay_s(part.room_id) or 0) > 25
    assert "de" in selectors.target_langs()


def test_one_call_at_a_time_tries_an_open_circuit_and_success_closes_it(remote):
    fail(remote, EngineError(UNREACHABLE))
    assert not is_available("en", "de")
    later()
    trial = chosen("en", "de")
    assert isinstance(trial, EngineChoice)
    assert trial.trial
    assert not is_available("en", "de")
    assert circuit.succeeded(trial, seconds=0.1)
    assert chosen("en", "de") == EngineChoice(remote, "en", "de", in_order=True)


@pytest.mark.parametrize("code", [FAILED, TIMEOUT])
def test_a_pair_that_fails_leaves_the_other_pairs_of_its_engine_in_use(remote, code):
    fail(remote, EngineError(code), target="de")
    assert not is_available("en", "de")
    assert is_available("en", "pt")
    assert EngineState.objects.get().opened_at is None
    assert not selectors.engine_answers()


def test_an_engine_that_cannot_be_reached_is_left_alone_for_every_pair(remote):
    fail(remote, EngineError(UNREACHABLE), target="de")
    assert not is_available("en", "pt")


def test_when_one_pair_is_back_the_others_are_tried_at_once(remote):
    fail(remote, EngineError(TIMEOUT), target="de")
    fail(remote, EngineError(TIMEOUT), target="pt")
    PairState.objects.filter(target="de").update(retry_at=timezone.now())
    PairState.objects.filter(target="pt").update(retry_at=timezone.now() + timedelta(hours=1))
    trial = chosen("en", "de")
    assert isinstance(trial, EngineChoice)
    circuit.succeeded(trial, seconds=0.1)
    assert is_available("en", "pt")


def test_an_engine_that_says_when_to_come_back_is_left_alone_until_then(remote):
    fail(remote, EngineError(BUSY, retry_after_s=30.0), times=1)
    waits = chosen("en", "pt")
    assert isinstance(waits, Unavailable)
    assert waits.again_at is not None
    assert 28 < (waits.again_at - timezone.now()).total_seconds() <= 30
    fail(remote, EngineError(BUSY))
    after = chosen("en", "pt")
    assert isinstance(after, Unavailable)
    assert after.again_at == waits.again_at


@pytest.mark.parametrize("trial", [False, True])
@pytest.mark.parametrize("error", [None, EngineError(UNREACHABLE)])
def test_a_call_that_was_under_way_does_not_shorten_what_the_engine_asked_for(remote, error, trial):
    under_way: EngineChoice | Unavailable = EngineChoice(remote, "en", "de")
    if trial:
        fail(remote, EngineError(UNREACHABLE))
        later()
        under_way = chosen("en", "de")
    assert isinstance(under_way, EngineChoice)
    assert under_way.trial is trial
    fail(remote, EngineError(BUSY, retry_after_s=30.0), times=1)
    if error is None:
        assert not circuit.succeeded(under_way, seconds=0.1)
    else:
        circuit.failed(under_way, error)
    waits = chosen("en", "pt")
    assert isinstance(waits, Unavailable)
    assert waits.again_at is not None
    assert (waits.again_at - timezone.now()).total_seconds() > 28


def test_a_turn_with_two_spoken_languages_asks_an_engine_that_named_a_time_once(remote, server):
    part = spoken_part()
    say(part, "First.")
    terms = PartTerms("pt", store=True, public=True, owner_id=None)
    say(open_part(room=part.room, terms=terms, broadcast=part.broadcast), "Segunda.")
    demand(part, "de")
    server.mode, server.retry_after = "busy", "30"
    due.find()
    Job.objects.update(batch=4)
    work_all(1)
    assert server.answered.count("/translate") == 1


def test_nothing_at_all_is_asked_before_the_time_that_an_engine_named(remote, server):
    server.mode, server.retry_after = "busy", "30"
    part = spoken_part()
    say(part, "First.", "Second.")
    demand(part, "de", "pt")
    work_all()
    circuit.check(remote)
    assert server.answered == ["/languages", "/translate"]
    later()
    server.mode = "ok"
    work_all()
    assert len(read(part, "de")) == len(read(part, "pt")) == 2


def test_the_trial_of_an_engine_is_one_text(remote, server):
    part = spoken_part()
    say(part, *(f"Sentence {number} of a trial." for number in range(8)))
    demand(part, "de")
    due.find()
    Job.objects.update(batch=4)
    fail(remote, EngineError(TIMEOUT))
    later()
    work_all(1)
    assert [len(body["q"]) for body in server.requests] == [1]
    work_all(1)
    assert [len(body["q"]) for body in server.requests][1] > 1


def test_an_engine_that_hangs_is_tried_again_before_the_call_that_hangs_has_ended(remote):
    fail(remote, EngineError(TIMEOUT))
    later()
    assert is_available("en", "de")
    again = chosen("en", "de")
    assert isinstance(again, Unavailable)
    assert again.again_at is not None
    assert (again.again_at - timezone.now()).total_seconds() <= 2


def test_while_the_trial_of_one_pair_hangs_no_other_pair_of_the_engine_is_tried_for_two_seconds(remote):
    fail(remote, EngineError(TIMEOUT), target="de")
    fail(remote, EngineError(TIMEOUT), target="pt")
    later()
    trial = chosen("en", "de")
    assert isinstance(trial, EngineChoice)
    waits = chosen("en", "pt")
    assert isinstance(waits, Unavailable)
    assert waits.again_at is not None
    assert 0 < (waits.again_at - timezone.now()).total_seconds() <= 2
    circuit.failed(trial, EngineError(FAILED))
    assert is_available("en", "pt")
    EngineState.objects.update(tried_at=timezone.now() - circuit.TRIAL_EVERY)
    later()
    assert is_available("en", "de")


def test_no_text_is_given_up_because_its_engine_failed_for_long(remote, server):
    server.mode = "fails"
    part = spoken_part()
    say(part, "The only sentence during a long outage.")
    demand(part, "de")
    for _ in range(12):
        later()
        EngineState.objects.update(tried_at=None)
        work_all(1)
    assert len(server.requests) == 12
    server.mode = "ok"
    later()
    work_all(1)
    assert read(part, "de") == {0: "[de] The only sentence during a long outage."}


def test_an_engine_that_nobody_needs_is_tried_by_its_worker(remote, server):
    fail(remote, EngineError(UNREACHABLE))
    later()
    assert circuit.check(remote)
    fail(remote, EngineError(TIMEOUT), target="pt")
    later()
    assert circuit.check(remote)
    assert [(body["q"], body["target"]) for body in server.requests][-1] == (["OK"], "pt")
    assert selectors.engine_answers()


def test_down_and_up_are_logged_once_each_with_engine_and_pair(remote, caplog):
    caplog.set_level(logging.INFO, "translation.circuit")
    fail(remote, EngineError(TIMEOUT), times=5)
    later()
    trial = chosen("en", "de")
    assert isinstance(trial, EngineChoice)
    circuit.succeeded(trial, seconds=0.1)
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("INFO", "engine down"),
        ("INFO", "engine up"),
    ]
    down, up = (vars(record) for record in caplog.records)
    assert (down["engine"], down["source"], down["target"], down["code"]) == (
        "libretranslate",
        "en",
        "de",
        "timeout",
    )
    assert up["engine"] == "libretranslate"


def test_while_the_first_engine_is_away_the_next_that_offers_the_pair_serves(env, server):
    env(translation_engines=["libretranslate", "bergamot"], libretranslate_url=server.url)
    remote, bergamot = chain.engines()
    circuit.check(remote)
    assert chosen("en", "pt") == EngineChoice(remote, "en", "pt", in_order=True)
    assert circuit.Routes().engine_of("en", "pt") == "libretranslate"
    fail(remote, EngineError(UNREACHABLE))
    assert chosen("en", "pt") == EngineChoice(bergamot, "en", "pt", in_order=True)
    assert circuit.Routes().engine_of("en", "pt") == "bergamot"
    assert isinstance(chosen("en", "de"), Unavailable)
