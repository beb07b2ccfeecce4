"""Long sentences that are stored in pieces: translated whole, once nothing comes of them any more."""

from __future__ import annotations

import pytest

from transcripts.models import Sentence
from transcripts.removal import remove_sentence
from transcripts.services import correct_sentence, end_last_sentence, end_part
from translation import due, selectors, services
from translation.tests.make import demand, read, say, spoken_part
from translation.work import work_next

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scripted")]


@pytest.fixture(autouse=True)
def unhurried(env) -> None:
    """A pace that a test need not wait for."""
    env(translation_cycle_s=0.001, translation_per_cycle=4)


def work_all(count: int = 30) -> None:
    """Find due jobs and work on them until none is due."""
    due.find()
    for _ in range(count):
        work_next("test")


def test_a_long_sentence_is_translated_as_one_which_stands_at_its_first_piece():
    part = spoken_part()
    demand(part, "de")
    say(part, "Before.", "A long one,", "in three", "pieces.", "After.", goes_on=(1, 2))
    work_all()
    assert read(part, "de") == {
        0: "[de] Before.", 1: "[de] A long one, in three pieces.", 2: "", 3: "", 4: "[de] After.",
    }  # fmt: skip
    ends = Sentence.objects.filter(track__lang="de").order_by("index").values_list("ends", flat=True)
    assert list(ends) == [True, False, False, True, True]


def test_a_sentence_is_translated_once_its_last_piece_is_stored():
    part = spoken_part()
    demand(part, "de")
    say(part, "Before.", "A long one,", goes_on=(1,))
    work_all()
    assert read(part, "de") == {0: "[de] Before."}
    say(part, "in two.")
    work_all()
    assert read(part, "de") == {0: "[de] Before.", 1: "[de] A long one, in two.", 2: ""}


@pytest.mark.parametrize("how", [end_last_sentence, end_part])
def test_what_was_to_go_on_is_translated_when_nothing_comes_of_it(how):
    part = spoken_part()
    demand(part, "de")
    say(part, "A long one,", "that breaks", goes_on=(0, 1))
    work_all()
    assert read(part, "de") == {}
    how(part=part)
    work_all()
    assert read(part, "de") == {0: "[de] A long one, that breaks", 1: ""}


@pytest.mark.parametrize("piece", [0, 1, 2])
@pytest.mark.parametrize("newest", [1, 20])
def test_correcting_any_piece_translates_the_whole_anew(env, piece, newest):
    part = spoken_part()
    demand(part, "de")
    rows = say(part, "One", "two", "three.", goes_on=(0, 1))
    work_all()
    say(part, "Then.")
    work_all()
    env(newest_sentences=newest, translation_cycle_s=0.001)
    correct_sentence(sentence=rows[piece], text="X")
    work_all()
    words = ["One", "two", "three."]
    words[piece] = "X"
    assert read(part, "de") == {0: f"[de] {' '.join(words)}", 1: "", 2: "", 3: "[de] Then."}


def test_removing_the_translation_of_a_long_sentence_removes_all_of_it_and_it_is_not_made_again():
    part = spoken_part()
    demand(part, "de")
    say(part, "One", "two.", "Then.", goes_on=(0,))
    work_all()
    remove_sentence(Sentence.objects.get(track__lang="de", index=1))
    work_all()
    assert read(part, "de") == {2: "[de] Then."}
    assert read(part, "en") == {0: "One", 1: "two.", 2: "Then."}


def test_the_newest_are_counted_in_sentences():
    part = spoken_part()
    say(part, *("One", "two", "three.") * 4, goes_on=(0, 1, 3, 4, 6, 7, 9, 10))
    say(part, "Goes", "on", goes_on=(0, 1))
    window = selectors.newest_window(part.room_id, "de", newest=2)
    assert [(item.key, item.more) for item in window.spoken] == [
        ((part.pk, 6), (((part.pk, 7), 8), ((part.pk, 8), 9))),
        ((part.pk, 9), (((part.pk, 10), 11), ((part.pk, 11), 12))),
    ]
    assert {item.text for item in window.spoken} == {"One two three."}
    assert services.count_missing(part, "de") == 4
