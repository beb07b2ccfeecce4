"""Where speech is, as it is told: in turn, and once, also by the successor of a process that died."""

from asr.caption.speech import JITTER_MS, SpeechChanged, SpeechFollower


def follower(told=None, resume_ms=0):
    return SpeechFollower(told, resume_ms=resume_ms, pause_ms=640)


def started(at_ms):
    return SpeechChanged(True, at_ms)


def stopped(at_ms):
    return SpeechChanged(False, at_ms)


def test_speech_and_silence_take_turns():
    speech = follower()
    assert speech.ends(100) == ()
    assert speech.begins(200) == (started(200),)
    assert speech.begins(300) == ()
    assert speech.ends(900) == (stopped(900),)
    assert speech.ends(950) == ()
    assert speech.begins(950) == (started(950),)


def test_successor_in_mid_speech_tells_no_beginning_again():
    speech = follower(started(1000), resume_ms=6000)
    assert speech.begins(4000) == ()
    assert speech.goes_on(20_000) == ()
    assert speech.ends(8000) == (stopped(8000),)


def test_successor_tells_nothing_of_a_pause_in_what_it_hears_again():
    speech = follower(started(6200), resume_ms=7000)
    assert [speech.begins(5000), speech.ends(5500), speech.begins(6190)] == [(), (), ()]
    assert speech.ends(9000) == (stopped(9000),)


def test_successor_that_hears_the_end_of_speech_once_more_tells_it_not_again():
    speech = follower(stopped(5000), resume_ms=5000)
    assert [speech.begins(3000), speech.ends(5030)] == [(), ()]
    assert speech.begins(5000 + JITTER_MS) == (started(5000 + JITTER_MS),)


def test_speech_that_had_ended_unseen_when_the_process_died_is_ended_by_its_successor():
    speech = follower(started(1000), resume_ms=5000)
    assert speech.goes_on(5600) == ()
    assert speech.goes_on(5640) == (stopped(5000),)
    assert speech.goes_on(9000) == ()
    assert speech.begins(9000) == (started(9000),)
