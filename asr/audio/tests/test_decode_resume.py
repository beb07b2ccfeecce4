"""A decoder that begins again at a checkpoint gives the same audio at the same times."""

import dataclasses

import numpy as np
import pytest

from asr.audio.decode import Checkpoint, Pcm, StreamDecoder
from asr.audio.tests.recordings import (
    Entry,
    alike,
    chromium_blobs,
    entries,
    muxed_tones,
    recorded_tones,
    second_socket_at,
    tones,
)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def streams() -> dict[str, list[Entry]]:
    chromium, gap = chromium_blobs("chromium_recording"), chromium_blobs("chromium_socket_gap")
    raw = (tones(3.0) * 32767).astype("<i2").tobytes()
    own = recorded_tones()
    mixed = [
        *entries(own),
        ("50-0", "end", b""),
        *entries(own[7:], first="join", start=60),
        *((f"{100 + index}-0", "pcm", piece) for index, piece in enumerate(pieces(raw, 3_333))),
        *entries(pieces(muxed_tones("ogg"), 1_500), start=200),
        *entries(chromium, start=300),
    ]
    return {
        "chromium": entries(chromium),
        "chromium_gap": entries(gap, joins=[second_socket_at("chromium_socket_gap")]),
        "cut_anywhere": entries(pieces(b"".join(chromium), 997)),
        "blobs_of_several_packets_lost": entries(own[:4] + own[6:], joins=[4]),
        "ogg": entries(pieces(muxed_tones("ogg"), 1_500)),
        "stereo": entries(pieces(muxed_tones("webm", layout="stereo"), 1_500)),
        "pcm": [(f"{index}-0", "pcm", piece) for index, piece in enumerate(pieces(raw, 3_333))],
        "one_after_the_other": mixed,
    }


STREAMS = streams()


def by_sample(pcm: list[Pcm]) -> dict[int, np.ndarray]:
    return {piece.start_ms: piece.samples for piece in pcm}


def laid_out(pcm: list[Pcm], until_ms: int) -> tuple[np.ndarray, np.ndarray]:
    """The audio in its place, and where there is any."""
    sound, there = np.zeros(until_ms * 16 + 16, np.float32), np.zeros(until_ms * 16 + 16, bool)
    for piece in pcm:
        place = slice(piece.start_ms * 16, piece.start_ms * 16 + len(piece.samples))
        assert not there[place].any()
        sound[place], there[place] = piece.samples, True
    return sound, there


def fed(decoder: StreamDecoder, stream: list[Entry]) -> list[Pcm]:
    return [piece for entry in stream for piece in decoder.feed(*entry)]


@pytest.mark.parametrize("name", STREAMS)
def test_beginning_again_at_any_time_gives_the_same_audio_from_there_on(name):
    stream = STREAMS[name]
    decoder = StreamDecoder()
    original = fed(decoder, stream) + decoder.flush()
    end_ms = max(piece.start_ms + len(piece.samples) // 16 for piece in original) + 1
    sound, there = laid_out(original, end_ms)
    ids = [entry[0] for entry in stream]
    tried = set()
    for at_ms in range(0, end_ms, 130):
        checkpoint = decoder.checkpoint(at_ms)
        if checkpoint is None or checkpoint in tried:
            continue
        tried.add(checkpoint)
        assert checkpoint.at_ms <= at_ms
        again = StreamDecoder(resume=Checkpoint.from_bytes(checkpoint.to_bytes()))
        replayed = fed(again, stream[ids.index(checkpoint.entry_id) :]) + again.flush()
        new_sound, new_there = laid_out(replayed, end_ms)
        assert np.array_equal(new_there[at_ms * 16 :], there[at_ms * 16 :]), "times must be the same"
        heard, expected = new_sound[at_ms * 16 :], sound[at_ms * 16 :]
        assert np.abs(heard - expected).max(initial=0) < 0.05, f"at {at_ms}"
        if expected.std() > 0.01:
            assert alike(heard, expected) > 0.999
    assert len(tried) >= end_ms // 500


def test_a_checkpoint_is_never_far_behind():
    decoder = StreamDecoder()
    fed(decoder, STREAMS["chromium"])
    for at_ms in range(0, 11_400, 100):
        checkpoint = decoder.checkpoint(at_ms)
        assert checkpoint is not None
        assert at_ms - checkpoint.at_ms <= 520


def test_a_checkpoint_can_be_taken_again_from_a_resumed_decoder():
    stream = STREAMS["chromium"]
    decoder = StreamDecoder()
    fed(decoder, stream)
    expected = decoder.checkpoint(9_000)
    ids = [entry[0] for entry in stream]
    for at_ms in (2_000, 4_000, 8_000):
        checkpoint = decoder.checkpoint(at_ms)
        assert checkpoint is not None
        again = StreamDecoder(resume=checkpoint)
        fed(again, stream[ids.index(checkpoint.entry_id) :])
        found = again.checkpoint(9_000)
        assert found is not None
        assert found.at_ms <= 9_000 - 200
        assert expected is not None
        assert abs(found.at_ms - expected.at_ms) <= 240


def test_entries_missing_at_the_checkpoint_are_a_loss_like_any_other():
    stream = STREAMS["chromium"]
    decoder = StreamDecoder()
    original = fed(decoder, stream) + decoder.flush()
    checkpoint = decoder.checkpoint(3_000)
    assert checkpoint is not None
    ids = [entry[0] for entry in stream]
    again = StreamDecoder(resume=checkpoint)
    replayed = fed(again, stream[ids.index(checkpoint.entry_id) + 3 :]) + again.flush()
    end_ms = original[-1].start_ms + len(original[-1].samples) // 16
    (sound, _), (late, there) = laid_out(original, end_ms), laid_out(replayed, end_ms)
    heard = slice(int(np.argmax(there)) + 960, end_ms * 16)
    assert alike(late[heard], sound[heard], within_ms=12) > 0.97


def test_nothing_fed_nothing_to_begin_at():
    assert StreamDecoder().checkpoint(10_000) is None


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[1]", b'[1,"0-0","?",0,0,0,0]', b'[1,"0-0","",-1,0,0,0]', b"\xff\xfe"]
)
def test_a_damaged_checkpoint_says_so(data):
    with pytest.raises(ValueError):  # noqa: PT011
        Checkpoint.from_bytes(data)


def test_a_checkpoint_survives_being_stored():
    checkpoint = Checkpoint("12-3", 7, b"\x00\xff", -104, 0, None)
    assert Checkpoint.from_bytes(checkpoint.to_bytes()) == checkpoint
    based = dataclasses.replace(checkpoint, base_samples=99)
    assert Checkpoint.from_bytes(based.to_bytes()) == based
