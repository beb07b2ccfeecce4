"""Recorders' bytes become the audio that was recorded, in its place in time."""

from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.audio.decode import StreamDecoder, classify
from asr.audio.tests.recordings import (
    DATA,
    alike,
    chromium_blobs,
    decode,
    entries,
    gaps,
    muxed_tones,
    recorded_tones,
    second_socket_at,
    spread,
    tones,
)


def reference(path: str) -> np.ndarray:
    """A file as PyAV's own demuxer and decoder read it."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
    pieces = []
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            frame.pts = None
            pieces += resampler.resample(frame)
    pieces += resampler.resample(None)
    return np.concatenate([piece.to_ndarray()[0] for piece in pieces])


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Data cut at places (modulo its length)."""
    edges = sorted({0, len(data), *(place % len(data) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


STREAMS = {
    "chromium": b"".join(chromium_blobs("chromium_recording")),
    "recorder": b"".join(recorded_tones()),
    "ffmpeg_webm": muxed_tones("webm"),
    "ffmpeg_ogg": muxed_tones("ogg"),
}


def test_chromiums_recording_gives_the_same_audio_as_an_independent_demuxer():
    pcm = decode(entries(chromium_blobs("chromium_recording")))
    expected = reference(str(DATA / "chromium_recording.webm"))
    assert gaps(pcm) == []
    assert len(spread(pcm)) == len(expected) == 11_460 * 16
    assert alike(spread(pcm), expected) > 0.98, "libopus and ffmpeg's own decoder differ a little"


def test_every_blob_gives_its_audio_at_once():
    decoder = StreamDecoder()
    heard_ms = []
    for entry in entries(chromium_blobs("chromium_recording")):
        for pcm in decoder.feed(*entry):
            heard_ms.append(pcm.start_ms + len(pcm.samples) // 16)
    blobs = len(chromium_blobs("chromium_recording"))
    assert len(heard_ms) == blobs
    assert all(later - earlier <= 360 for earlier, later in pairwise(heard_ms))


@pytest.mark.parametrize("name", ["recorder", "ffmpeg_webm", "ffmpeg_ogg"])
def test_what_was_recorded_is_heard_in_its_place(name):
    pcm = decode(entries([STREAMS[name]]))
    assert gaps(pcm) == []
    sound = spread(pcm)
    assert 3.0 * 16_000 <= len(sound) < 3.1 * 16_000
    assert alike(sound, tones(3.0), within_ms=2) > 0.98


@pytest.mark.parametrize("container", ["webm", "ogg"])
def test_stereo_is_mixed_down(container):
    sound = spread(decode(entries([muxed_tones(container, layout="stereo")])))
    assert alike(sound, tones(3.0), within_ms=2) > 0.98
    assert 0.4 < np.abs(sound).max() < 0.7


@pytest.mark.parametrize("name", STREAMS)
@settings(deadline=None, max_examples=25)
@given(places=st.lists(st.integers(0, 1 << 20), max_size=60))
def test_any_cutting_gives_identical_audio(name, places):
    pcm = decode(entries(cut(STREAMS[name], places)))
    assert gaps(pcm) == []
    assert np.array_equal(spread(pcm), whole(name))


_whole: dict[str, np.ndarray] = {}


def whole(name: str) -> np.ndarray:
    if name not in _whole:
        _whole[name] = spread(decode(entries([STREAMS[name]])))
    return _whole[name]


@pytest.mark.parametrize("name", STREAMS)
def test_byte_by_byte_gives_identical_audio(name):
    data = STREAMS[name][:12_000]
    singles = [data[index : index + 1] for index in range(len(data))]
    assert np.array_equal(spread(decode(entries(singles))), spread(decode(entries([data]))))


def test_a_socket_gap_of_a_real_browser_loses_only_what_was_not_sent():
    blobs, at = chromium_blobs("chromium_socket_gap"), second_socket_at("chromium_socket_gap")
    pcm = decode(entries(blobs, joins=[at]))
    ((start_ms, end_ms),) = gaps(pcm)
    complete = whole("chromium")
    sound = spread(pcm)
    assert 1_300 < end_ms - start_ms < 1_700
    packets = len(sound) - (end_ms - start_ms) * 16
    assert packets == 166 * 960, "five packets in each of 33 blobs, one in the last"
    for piece in (slice(0, start_ms * 16), slice((end_ms + 60) * 16, len(complete))):
        assert alike(sound[piece], complete[piece], within_ms=12) > 0.98


@pytest.mark.parametrize(("first", "count"), [(1, 1), (5, 1), (5, 3), (10, 20), (30, 8)])
def test_lost_blobs_of_a_browser_cost_only_their_own_audio(first, count):
    blobs = chromium_blobs("chromium_recording")
    kept = blobs[:first] + blobs[first + count :]
    pcm = decode(entries(kept, joins=[first]))
    lost_packets = 191 - (len(blobs) - count - 1) * 5 - 1
    ((start_ms, end_ms),) = gaps(pcm)
    sound, complete = spread(pcm), whole("chromium")
    assert len(sound) - (end_ms - start_ms) * 16 >= len(complete) - lost_packets * 960 - 16
    assert abs(end_ms - start_ms - lost_packets * 60) <= 20
    assert alike(sound[: start_ms * 16], complete[: start_ms * 16]) > 0.99
    after = slice((end_ms + 60) * 16, None)
    assert alike(sound[after], complete[after], within_ms=12) > 0.97


def test_reconnecting_without_loss_loses_nothing():
    blobs = chromium_blobs("chromium_recording")
    joined = decode(entries(blobs, joins=range(1, len(blobs))))
    assert gaps(joined) == []
    assert np.array_equal(spread(joined), whole("chromium"))


@pytest.mark.parametrize("name", ["recorder", "ffmpeg_webm", "ffmpeg_ogg"])
@settings(deadline=None, max_examples=40)
@given(start=st.integers(0, 1 << 20), length=st.integers(0, 6_000))
def test_any_lost_stretch_behind_the_header_leaves_the_rest_audible_and_in_order(name, start, length):
    data = STREAMS[name]
    start = 600 + start % (len(data) - 1_200)
    pcm = decode(entries([data[:start], data[start + length :]], joins=[1]))
    expected = len(whole(name)) / 16 * (1 - length / (len(data) - 600))
    heard_ms = sum(len(piece.samples) for piece in pcm) / 16
    spread(pcm)
    assert heard_ms > expected - (700 if name == "ffmpeg_ogg" else 300)


def test_a_new_recorder_goes_on_where_the_last_one_ended():
    blobs = recorded_tones()
    both = entries(blobs) + entries(blobs, start=100)
    pcm = decode(both)
    assert gaps(pcm) == []
    once = spread(decode(entries(blobs)))
    assert abs(len(spread(pcm)) - 2 * len(once)) <= 16
    assert alike(spread(pcm)[-len(once) :], once) > 0.99


def test_a_second_header_right_behind_the_first_changes_nothing():
    blobs = chromium_blobs("chromium_recording")
    header = blobs[0][:146]
    pcm = decode([("0-0", "head", header), ("0-1", "head", header), *entries(blobs, start=1)])
    assert np.array_equal(spread(pcm), whole("chromium"))


def test_host_who_left_and_came_back_without_a_new_recorder_is_heard_again():
    blobs = chromium_blobs("chromium_recording")
    stream = entries(blobs, joins=[12])
    stream.insert(12, ("11-1", "end", b""))
    pcm = decode(stream)
    assert gaps(pcm) == []
    assert alike(spread(pcm), whole("chromium")) > 0.99


def test_raw_samples_come_out_as_they_went_in_however_they_are_cut():
    sent = (tones(2.0) * 32767).astype("<i2")
    data = sent.tobytes()
    pieces = cut(data, list(range(777, len(data), 777)))
    pcm = decode([(f"{index}-0", "pcm", piece) for index, piece in enumerate(pieces)])
    assert np.array_equal(spread(pcm), sent.astype(np.float32) / 32768)


def test_a_room_may_change_from_browser_to_mixer_and_back():
    raw = (tones(1.0) * 32767).astype("<i2").tobytes()
    blobs = recorded_tones()
    pcm = decode([*entries(blobs), ("50-0", "pcm", raw), *entries(blobs, start=60)])
    assert gaps(pcm) == []
    assert len(spread(pcm)) >= (2 * 3_000 + 1_000) * 16


def test_a_recorder_shows_itself_and_anything_else_that_is_first_joins():
    head, more = chromium_blobs("chromium_recording")[:2]
    ogg = muxed_tones("ogg")
    assert classify(head, first_of_socket=True) == "head"
    assert classify(head, first_of_socket=False) == "head"
    assert classify(ogg, first_of_socket=False) == "head"
    assert classify(ogg[ogg.index(b"OggS", 4) :], first_of_socket=False) == "more"
    assert classify(more, first_of_socket=False) == "more"
    assert classify(more, first_of_socket=True) == "join"
