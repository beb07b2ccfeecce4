"""Long sentences are stored in pieces of confirmed words, and each of them ends."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.audio.samples import SAMPLES_PER_MS
from asr.caption.captioner import Captioner, SentenceEnded, SentenceReady
from asr.caption.pieces import PAUSE_MS, WHOLE, PieceRule
from asr.caption.sentences import SentenceAssembler
from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import Committed, Word
from asr.recognise.tests.words import sequence
from asr.recognise.text import WITHOUT_SPACES
from transcripts.text import WITHOUT_SPACES as STORED_WITHOUT_SPACES

RULE = PieceRule(at_clause=3, at_most=6)


def count(text, rule=RULE, language="en"):
    return rule.count(sequence(text), language)


@pytest.mark.parametrize(
    ("pending", "words"),
    [
        ("one two three, four", 3),
        ("one, two three four, five", 4),  # three words at least
        ("one two three,", 0),  # nothing is heard behind it
        ("one two three four five six", 0),
        ("one two three four five six seven", 6),
        ("one two three; four five: six seven", 3),
    ],
)
def test_a_piece_closes_at_a_clause_and_at_the_latest_after_so_many_words(pending, words):
    assert count(pending) == words
    assert count(pending, WHOLE) == 0


def test_a_long_piece_closes_at_the_last_clause_of_its_second_half():
    rule = PieceRule(at_clause=6, at_most=8)
    assert rule.count(sequence("and so, my friends, we go on and on then"), "en") == 8
    assert rule.count(sequence("and so my fellow friends, we go and go"), "en") == 5


def test_a_piece_closes_at_a_pause():
    words = [Word(500 * at, 500 * at + 400, f" w{at}", 1.0) for at in range(5)]
    assert RULE.count(words, "en") == 0
    words[4] = Word(1900 + PAUSE_MS, 2400, " w4", 1.0)
    assert RULE.count(words, "en") == 4


def test_where_no_clause_is_the_longest_pause_closes_it():
    words = [Word(500 * at, 500 * at + 400, f" w{at}", 1.0) for at in range(7)]
    words[4] = Word(2100, 2400, " w4", 1.0)
    assert RULE.count(words, "en") == 4


def test_a_piece_closes_when_it_is_long_however_few_words_it_has():
    words = [Word(900 * at, 900 * at + 850, f" w{at}", 1.0) for at in range(6)]
    rule = PieceRule(at_clause=3, at_most=9, most_ms=3500)
    assert [rule.count(words[:length], "en") for length in range(1, 7)] == [0, 0, 0, 0, 4, 5]
    few = [Word(2000 * at, 2000 * at + 1990, f" w{at}", 1.0) for at in range(3)]
    assert rule.count(few, "en") == 2


def test_nothing_is_cut_within_a_word_and_no_mark_is_left_for_the_next_piece():
    texts = [" one", " two", " pick", "-up", ",", " and", " so"]
    words = [Word(100 * at, 100 * at + 90, text, 1.0) for at, text in enumerate(texts)]
    assert RULE.count(words, "en") == 5
    assert RULE.count(words[:5], "en") == 0


def test_a_language_without_spaces_is_cut_between_its_characters():
    words = [Word(100 * at, 100 * at + 90, text, 1.0) for at, text in enumerate("今日は，晴れUSB")]
    assert RULE.count(words[:4], "zh") == 0
    assert RULE.count(words, "zh") == 4
    assert WITHOUT_SPACES == STORED_WITHOUT_SPACES


SPOKEN = st.lists(st.sampled_from(["a", "word", "clause,", "end."]), max_size=60).map(" ".join)


@given(SPOKEN, st.integers(1, 5), st.integers(1, 9), st.integers(30, 90))
def test_pieces_hold_every_word_once_and_sentences_are_those_that_are_stored_whole(
    spoken, at_clause, at_most, max_chars
):
    def run(rule):
        assembler = SentenceAssembler("en", pieces=rule, max_chars=max_chars)
        done = [sentence for word in sequence(spoken) for sentence in assembler.add((word,))]
        return done + assembler.finish()

    pieces = run(PieceRule(at_clause, at_most))
    assert [word for piece in pieces for word in piece.words] == list(sequence(spoken))
    assert all(behind.continues is not before.ends for before, behind in pairwise(pieces))
    assert not pieces or (pieces[-1].ends and not pieces[0].continues)
    assert all(len(piece.words) <= max(at_most, at_clause) for piece in pieces if not piece.ends)
    if len(spoken) <= max_chars // 2:
        whole = [" ".join(sentence.text for sentence in run(WHOLE))]
        assert [" ".join(piece.text for piece in pieces)] == whole
        assert sum(piece.ends for piece in pieces) == len(run(WHOLE))


class Dictated:
    """A recogniser that hears a word each half second, and confirms it with the next one. What it hears is written down."""

    def __init__(self, texts, start_ms=0):
        self._words = [
            Word(500 * at, 500 * at + 450, f" {text}", 1.0) for at, text in enumerate(texts) if text
        ]
        self._words = [word for word in self._words if word.start_ms >= start_ms]
        self.heard_ms = self.finalised_ms = start_ms

    def feed(self, samples):
        self.heard_ms += len(samples) // SAMPLES_PER_MS

    def poll(self):
        return self._confirm(self.heard_ms - 500)

    def flush_steps(self):
        while events := self._confirm(self.heard_ms):
            yield events

    def _confirm(self, until_ms):
        done = [word for word in self._words[:1] if word.end_ms <= until_ms]
        self._words = self._words[len(done) :]
        silent_from_ms = self._words[0].start_ms if self._words else until_ms
        self.finalised_ms = max(self.finalised_ms, min(until_ms, silent_from_ms))
        return [Committed(tuple(done))] if done else []


OPTIONS = EngineOptions(piece_words=2, piece_words_most=4)


def captioner(text, start_ms=0, **resume):
    return Captioner(lambda at_ms: Dictated(text.split(" "), at_ms), OPTIONS, start_ms, **resume)


def heard(live, until_ms, from_ms=None):
    """What it gives out by then."""
    events = []
    at_ms = live.heard_ms if from_ms is None else from_ms
    while at_ms < until_ms:
        live.feed(at_ms, np.full(500 * SAMPLES_PER_MS, 0.1, dtype=np.float32))
        at_ms += 500
        events += live.poll()
    return events


def said(events):
    told = [event for event in events if isinstance(event, SentenceReady | SentenceEnded)]
    return [
        (each.text, each.continues, each.ends) if isinstance(each, SentenceReady) else "ended"
        for each in told
    ]


TALK = "we print, and we print, because letters are made of lead. Then"


def test_pieces_are_given_out_while_their_sentence_is_spoken():
    live = captioner(TALK)
    assert said(heard(live, 4000)) == [("We print,", False, False), ("and we print,", True, False)]
    assert live.committed_ms == 2450  # a successor begins behind them
    assert said(heard(live, 7000)) == [("because letters are made", True, False), ("of lead.", True, True)]
    assert said(live.flush()) == [("Then", False, True)]


def test_a_long_pause_ends_what_was_given_out_in_pieces():
    live = captioner("we print, and" + " " * 8 + "then we")
    assert said(heard(live, 5000)) == [("We print,", False, False), ("and", True, True)]


@pytest.mark.parametrize("killed_ms", range(500, 9000, 500))
def test_a_process_that_goes_on_in_a_sentence_continues_it_and_no_word_is_lost_or_doubled(killed_ms):
    whole = heard(captioner(TALK + " we go on."), 9000)
    live = captioner(TALK + " we go on.")
    before = heard(live, killed_ms)
    stored = [event for event in before if isinstance(event, SentenceReady)]
    unfinished = ""
    for event in stored:
        unfinished = "" if event.ends else f"{unfinished} {event.text}".strip()
    at_ms = live.committed_ms
    resume = {"line": 1, "committed_text": stored[-1].text, "unfinished": unfinished} if stored else {}
    successor = captioner(TALK + " we go on.", at_ms, **resume)
    after = heard(successor, 9000, from_ms=successor.heard_ms)
    assert said(before + after) == said(whole)


def test_a_sentence_of_which_a_successor_hears_nothing_more_ends_by_itself():
    live = captioner(
        "we print, and we" + " " * 12 + "then",
        950,
        line=1,
        committed_text="we print,",
        unfinished="we print,",
    )
    silent = captioner("", 950, line=1, committed_text="we print,", unfinished="we print,")
    assert said(heard(silent, 2500, from_ms=silent.heard_ms)) == []
    assert silent.committed_ms == 950
    assert said(heard(silent, 6000)) == ["ended"]
    assert silent.committed_ms > 4000
    assert said(heard(live, 5000, from_ms=live.heard_ms)) == [("and we", True, True)]


def test_a_sentence_that_grows_too_long_ends_with_the_pieces_that_were_given_out_of_it():
    options = replace(OPTIONS, max_sentence_chars=40)
    live = Captioner(lambda at_ms: Dictated(TALK.split(" "), at_ms), options)
    assert said(heard(live, 7000)) == [
        ("We print,", False, False), ("and we print,", True, False), "ended", ("because letters are made", False, False),
        ("of lead.", True, True),
    ]  # fmt: skip


@pytest.mark.parametrize("how", [lambda live: live.flush(), lambda live: live.break_off()])
def test_it_ends_too_where_nobody_speaks_on_or_another_writes_on(how):
    live = captioner("", 950, line=1, committed_text="we print,", unfinished="we print,")
    assert said(how(live)) == ["ended"]
    assert said(how(live)) == []


def test_a_sentence_that_is_broken_off_within_ends_at_its_confirmed_words():
    live = captioner(TALK)
    heard(live, 4000)
    assert said(live.break_off()) == [("because letters", True, True)]
    assert said(heard(live, 7000))[0][:2] == ("Are made of lead.", False)
