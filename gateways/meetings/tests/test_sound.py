"""When something was said, and its sound."""

import io
import wave

from gateways.meetings.sound import BYTES_PER_MS, KeptSound, SpokenTimes

SECOND = 1000 * BYTES_PER_MS


def test_time_of_a_word_is_the_epoch_s_at_which_its_sound_was_spoken():
    times = SpokenTimes()
    for n in range(1, 4):
        times.note(SECOND, 5_000_000 + 1000 * n)
    assert (times.at(0), times.at(1500), times.heard_ms) == (5_000_000, 5_001_500, 3000)


def test_network_that_wavers_moves_no_word():
    times = SpokenTimes()
    for now_ms in (1000, 2400, 3000, 4300):
        times.note(SECOND, 5_000_000 + now_ms)
    assert [times.at(at) for at in (0, 1000, 2000, 3000)] == [5_000_000, 5_001_000, 5_002_000, 5_003_000]


def test_what_comes_behind_a_pause_was_spoken_behind_it():
    times = SpokenTimes()
    times.note(SECOND, 5_001_000)
    times.note(SECOND, 5_031_000)
    assert (times.at(999), times.at(1000), times.at(1500)) == (5_000_999, 5_030_000, 5_030_500)


def test_pauses_are_not_remembered_for_ever():
    times = SpokenTimes()
    for n in range(3000):
        times.note(SECOND, 5_000_000 + 10_000 * n)
    assert times.at(2_999_500) == 5_000_000 + 29_990_000 - 500
    assert times.at(0) > 5_000_000


def test_time_is_known_before_anything_came():
    assert SpokenTimes().at(700) == 700


def sound(kept: KeptSound, start_ms: int, end_ms: int) -> bytes:
    with wave.open(io.BytesIO(kept.wav(start_ms, end_ms))) as read:
        assert (read.getnchannels(), read.getsampwidth(), read.getframerate()) == (1, 2, 16000)
        return read.readframes(read.getnframes())


def test_sound_of_a_phrase_is_what_was_sent_with_a_little_around_it():
    kept = KeptSound()
    seconds = [bytes([n, 0]) * (SECOND // 2) for n in range(4)]
    for second in seconds:
        kept.append(second)
    found = sound(kept, 1000, 2000)
    around = 200 * BYTES_PER_MS
    assert found == seconds[0][-around:] + seconds[1] + seconds[2][:around]
    assert sound(kept, 0, 4000) == b"".join(seconds)


def test_sound_that_is_not_kept_any_more_is_none():
    kept = KeptSound()
    for _ in range(5):
        kept.append(bytes(SECOND))
        kept.shorten(2 * SECOND)
    assert len(kept) == 2 * SECOND
    assert kept.wav(2000, 4000) == b""
    assert len(sound(kept, 3000, 4000)) == SECOND + 200 * BYTES_PER_MS
    kept.forget_before(4500)
    assert len(kept) == SECOND // 2
    kept.forget_before(99_000)
    assert len(kept) == 0
    assert kept.wav(6000, 7000) == b""
