"""Readers, translations and engines as who looks after all rooms sees them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from transcripts.overview import last_text_at
from translation.demand import lease
from translation.models import EngineState, Job
from translation.overview import engines_now, readers_now, translations_now
from translation.tests.make import demand, say, spoken_part

pytestmark = pytest.mark.django_db


def test_readers_of_all_processes_are_added_and_those_that_expired_are_not():
    part = spoken_part()
    lease("web 1", {(part.room_id, "de"): 3, (part.room_id, "en"): 1})
    lease("web 2", {(part.room_id, "de"): 4})
    demand(part, "fr", seconds=-1)
    assert readers_now([part.room_id]) == {part.room_id: {"de": 7, "en": 1}}


def test_only_languages_that_somebody_reads_count_as_failing():
    part = spoken_part()
    for lang in ("de", "fr"):
        Job.objects.update_or_create(
            room_id=part.room_id, lang=lang, part=None,
            defaults={"failures": 2, "last_error": "timeout", "delays": [[1.0, 3.0]], "waiting_s": 4.5},
        )  # fmt: skip
    found = translations_now({part.room_id: {"de": 1}})[part.room_id]
    assert (found.delay_s, found.failing) == (4.5, {"de": "timeout"})


def test_an_engine_that_has_not_answered_is_said_to_be_silent(settings):
    names = [engine.name for engine in engines_now()]
    EngineState.objects.all().delete()
    assert [engine.answers for engine in engines_now()] == [False] * len(names)


def test_query_count_does_not_depend_on_the_number_of_rooms():
    counts = []
    for number in range(3):
        part = spoken_part(f"HALL{number}")
        say(part, "Hello.")
        demand(part, "de")
        rooms = [part.room_id for part in [spoken_part(f"HALL{n}") for n in range(number + 1)]]
        with CaptureQueriesContext(connection) as counted:
            assert len(translations_now(readers_now(rooms))) <= number + 1
            assert last_text_at([part.pk])[part.pk] is not None
        counts.append(len(counted))
    assert counts[0] == counts[2]
