"""All writers at once on real connections: nobody deadlocks, and no sentence waits for a translation or a deletion."""

import pytest

from ops.faults.racers import DELETION, LATE, TRANSLATOR
from ops.faults.races import race

RACE_S = 8.0


@pytest.mark.django_db(transaction=True)
def test_writers_of_every_kind_at_once_never_deadlock_and_no_sentence_waits_for_translations_or_deletions(
    settings,
):
    settings.ENV = settings.ENV.model_copy(
        update={"translation_engines": ["scripted"], "translation_cycle_s": 0.05, "translation_per_cycle": 8}
    )
    races = race(seconds=RACE_S)
    print(races)
    assert races.deadlocks == 0
    assert not races.errors
    assert not {TRANSLATOR, LATE, DELETION} & set(races.waits)
    assert races.writes > 0
