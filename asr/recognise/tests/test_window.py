"""Where the window is cut."""

import pytest

from asr.recognise.recogniser import Word
from asr.recognise.window import CommittedWord, Cut, DecodeWindow


def window(*ends_ms, start_ms=0):
    """Holds a committed word of 300 ms for each of these ends."""
    made = DecodeWindow(start_ms)
    made.committed = [CommittedWord(Word(end - 300, end, " word", 0.9), (1,)) for end in ends_ms]
    return made


@pytest.mark.parametrize(
    ("ends_ms", "cut"),
    [
        ((1000, 5000, 7400, 9000), Cut(2, 6050)),  # the word that ends at 7400 stays
        ((1000, 7500, 7600), Cut(1, 4100)),
        ((1000, 9000), None),  # the only word of the first half stays
        ((8000, 9000), None),
    ],
)
def test_first_half_is_cut_before_its_last_committed_word(ends_ms, cut):
    assert window(*ends_ms).cut("first_half", 15_000) == cut


def test_half_of_a_window_is_counted_from_its_start():
    assert window(11_000, 15_000, 19_000, start_ms=10_000).cut("first_half", 26_000) == Cut(1, 12_850)
