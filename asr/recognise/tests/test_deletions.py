"""Speech that a decode leaves out is noticed, though the model hides it in the next word."""

import pytest

from asr.audio.vad import WINDOW_MS, SpeechGate
from asr.recognise.deletions import DELETION_MS, first_deletion, longest_ms
from asr.recognise.whisper import DecodedWord


def gate(speech, until_ms=10_000):
    """A gate that heard speech in these stretches (ms)."""
    heard = SpeechGate(threshold=0.5, pause_ms=500)
    for at_ms in range(0, until_ms, WINDOW_MS):
        spoken = any(start_ms <= at_ms < end_ms for start_ms, end_ms in speech)
        heard.quiet.append((at_ms, 0.9 if spoken else 0.1))
    return heard


def word(text, start_ms, end_ms):
    return DecodedWord(start_ms, end_ms, text, 0.9, 0.9, (1,), len(text), 1)


def test_words_that_follow_each_other_leave_no_deletion():
    words = [word(" Nobody", 0, 500), word(" knows", 500, 900), word(" 1455.", 900, 2300)]
    assert first_deletion(words, gate([(0, 2400)]), window_ms=0, from_ms=0) is None


def test_pause_is_no_deletion():
    words = [word(" Nobody", 0, 500), word(" knows.", 4000, 4500)]
    assert first_deletion(words, gate([(0, 600), (3900, 4600)]), window_ms=0, from_ms=0) is None


def test_speech_between_two_words_is_a_deletion_between_them():
    deletion = first_deletion(
        [word(" Nobody", 0, 500), word(" knows.", 2000, 2400)], gate([(0, 2400)]), window_ms=0, from_ms=0
    )
    assert deletion is not None
    assert (deletion.count, deletion.start_ms, deletion.end_ms) == (1, 500, 2000)
    assert deletion.speech_ms == pytest.approx(1500, abs=WINDOW_MS)


def test_what_hides_in_a_gap_and_under_the_next_word_counts_together():
    """ "In being comparatively modern. For" as it was decoded: "For" alone, its last 80 ms in the right place."""
    heard = gate([(9900, 11_300), (11_560, 11_700)], 12_000)
    deletion = first_deletion([word(" For", 3980, 5040)], heard, window_ms=6596, from_ms=9892)
    assert deletion is not None
    assert deletion.count == 0
    assert deletion.speech_ms >= DELETION_MS
    assert 11_100 <= deletion.end_ms <= 11_300  # the word itself is not in it


@pytest.mark.parametrize(("shorter", "longer"), [(" a", " whatever"), (" year", " 1462"), (" 中", " 中国人")])
def test_longer_words_may_last_longer(shorter, longer):
    assert longest_ms(shorter) < longest_ms(longer)
