"""Speech that is late is skipped, not queued."""

from translation.speech.pace import LATE_S, SpeechPace


def test_speech_that_is_ready_soon_is_sent():
    pace = SpeechPace()
    assert pace.in_time(100.0, 100.4)
    assert pace.in_time(100.0, 100.0 + LATE_S)


def test_speech_that_took_too_long_is_skipped():
    pace = SpeechPace()
    assert not pace.in_time(100.0, 100.1 + LATE_S)


def test_speech_whose_turn_would_come_too_late_is_skipped():
    pace = SpeechPace(late_s=5.0)
    pace.sent(100.0, 8.0)  # sounds until 108
    assert not pace.in_time(102.0, 102.5)
    assert pace.in_time(103.0, 103.5)


def test_speaker_who_says_more_than_can_be_spoken_never_falls_behind():
    pace = SpeechPace(late_s=5.0)
    begins, spoken = [], 0
    for number in range(100):  # a sentence of 6 s each 3 s
        shown_s = 3.0 * number
        if pace.in_time(shown_s, shown_s + 0.2):
            begins.append(max(0.0, spoken - shown_s))
            pace.sent(shown_s + 0.2, 6.0)
            spoken = max(spoken, shown_s + 0.2) + 6.0
    assert 45 <= len(begins) <= 55
    assert max(begins) <= 5.0


def test_what_is_left_shrinks_to_nothing():
    pace = SpeechPace(late_s=5.0)
    assert pace.left_s(100.0, 101.0) == 4.0
    assert pace.left_s(100.0, 200.0) == 0.0
