"""A captioner that hears along and takes over: behind what the other one gave out, with what it heard itself, and nothing twice."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.caption.captioner import Captioner, SentenceReady
from asr.caption.partial import PartialText
from asr.caption.tests.test_captioner import OPTIONS, PER_MS, sound
from asr.caption.tests.test_pieces import TALK, captioner, heard, said
from asr.recognise.scripted import ScriptedRecogniser

END_MS = 9000
SPOKEN = TALK + " we go on."


def stored_of(events):
    """What a successor reads of them: where to go on, the last text, and the pieces of a sentence that goes on."""
    unfinished, last = "", None
    for event in events:
        if isinstance(event, SentenceReady):
            unfinished, last = ("" if event.ends else f"{unfinished} {event.text}".strip()), event
    return ("" if last is None else last.text), unfinished


def words(events):
    return " ".join(event.text for event in events if isinstance(event, SentenceReady)).lower().split()


@pytest.mark.parametrize("begun_ms", [0, 1500, 3000])
@pytest.mark.parametrize("handed_ms", range(500, END_MS, 500))
def test_every_word_is_given_out_once_whenever_it_takes_over(begun_ms, handed_ms):
    live = captioner(SPOKEN)
    before = heard(live, min(begun_ms, handed_ms))
    text, unfinished = stored_of(before)
    other = captioner(SPOKEN, live.committed_ms, committed_text=text, unfinished=unfinished)
    other.stand_by()
    before += heard(live, handed_ms)
    assert heard(other, handed_ms) == [], "it gives nothing out"
    before += live.cut()
    after = other.take_over(live.committed_ms, *stored_of(before))
    after += heard(other, END_MS)
    assert words([*before, *after]) == SPOKEN.lower().split()


@pytest.mark.parametrize("ahead_ms", [-1500, 1500])
def test_it_may_have_heard_less_or_more_than_the_one_before(ahead_ms):
    live, other = captioner(SPOKEN), captioner(SPOKEN)
    other.stand_by()
    before = heard(live, 5000)
    heard(other, 5000 + ahead_ms)
    before += live.cut()
    after = other.take_over(live.committed_ms, *stored_of(before))
    assert words([*before, *after, *heard(other, END_MS)]) == SPOKEN.lower().split()


def test_what_is_final_is_cut_off_as_a_piece_of_a_sentence_that_goes_on():
    live = captioner(TALK)
    heard(live, 4000)
    assert said(live.cut()) == [("because letters", True, False)]
    assert said(live.cut()) == []
    assert live.committed_ms == 3450


def test_readers_see_what_it_heard_as_soon_as_it_takes_over():
    live, other = Captioner(ScriptedRecogniser, OPTIONS), Captioner(ScriptedRecogniser, OPTIONS)
    other.stand_by()
    for each in (live, other):
        each.feed(0, sound(3200))
    events = [*live.poll(), *live.poll()]
    assert other.poll() == other.poll() == []
    taken = other.take_over(live.committed_ms, *stored_of(events))
    assert [event for event in taken if isinstance(event, PartialText)] == [
        PartialText(2000, "S0002w1 s0002w2", 0)
    ]


@given(st.integers(0, 8999), st.integers(0, 8999))
@settings(deadline=None)
def test_scripted_words_are_those_of_one_captioner(begun_ms, handed_ms):
    begun_ms, handed_ms = min(begun_ms, handed_ms), max(begun_ms, handed_ms)
    samples = sound(END_MS)

    def fed(each, until_ms):
        at_ms, events = each.heard_ms, []
        each.feed(at_ms, samples[at_ms * PER_MS : until_ms * PER_MS])
        while new := each.poll():
            events += new
        return events

    live = Captioner(ScriptedRecogniser, OPTIONS)
    before = fed(live, begun_ms)
    other = Captioner(ScriptedRecogniser, OPTIONS, live.committed_ms, committed_text=stored_of(before)[0])
    other.stand_by()
    before += fed(live, handed_ms) + live.cut()
    other.feed(other.heard_ms, samples[other.heard_ms * PER_MS : handed_ms * PER_MS])
    for _ in range(9):
        other.poll()
    after = other.take_over(live.committed_ms, *stored_of(before)) + fed(other, END_MS) + other.flush()
    expected = [f"s{slot // 4 + 1:04d}w{slot % 4 + 1}" for slot in range(18)]
    assert [word.rstrip(".") for word in words([*before, *after])] == expected
