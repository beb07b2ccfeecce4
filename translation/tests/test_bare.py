"""Text that is nobody's row: translated by the rooms' engines and circuits, bounded, and waited for no longer than asked."""

import asyncio
import threading
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from rooms.models import Room
from translation import bare, chain, circuit
from translation.bare import CALLS, LONGEST_CHARS, WAITING_MOST, translate_bare, translated_within
from translation.models import EngineState, Job, PairState

pytestmark = pytest.mark.django_db(transaction=True)
PATIENT_S = 60.0


def run(work):
    return asyncio.run(asyncio.wait_for(work, PATIENT_S))


def nobody_is_asked():
    """Waits until all calls have ended, those too that nobody waits for: each thread is free at once."""
    free = threading.Barrier(CALLS)
    list(bare._pool.map(lambda _: free.wait(PATIENT_S), range(CALLS)))


def test_text_is_translated_and_nothing_is_stored(scripted):
    assert translate_bare("Good morning.", "en", "de") == "[de] Good morning."
    assert run(translated_within("Good evening.", "en", "pt", within_s=PATIENT_S)) == "[pt] Good evening."
    assert not Job.objects.exists()


def test_text_in_its_own_language_stays_as_it_is(scripted):
    assert translate_bare("Hi.", "zh", "zh-Hans") == "Hi."
    assert run(translated_within("Hi.", "en", "en", within_s=0)) == "Hi."


def test_pair_that_nobody_offers_has_no_translation(scripted):
    assert translate_bare("Hi.", "en", "xx") is None
    assert translate_bare("x" * (LONGEST_CHARS + 1), "en", "de") is None


def test_engine_that_fails_is_left_alone_and_its_return_is_told_to_rooms_that_wait(env, server):
    env(translation_engines=["libretranslate"], libretranslate_url=server.url)
    circuit.check(chain.engines()[0])
    job = Job.objects.create(room=Room.objects.create(code="HALL1", title="x"), lang="de", failures=3)
    server.mode = "fails"
    for number in range(circuit.OPENS_AFTER):
        assert translate_bare(f"Text {number}.", "en", "de") is None
    asked = len(server.requests)
    assert translate_bare("One more.", "en", "de") is None
    assert len(server.requests) == asked
    server.mode = "ok"
    Job.objects.update(due_at=timezone.now() + timedelta(hours=1))
    PairState.objects.update(retry_at=timezone.now() - timedelta(seconds=1))
    EngineState.objects.update(tried_at=None)
    assert translate_bare("Now?", "en", "de") == "[de] Now?"
    job.refresh_from_db()
    assert job.due_at <= timezone.now()


def test_who_waits_no_longer_goes_on(env):
    env(translation_engines=["scripted"], translation_scripted_text_s=1.0)

    async def asked():
        return await translated_within("Slow.", "en", "de", within_s=0.05), bare._taken

    assert run(asked()) == (None, 1)  # its call is still under way
    nobody_is_asked()


def test_what_waits_is_bounded_and_what_is_too_late_is_not_begun(env):
    env(translation_engines=["scripted"], translation_scripted_text_s=0.2)

    async def flood():
        asked = [translated_within(f"Text {n}.", "en", "de", within_s=0.3) for n in range(100)]
        began_s = time.monotonic()
        answers = await asyncio.gather(*asked)
        assert time.monotonic() - began_s < 5.0  # 100 would take 20 s
        return answers

    answers = run(flood())
    assert sum(answer is not None for answer in answers) <= CALLS + WAITING_MOST
    nobody_is_asked()
    assert run(translated_within("Later.", "en", "de", within_s=PATIENT_S)) == "[de] Later."


def test_drafts_are_made_only_where_nothing_else_is(env):
    env(translation_engines=["scripted"], translation_scripted_text_s=0.2)

    async def both():
        final = asyncio.create_task(translated_within("A final.", "en", "de", within_s=PATIENT_S))
        await asyncio.sleep(0)
        draft = await translated_within("A draft.", "en", "de", within_s=PATIENT_S, if_idle=True)
        return await final, draft

    assert run(both()) == ("[de] A final.", None)
    assert run(translated_within("A draft.", "en", "de", within_s=PATIENT_S, if_idle=True)) == "[de] A draft."


def test_calls_run_in_a_few_threads_of_their_own(scripted):
    async def many():
        await asyncio.gather(*(translated_within(f"{n}", "en", "de", within_s=PATIENT_S) for n in range(10)))

    run(many())
    names = [thread.name for thread in threading.enumerate() if thread.name.startswith("bare-translation")]
    assert 1 <= len(names) <= CALLS
    assert bare._taken == 0
