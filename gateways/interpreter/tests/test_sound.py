"""What is heard, and how late its text is; by the letter."""

import numpy as np
import pytest

from gateways.interpreter.sound import REMEMBERED, SOUND, WARNED_AFTER_S, Arrivals, SoundWatch, has_sound


@pytest.mark.parametrize(
    ("samples", "heard"),
    [([], False), ([0] * 320, False), ([SOUND - 1, 1 - SOUND], False), ([0, -SOUND], True), ([-32768], True)],
)
def test_last_bits_are_no_sound(samples, heard):
    assert has_sound(np.array(samples, "<i2").tobytes()) is heard


def test_silence_is_told_after_five_seconds_once_and_again_after_sound():
    watch = SoundWatch(100.0)
    assert WARNED_AFTER_S == 5.0
    assert not watch.warns(104.9)
    assert watch.warns(105.0)
    assert watch.due_s() is None
    assert not watch.warns(500.0)
    watch.heard(600.0)
    assert watch.due_s() == 605.0
    assert watch.warns(606.0)


def test_delay_counts_from_when_the_sound_came():
    arrivals = Arrivals()
    assert arrivals.since_ms(0, 10.0) is None
    for number in range(10):
        arrivals.came(20.0, 100.0 + number * 0.02)
    assert arrivals.since_ms(20.0, 101.0) == pytest.approx(1000)
    assert arrivals.since_ms(21.0, 101.0) == pytest.approx(980)
    assert arrivals.since_ms(900.0, 101.0) == pytest.approx(820)  # a word may end behind all that came
    for _ in range(REMEMBERED):
        arrivals.came(20.0, 200.0)
    assert arrivals.since_ms(20.0, 300.0) is None
