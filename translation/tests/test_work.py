"""Jobs on a real database: what is translated, when, by whom, and what is discarded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.utils import timezone

from rooms.access import Identity
from transcripts.editing import SentencePlace, correct
from transcripts.models import Part, Sentence
from transcripts.removal import remove_unstored
from transcripts.services import correct_sentence, end_part
from translation import chain, circuit, claims, due, selectors, services, store, work
from translation.models import Job, PairState
from translation.plan import REFUSED_TRIES, plans
from translation.tests.make import demand, read, say, spoken_part
from translation.work import work_next

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scripted")]


def work_all(part: Part, count: int = 30) -> int:
    """Find due jobs and work on them until none is due; how many groups there were."""
    due.find()
    return sum(work_next("test") for _ in range(count))


@pytest.fixture
def unhurried(env) -> None:
    """A pace that a test need not wait for."""
    env(translation_cycle_s=0.001, translation_per_cycle=4)


def test_only_languages_that_somebody_reads_are_translated():
    part = spoken_part()
    say(part, "One.", "Two.")
    work_all(part)
    assert not Sentence.objects.filter(of_version__isnull=False).exists()
    demand(part, "de")
    demand(part, "fr", seconds=-1)
    work_all(part)
    assert read(part, "de") == {0: "[de] One.", 1: "[de] Two."}
    assert read(part, "fr") == {}


def test_the_spoken_language_is_never_translated_under_any_of_its_names():
    part = spoken_part(lang="zh")
    say(part, "你好。")
    demand(part, "zh", "zh-Hans")
    work_all(part)
    assert Sentence.objects.count() == 1
    assert not Job.objects.exists()


def test_a_pinned_language_is_translated_without_readers(django_capture_on_commit_callbacks):
    part = spoken_part()
    say(part, "One.")
    services.pin(part.room, "de")
    work_all(part)
    assert read(part, "de") == {0: "[de] One."}


def test_a_call_gets_the_newest_and_the_rest_waits_for_the_pace(env):
    env(translation_cycle_s=60.0, translation_per_cycle=4)
    part = spoken_part()
    say(part, *(f"Sentence {n}." for n in range(10)))
    demand(part, "de")
    work_all(part)
    assert sorted(read(part, "de")) == [6, 7, 8, 9]
    job = Job.objects.get()
    assert job.due_at is not None
    assert 50 < (job.due_at - timezone.now()).total_seconds() < 61
    assert not work_next("test")


def test_sentences_older_than_the_newest_are_left_out_while_the_room_is_open(unhurried, env):
    env(newest_sentences=6, translation_cycle_s=0.001)
    part = spoken_part()
    say(part, *(f"Sentence {n}." for n in range(10)))
    demand(part, "de")
    work_all(part)
    assert sorted(read(part, "de")) == [4, 5, 6, 7, 8, 9]


def test_a_corrected_sentence_is_translated_again_and_a_late_result_is_discarded(unhurried):
    part = spoken_part()
    first, _ = say(part, "Won.", "Two.")
    demand(part, "de")
    due.find()
    Job.objects.update(batch=4)
    [[claim]] = claims.claim_next("slow")
    found = plans([claim])
    result = work.translated(claim, found[claim.job_id], work.NoSlot())
    correct_sentence(sentence=first, text="One.")
    store.write([claim], found, {claim.job_id: result})
    assert read(part, "de") == {1: "[de] Two."}
    work_all(part)
    assert read(part, "de") == {0: "[de] One.", 1: "[de] Two."}


def test_a_correction_outside_the_newest_is_translated_again_while_the_part_is_open(env):
    env(newest_sentences=3, translation_cycle_s=0.001)
    part = spoken_part()
    early = say(part, "Won.", "Too.")
    demand(part, "de")
    work_all(part)
    late = say(part, *(f"Sentence {n}." for n in range(10)))
    work_all(part)
    assert sorted(read(part, "de")) == [0, 1, 9, 10, 11]
    correct_sentence(sentence=early[0], text="One.")
    correct_sentence(sentence=late[0], text="Nobody has read this one.")
    work_all(part)
    assert read(part, "de")[0] == "[de] One."
    assert sorted(read(part, "de")) == [0, 1, 9, 10, 11]
    say(part, "Last.")
    assert work_all(part) == 1


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.django_db(transaction=True)
def test_what_a_host_corrects_is_translated_again_also_after_the_end(unhurried, ended):
    part = spoken_part()
    first, *_ = say(part, "Won.", "Two.")
    demand(part, "de")
    work_all(part)
    if ended:
        end_part(part=part)
        work_all(part)
    place = SentencePlace(part.room_id, part.number, first.index)
    corrected = correct(place, text="One.", seen_version=first.version, identity=Identity("admin", None))
    work_all(part)
    translated = Sentence.objects.get(part=part, track__lang="de", index=first.index)
    assert (translated.text, translated.of_version) == ("[de] One.", corrected.version)


def test_a_correction_outside_the_newest_waits_until_an_engine_is_back(env, server):
    env(
        newest_sentences=3, translation_cycle_s=0.001, translation_engines=["libretranslate"],
        libretranslate_url=server.url,
    )  # fmt: skip
    circuit.check(chain.engines()[0])
    part = spoken_part()
    early = say(part, "Won.")
    demand(part, "de")
    work_all(part)
    server.mode = "fails"
    correct_sentence(sentence=early[0], text="One.")
    for number in range(8):
        say(part, f"Sentence {number} while the engine is down.")
        work_all(part, 2)
    server.mode = "ok"
    circuit.close(["libretranslate"])
    Job.objects.update(due_at=timezone.now())
    work_all(part)
    Job.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
    work_all(part)
    assert read(part, "de")[0] == "[de] One."


def test_a_translation_that_a_person_corrected_stays(unhurried):
    part = spoken_part()
    say(part, "One.")
    demand(part, "de")
    work_all(part)
    correct_sentence(sentence=Sentence.objects.get(track__lang="de"), text="Eins!")
    say(part, "Two.")
    work_all(part)
    assert read(part, "de") == {0: "Eins!", 1: "[de] Two."}


def test_a_claim_is_one_workers_and_what_comes_after_its_end_is_refused():
    part = spoken_part()
    say(part, "One.")
    demand(part, "de")
    due.find()
    [[slow]] = claims.claim_next("slow")
    assert claims.claim_next("other") == []
    Job.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert claims.release_lost() == 1
    [[other]] = claims.claim_next("other")
    with claims.hold([slow]) as jobs:
        assert not jobs
    with pytest.raises(claims.ClaimLost):
        claims.renew(slow)
    with claims.hold([other]) as jobs:
        assert list(jobs) == [other.job_id]


def test_a_job_that_goes_while_a_worker_chooses_is_left_out_and_the_others_are_claimed():
    """As when somebody deletes an old part. No lock keeps it from doing so: the choice reads, then updates."""
    parts = [spoken_part(code) for code in ("HALL1", "HALL2")]
    for part in parts:
        say(part, "One.")
        demand(part, "de")
    due.find()
    gone = Job.objects.get(room=parts[0].room)

    def engine_of(source: str, target: str, names: Sequence[str]) -> str:
        Job.objects.filter(pk=gone.pk).delete()  # the facts are read by then
        return "scripted"

    claimed = claims.claim_next("test", most=2, engine_of=engine_of)
    assert [[claim.room_id for claim in group] for group in claimed] == [[parts[1].room_id]]


def test_a_worker_that_starts_again_releases_its_claims(unhurried):
    part = spoken_part()
    say(part, "One.")
    demand(part, "de")
    due.find()
    claims.claim_next("worker@a")
    assert claims.release_lost(worker="worker@b") == 0
    assert claims.release_lost(worker="worker@a") == 1
    assert work_next("worker@a")
    assert read(part, "de") == {0: "[de] One."}


def test_sentences_committed_during_a_claim_are_found_after_it(unhurried):
    part = spoken_part()
    say(part, "One.")
    demand(part, "de")
    due.find()
    [[claim]] = claims.claim_next("test")
    found = plans([claim])
    say(part, "Two.")
    assert due.find() == 0
    result = work.translated(claim, found[claim.job_id], work.NoSlot())
    store.write([claim], found, {claim.job_id: result})
    assert due.find() == 1
    assert work_next("test")
    assert sorted(read(part, "de")) == [0, 1]
    assert due.find() == 0


def test_due_jobs_are_found_without_any_message(unhurried):
    part = spoken_part()
    say(part, "One.")
    demand(part, "de")
    assert due.find() == 1
    assert work_next("test")
    assert read(part, "de") == {0: "[de] One."}
    assert due.find() == 0
    assert not work_next("test")


def test_sentences_are_found_after_an_older_part_in_another_language_was_deleted(unhurried):
    old = spoken_part(lang="de")
    say(old, *(f"Satz {number}." for number in range(5)))
    end_part(part=old)
    part = spoken_part(lang="en")
    say(part, "One.")
    demand(part, "fr")
    work_all(part)
    old.delete()
    say(part, "Two.")
    assert due.find() == 1
    work_all(part)
    assert read(part, "fr") == {0: "[fr] One.", 1: "[fr] Two."}


def test_when_a_part_ends_its_languages_are_completed_in_the_background(unhurried, env):
    env(newest_sentences=3, translation_cycle_s=0.001)
    part = spoken_part()
    say(part, *(f"Sentence {n}." for n in range(20)))
    demand(part, "de")
    work_all(part)
    assert len(read(part, "de")) == 3
    end_part(part=part)
    assert services.complete_part(part.pk) == 1
    while work_next("test"):
        pass
    assert len(read(part, "de")) == 20
    assert not Job.objects.filter(part=part).exists()


def test_a_part_that_is_not_stored_is_not_completed():
    part = spoken_part(store=False)
    say(part, "One.")
    demand(part, "de")
    end_part(part=part)
    remove_unstored(room=part.room)
    assert services.complete_part(part.pk) == 0


def test_a_correction_after_the_end_is_translated_too(unhurried):
    part = spoken_part()
    sentence = say(part, "Won.")[0]
    demand(part, "de")
    work_all(part)
    end_part(part=part)
    correct_sentence(sentence=sentence, text="One.")
    services.complete_part(part.pk)
    while work_next("test"):
        pass
    assert read(part, "de") == {0: "[de] One."}


def test_a_download_can_be_prepared(unhurried):
    part = spoken_part()
    say(part, "One.", "Two.")
    end_part(part=part)
    assert services.prepare_download(part.room, "pt") == 2
    while work_next("test"):
        pass
    assert services.prepare_download(part.room, "pt") == 0
    assert read(part, "pt") == {0: "[pt] One.", 1: "[pt] Two."}


def test_after_a_change_of_language_each_sentence_is_translated_from_its_own(unhurried):
    first = spoken_part(lang="en")
    say(first, "One.")
    second = spoken_part(lang="de")
    Part.objects.filter(pk=second.pk).update(broadcast=first.broadcast)
    say(second, "Zwei.")
    demand(first, "de", "fr")
    work_all(second)
    assert read(first, "fr") == {0: "[fr] One."}
    assert read(second, "fr") == {0: "[fr] Zwei."}
    assert read(second, "de") == {0: "Zwei."}


def test_a_language_that_no_engine_offers_costs_one_try_and_its_job_says_so():
    part = spoken_part()
    say(part, "One.")
    demand(part, "eo")
    assert work_all(part) == 1
    assert Job.objects.get().last_error == "no_engine"
    say(part, "Two.")
    assert work_all(part) == 0


def test_a_text_that_no_engine_translates_is_given_up_after_a_few_tries_and_harms_nobody(env, server):
    env(translation_engines=["libretranslate"], libretranslate_url=server.url, translation_cycle_s=0.001)
    circuit.check(chain.engines()[0])
    server.poison = "Poison."
    part = spoken_part()
    say(part, "One.", "Poison.", "Three.")
    demand(part, "de")
    for _ in range(12):
        Job.objects.update(due_at=timezone.now())
        work_all(part, 1)
    assert read(part, "de") == {0: "[de] One.", 2: "[de] Three."}
    tried = [body["q"] for body in server.requests if "Poison." in body["q"]]
    assert len(tried) <= 2 * REFUSED_TRIES
    say(part, "Four.")
    PairState.objects.update(retry_at=timezone.now())
    Job.objects.update(due_at=timezone.now())
    work_all(part, 1)
    assert read(part, "de")[3] == "[de] Four."


def test_the_delay_counts_from_the_sentence_or_from_its_first_reader(unhurried):
    part = spoken_part()
    say(part, "Old.")
    Sentence.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    demand(part, "de")
    work_all(part)
    delay = selectors.room_delay_s(part.room_id)
    assert delay is not None
    assert delay < 60


def test_the_delay_is_the_mean_of_the_last_four_or_what_waits_longer():
    delays = [[[1.0, 8.0], [5.0, 1.0], [6.0, 2.0]], [[3.0, 3.0], [4.0, 2.0]]]
    assert selectors.delay_s([(delays[0], 0.0), (delays[1], 0.0)]) == 2.0
    assert selectors.delay_s([(delays[0], 0.0), (delays[1], 9.5)]) == 9.5
    assert selectors.delay_s([([], 0.0)]) is None


def test_languages_on_offer_are_what_can_be_made_and_never_shrink_for_a_blip(env, server):
    env(translation_engines=["libretranslate"], libretranslate_url=server.url, source_langs=["en", "no"])
    assert selectors.target_langs() == ["en", "no"]
    circuit.check(chain.engines()[0])
    env(source_langs=["en", "no"])
    offered = ["de", "en", "no", "pt", "zh"]
    assert (
        selectors._target_langs() == ["de", "en", "nb", "no", "pt", "zh"]
        or selectors._target_langs() == offered
    )
    server.stop()
    circuit.check(chain.engines()[0])
    assert "de" in selectors._target_langs()


def test_with_nothing_configured_bergamot_serves_english_and_portuguese(env):
    env(translation_engines=[], libretranslate_url="", source_langs=["en", "de"])
    assert [engine.name for engine in chain.engines()] == ["bergamot", "pivot"]
    assert selectors._target_langs() == ["de", "en", "pt"]
    part = spoken_part()
    say(part, "Good morning.")
    demand(part, "pt")
    work_all(part)
    assert read(part, "pt") == {0: "Bom dia."}


def test_languages_that_are_quick_are_translated_together(unhurried):
    part = spoken_part()
    demand(part, "de", "fr", "pt")
    say(part, "First said quickly.")
    assert work_all(part) == 1
    say(part, "Second said quickly.")
    assert work_all(part) == 1
    for lang in ("de", "fr", "pt"):
        assert read(part, lang) == {0: f"[{lang}] First said quickly.", 1: f"[{lang}] Second said quickly."}


def test_a_language_that_turns_out_slow_ends_its_group(env):
    env(translation_scripted_text_s=0.001, translation_cycle_s=0.001)
    part = spoken_part()
    demand(part, "de", "fr")
    say(part, "First said slowly.")
    work_all(part)
    env(translation_scripted_text_s=2 * work.SHARED_MOST_S, translation_cycle_s=0.001)
    say(part, "Second said slowly.")
    due.find()
    assert work_next("test")
    assert sorted(len(read(part, lang)) for lang in ("de", "fr")) == [1, 2]
    [waits] = Job.objects.filter(due_at__lte=timezone.now())
    assert not waits.quick
    assert work_next("test")
    assert [len(read(part, lang)) for lang in ("de", "fr")] == [2, 2]


@pytest.mark.parametrize("rooms", [1, 3])
def test_a_group_takes_a_fixed_number_of_queries(rooms, django_assert_max_num_queries, unhurried):
    def wait_in(room):
        part = spoken_part(room)
        say(part, *(f"Sentence {n}." for n in range(4)))
        demand(part, "de", "fr", "pt")
        due.find()

    wait_in("FIRST")  # what a process asks once
    assert work_next("test")
    for number in range(rooms):
        wait_in(f"HALL{number}")
    with django_assert_max_num_queries(40):
        assert work_next("test")
