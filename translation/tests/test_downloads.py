"""Downloads in every language that exists, gaps filled by the original and marked."""

import pytest

from rooms.errors import NotFound
from rooms.selectors import room_by_code
from transcripts.selectors import transcript_text
from transcripts.services import Translation, add_translations, correct_sentence
from translation.tests.make import say, spoken_part

pytestmark = pytest.mark.django_db


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith(("[Transcription", "[00:"))]


def test_what_has_no_present_translation_stands_there_in_the_original_and_says_so():
    part = spoken_part()
    first, _, third = say(part, "One.", "Two.", "Three.")
    add_translations(
        part=part,
        lang="de",
        translations=[Translation(0, "Eins.", first.version), Translation(2, "Drei.", third.version)],
    )
    correct_sentence(sentence=third, text="Four.")
    assert _lines(transcript_text(part.room, "de", None)) == ["Eins. [en] Two. [en] Four."]
    assert _lines(transcript_text(part.room, "en", None)) == ["One. Two. Four."]


def test_a_part_that_was_spoken_in_the_wanted_language_needs_no_marks():
    english, german = spoken_part(lang="en"), spoken_part(lang="de")
    say(english, "One.")
    say(german, "Zwei.")
    assert _lines(transcript_text(german.room, "de", None)) == ["Zwei."]


def test_a_language_that_nobody_asked_for_is_not_there():
    part = spoken_part()
    say(part, "One.")
    with pytest.raises(NotFound):
        transcript_text(part.room, "de", None)


@pytest.mark.parametrize("parts", [1, 3])
def test_a_download_asks_the_database_as_often_for_many_parts_as_for_one(parts, django_assert_num_queries):
    for _ in range(parts):
        part = spoken_part()
        sentence = say(part, "One.", "Two.")[0]
        add_translations(part=part, lang="de", translations=[Translation(0, "Eins.", sentence.version)])
    room = room_by_code(part.room.code)
    with django_assert_num_queries(3):
        transcript_text(room, "de", None)
