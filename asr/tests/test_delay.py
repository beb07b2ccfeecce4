"""How late a session's text is."""

import pytest

from asr.delay import MEAN_OF, RECENT_S, DelayMeter, SpokenClock


class Clock:
    """A clock that a test sets."""

    now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def meter(clock):
    return DelayMeter(now=clock)


def test_backlog_counts_before_the_first_sentence(meter, clock):
    meter.waits_since(clock())
    clock.now_s += 12.5
    assert meter.value_s == 12.5


def test_mean_of_the_last_sentences_or_what_waits_now_if_that_is_more(meter, clock):
    meter.sentences([9.0, *[2.0] * MEAN_OF])
    assert meter.value_s == 2.0
    meter.waits_since(clock() - 1.0)
    assert meter.value_s == 2.0
    clock.now_s += 4
    assert meter.value_s == 5.0
    meter.waits_since(None)
    assert meter.value_s == 2.0


def test_sentence_that_was_late_long_ago_no_longer_counts(meter, clock):
    meter.sentences([60.0])
    clock.now_s += RECENT_S
    assert meter.value_s == 0.0


def test_it_is_published_when_it_moves_by_a_second_up_or_down(meter, clock):
    meter.waits_since(clock())
    told = []
    for _ in range(10):
        clock.now_s += 0.25
        if meter.moved():
            told.append(meter.mark_published())
    assert told == [1.0, 2.0]
    meter.waits_since(None)
    assert meter.moved()
    assert meter.mark_published() == 0.0


def test_audio_behind_the_text_counts_from_its_first_blob():
    spoken = SpokenClock()
    for end_ms, at_s in ((250, 1.0), (500, 2.0), (750, 3.0)):
        spoken.arrived(end_ms, at_s)
    assert spoken.arrived_behind(100) == 1.0
    assert spoken.arrived_behind(250) == 2.0
    assert spoken.arrived_behind(749) == 3.0
    assert spoken.arrived_behind(750) is None


def test_sound_in_the_middle_of_a_blob_was_spoken_before_the_blob_came():
    spoken = SpokenClock()
    spoken.arrived(300, 10.3)
    assert spoken.spoken_at_s(200) == pytest.approx(10.2)
    assert spoken.spoken_at_s(301) is None


def test_sound_that_a_page_kept_was_not_spoken_when_it_came_all_at_once():
    spoken = SpokenClock()
    for number in range(100):
        spoken.arrived(300 * (number + 1), 50.0 + number / 1000)
    assert spoken.spoken_at_s(600) == pytest.approx(50.099 - 29.4)
    spoken.arrived(30_300, 50.4)  # and on, as it is spoken
    assert spoken.spoken_at_s(30_300) == pytest.approx(50.4)
