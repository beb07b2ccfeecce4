"""How late lines are on screens: what pages say is believed within bounds."""

from __future__ import annotations

import pytest

from gateways.captions.screens import (
    COUNTS_FOR_S,
    LATE_MOST_S,
    REPORT_EVERY_S,
    SAMPLED_AT_LEAST,
    SENTENCES_KEPT,
    Sampled,
    Screens,
)

NOW_S = 1_800_000_000.0
KEY = ("de", 1, 7)


@pytest.fixture
def screens():
    found = Screens(one_in=10, chance=lambda: 0.5)
    found.sent(KEY, NOW_S - 2.0, NOW_S)
    return found


def test_delay_is_from_the_last_sound_to_the_screen_and_a_room_s_is_the_median(screens):
    for late_s in (0.1, 0.3, 40.0):
        assert screens.shown(Sampled(), KEY, NOW_S + late_s, NOW_S + 41) == pytest.approx(2.0 + late_s)
    assert screens.delay_s("de", NOW_S + 42) == 2.3
    assert screens.delay_s("en", NOW_S + 42) is None
    assert screens.delay_s("de", NOW_S + 42 + COUNTS_FOR_S) is None


@pytest.mark.parametrize(
    ("at_s", "arrives_s"),
    [(-1.1, 1.0), (5.0, 1.0), (LATE_MOST_S, LATE_MOST_S + 1), (-NOW_S, 1.0), (float(2**40), 1.0)],
)
def test_a_time_before_it_was_sent_behind_the_report_or_a_minute_late_is_not_believed(
    screens, at_s, arrives_s
):
    assert screens.shown(Sampled(), KEY, NOW_S + at_s, NOW_S + arrives_s) is None
    assert screens.delay_s("de", NOW_S + arrives_s) is None


def test_what_a_clock_may_be_off_is_cut_to_what_can_be(screens):
    assert screens.shown(Sampled(), KEY, NOW_S - 0.9, NOW_S + 1) == pytest.approx(2.0)
    assert screens.shown(Sampled(), KEY, NOW_S + 1.9, NOW_S + 1) == pytest.approx(3.0)


def test_a_reader_counts_once_in_half_a_minute_and_lies_count_as_reports(screens):
    reader = Sampled()
    assert screens.shown(reader, ("de", 9, 9), NOW_S, NOW_S + 1) is None
    assert screens.shown(reader, KEY, NOW_S + 1, NOW_S + 2) is None
    screens.sent(KEY, NOW_S + 30, NOW_S + 31)
    assert screens.shown(reader, KEY, NOW_S + 31, NOW_S + 1 + REPORT_EVERY_S) == pytest.approx(1.0)


def test_few_sentences_and_few_samples_are_kept(screens):
    for index in range(1000):
        screens.sent(("de", 2, index), NOW_S, NOW_S)
        screens.shown(Sampled(), ("de", 2, index), NOW_S, NOW_S)
    assert len(screens._sent) == SENTENCES_KEPT
    assert len(screens._delays["de"]) <= SENTENCES_KEPT
    assert screens.shown(Sampled(), ("de", 2, 0), NOW_S, NOW_S) is None


def test_the_first_readers_are_asked_then_one_in_so_many_or_nobody():
    chances = iter([0.5, 0.05])
    screens = Screens(one_in=10, chance=lambda: next(chances))
    assert all(screens.choose() for _ in range(SAMPLED_AT_LEAST))
    assert screens.choose() is None
    assert screens.choose() is not None
    assert Screens(one_in=0).choose() is None
