"""Which words are a sentence, and when; by the letter."""

from asr.recognise.recogniser import Word
from gateways.interpreter.finals import (
    CLAUSE_CHARS,
    MOST_CHARS,
    PAUSE_MS,
    QUIET_S,
    STALE_S,
    Finals,
    FinalText,
    words_of,
)


def words(text, start_ms=0, word_ms=300):
    """Words of `text`, one behind the other."""
    parts = text.split(" ")
    return [
        Word(start_ms + n * word_ms, start_ms + (n + 1) * word_ms, f" {part}", 0.9)
        for n, part in enumerate(parts)
    ]


def texts(finals):
    return [final.text for final in finals]


def test_sentence_is_final_at_its_full_stop():
    finals = Finals("en")
    assert finals.words(words("We begin"), "en", 1.0) == []
    assert finals.words(words("with tea.", 600), "en", 2.0) == [FinalText("We begin with tea.", "en", 1200)]
    assert finals.partial().text == ""


def test_abbreviation_ends_no_sentence_and_a_number_waits_for_what_follows():
    finals = Finals("en")
    assert finals.words(words("Ask Dr."), "en", 1.0) == []
    assert finals.words(words("Smith about 3.", 600), "en", 2.0) == []
    assert texts(finals.words(words("All of us.", 1500), "en", 3.0)) == [
        "Ask Dr. Smith about 3.",
        "All of us.",
    ]


def test_words_behind_a_long_pause_are_another_sentence():
    finals = Finals("en")
    finals.words(words("And then"), "en", 1.0)
    assert finals.words(words("we", 600 + PAUSE_MS - 1), "en", 2.0) == []
    assert texts(finals.words(words("left", 5 * PAUSE_MS), "en", 9.0)) == ["And then we"]


def test_long_clause_is_final_at_its_comma_and_the_rest_goes_on_in_small_letters():
    long = "it is worth mentioning " * 4 + "here,"
    assert len(long) >= CLAUSE_CHARS
    finals = Finals("en")
    assert finals.words(words("short, so far,"), "en", 1.0) == []
    assert texts(finals.words(words(long, 900), "en", 2.0)) == [f"Short, so far, {long}"]
    assert texts(finals.words(words("that it ends.", 9000), "en", 3.0)) == ["that it ends."]


def test_commas_of_words_that_came_together_cut_no_sentence_that_has_ended():
    long = "so many words that they could be a clause of their own and more besides,"
    finals = Finals("en")
    found = texts(
        finals.words(words(f"They printed the true book. The invention of it, {long} was"), "en", 1.0)
    )
    assert found == ["They printed the true book.", f"The invention of it, {long}"]
    assert finals.partial().text == "was"


def test_sentence_without_a_comma_is_cut_where_it_is_too_long():
    finals = Finals("en")
    found = finals.words(words("word " * 60 + "word"), "en", 1.0)
    assert found
    assert all(len(final.text) <= MOST_CHARS for final in found)


def test_full_stop_that_comes_late_is_no_sentence():
    finals = Finals("en")
    finals.words(words("that is all"), "en", 1.0)
    assert texts(finals.speech(started=False)) == ["That is all"]
    assert finals.words([Word(900, 900, ".", 0.9)], "en", 2.0) == []
    assert texts(finals.words(words("And more.", 4000), "en", 3.0)) == ["And more."]


def test_what_nothing_follows_is_final_after_a_moment():
    finals = Finals("en")
    assert finals.due_s() is None
    finals.words(words("no full stop"), "en", 10.0)
    assert finals.due_s() == 10.0 + QUIET_S
    assert finals.quiet(10.0 + QUIET_S - 0.01) == []
    assert texts(finals.quiet(10.0 + QUIET_S)) == ["No full stop"]
    assert finals.quiet(99.0) == []


def test_what_is_still_heard_is_waited_for_and_not_for_ever():
    finals = Finals("en")
    finals.words(words("it goes"), "en", 10.0)
    finals.hypothesis(words("on", 600), "en", 11.0)
    assert finals.partial().text == "It goes on"
    assert finals.quiet(11.0 + QUIET_S) == []
    assert finals.speech(started=False) == []
    assert texts(finals.quiet(11.0 + STALE_S)) == ["It goes"]


def test_speaker_who_has_stopped_waits_for_nothing():
    finals = Finals("en")
    assert finals.speech(started=True) == []
    finals.words(words("that is all"), "en", 10.0)
    assert texts(finals.speech(started=False)) == ["That is all"]
    assert finals.speech(started=False) == []


def test_recogniser_that_is_busy_cuts_no_sentence_of_who_still_speaks():
    finals = Finals("en")
    finals.speech(started=True)
    finals.words(words("printing in the only sense"), "en", 10.0)
    assert finals.quiet(10.0 + QUIET_S) == []
    assert finals.quiet(10.0 + STALE_S - 0.01) == []
    assert texts(finals.words(words("we know.", 1500), "en", 10.0 + STALE_S)) == [
        "Printing in the only sense we know."
    ]


def test_end_makes_a_sentence_of_what_was_confirmed_and_of_nothing_else():
    finals = Finals("en")
    finals.words(words("almost"), "en", 10.0)
    finals.hypothesis(words("there", 300), "en", 10.5)
    assert texts(finals.ended()) == ["Almost"]
    assert finals.ended() == []


def test_another_language_is_another_sentence():
    finals = Finals("en")
    finals.words(words("good morning"), "en", 10.0)
    found = finals.words(words("guten Morgen.", 600), "de", 11.0)
    assert found == [FinalText("Good morning", "en", 600), FinalText("Guten Morgen.", "de", 1200)]
    assert finals.lang == "de"


def test_every_word_is_in_one_final_whatever_the_cutting():
    spoken = words("one two three. four five six seven. eight nine")
    for size in range(1, len(spoken) + 1):
        finals = Finals("en")
        found = []
        for begin in range(0, len(spoken), size):
            found += finals.words(spoken[begin : begin + size], "en", 1.0)
        found += finals.ended()
        assert texts(found) == ["One two three.", "Four five six seven.", "Eight nine"]


def test_rows_of_the_text_stream_are_words():
    assert words_of([[0, 300, " Hi.", 0.5]]) == [Word(0, 300, " Hi.", 0.5)]
