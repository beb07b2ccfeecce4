"""StreamLAAL and LongYAAL, beside what OmniSTEval 0.1.10 said of the same words (LAALScorer and YAALScorer, computation-aware, long form)."""

import math

import pytest

from ops.measure.latency import Emitted, Segment, long_form_latency
from ops.measure.score import Seen, emitted, segments
from ops.measure.talk import ReferenceWord, Talk

SPOKEN = [
    Segment("Ask not what your country can do for you.", 0.0, 2.4),
    Segment("Ask what you can do for your country!", 3.1, 5.0),
    Segment("We choose to go to the Moon, and do the other things.", 6.0, 9.0),
]
HEARD = (
    "Ask:1.0 not,:1.2 what:1.2 your:1.9 country:1.9 can:2.5 do:2.5 for:2.5 you:3.4 ask:4.5 what:4.5 you:4.5 could:5.9 do:5.9 for:5.9 "
    "you:6.2 country.:6.2 Uh:7.0 we:7.0 choose:7.0 to:7.7 go:7.7 to:8.0 a:8.0 moon:9.5 and:9.5 do:9.5 the:9.5 other:9.5 thing.:9.5 "
    "Thank:10.0 you:10.0"
)


def words(text):
    pairs = (word.rsplit(":", 1) for word in text.split())
    return [Emitted(word, float(at)) for word, at in pairs]


def test_misheard_joined_and_invented_words_count_as_by_omnisteval():
    found = long_form_latency(SPOKEN, words(HEARD))
    assert found.stream_laal_s == pytest.approx(1.1944444444444446)
    assert found.long_yaal_s == pytest.approx(1.2177248677248678)


def test_one_sentence_can_be_counted_by_hand():
    """Ideal: a word each 0.5 s. Behind it: 1, 1, 1.5, and 1.5 s behind the segment's end."""
    found = long_form_latency(
        [Segment("one two three four", 10.0, 12.0)], words("one:11 two:11.5 three:12.5 four:13")
    )
    assert found.stream_laal_s == pytest.approx((1 + 1 + 1.5) / 3)  # up to the first word behind the segment
    assert found.long_yaal_s == pytest.approx((1 + 1) / 2)  # only what stands before the recording ends


def test_words_that_come_late_count_while_the_recording_goes_on():
    later = Segment("and so on", 15.0, 16.0)
    found = long_form_latency(
        [Segment("one two", 10.0, 11.0), later], words("one:13 two:14 and:15.5 so:15.9 on:15.95")
    )
    assert found.stream_laal_s == pytest.approx((3 + (0.5 + 0.9 - 1 / 3 + 0.95 - 2 / 3) / 3) / 2)
    assert found.long_yaal_s == pytest.approx(((3 + 3.5) / 2 + (0.5 + 0.9 - 1 / 3 + 0.95 - 2 / 3) / 3) / 2)


def test_hyphens_and_quotes_are_parted_as_by_moses():
    spoken = [Segment("A “self-made” man, i.e. me", 0.0, 3.0), Segment("don't we know", 3.2, 4.5)]
    found = long_form_latency(
        spoken, words("A:0.9 self:1.5 made:1.6 man:2.4 i.e.,:2.8 we:3.3 me:3.9 didn't:4.2 «we»:4.4 no:5")
    )
    assert found.stream_laal_s == pytest.approx(0.955952380952381)
    assert found.long_yaal_s == pytest.approx(0.9702380952380955)


@pytest.mark.parametrize(("spoken", "heard"), [([], words("a:1")), (SPOKEN, [])])
def test_where_nothing_was_said_or_put_out_there_is_no_latency(spoken, heard):
    found = long_form_latency(spoken, heard)
    assert math.isnan(found.stream_laal_s)
    assert math.isnan(found.long_yaal_s)


def test_a_talk_s_segments_are_its_sentences_at_the_times_of_their_words():
    said = tuple(
        ReferenceWord(w, 1000 * i, 1000 * i + 800) for i, w in enumerate(["It", 'rains."', "We", "go"])
    )
    talk = Talk("t", "en", None, "", said, ())
    assert segments(talk) == [Segment('It rains."', 0.0, 1.8), Segment("We go", 2.0, 3.8)]


def test_a_sentence_that_a_known_pause_interrupts_is_two_segments():
    said = (ReferenceWord("Well,", 0, 500), ReferenceWord("so", 3000, 3400), ReferenceWord("be", 3400, 3600))
    talk = Talk("t", "en", None, "", said, ((480, 2900),))  # an aligner's end may reach into the pause
    assert segments(talk) == [Segment("Well,", 0.0, 0.5), Segment("so be", 3.0, 3.6)]


def test_a_word_is_put_out_when_it_first_stands_in_final_text():
    seen = [Seen(1.0, "", "One"), Seen(2.0, "One", "One two"), Seen(3.0, "One two three", "")]
    assert emitted(seen) == [Emitted("One", 2.0), Emitted("two", 3.0), Emitted("three", 3.0)]
