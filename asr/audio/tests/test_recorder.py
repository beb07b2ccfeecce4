"""Any audio that PyAV reads becomes the blobs that a browser's recorder would send."""

import io
import os
import threading
from itertools import pairwise

import av
import numpy as np
import pytest

from asr.audio.recorder import Blob, NotAudioError, record_file
from asr.audio.tests.recordings import DATA, alike, as_wav, decode, entries, muxed_tones, spread, tones


def test_blobs_are_about_250_ms_follow_each_other_and_hold_everything():
    recorded = list(record_file(as_wav(tones(3.0))))
    assert recorded[0].start_ms == 0
    assert all(one.end_ms == other.start_ms for one, other in pairwise(recorded))
    assert all(240 <= blob.end_ms - blob.start_ms <= 310 for blob in recorded[:-1])
    assert 3_000 <= recorded[-1].end_ms <= 3_070
    sound = spread(decode(entries([blob.data for blob in recorded])))
    assert alike(sound, tones(3.0), within_ms=2) > 0.98


def test_only_the_first_blob_has_the_header_and_another_demuxer_reads_the_whole():
    data = [blob.data for blob in record_file(as_wav(tones(3.0)))]
    assert [blob[:4] == b"\x1a\x45\xdf\xa3" for blob in data] == [True] + [False] * (len(data) - 1)
    with av.open(io.BytesIO(b"".join(data))) as container:
        assert container.format.name == "matroska,webm"
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.layout.name, stream.rate) == ("opus", "mono", 48_000)
        assert 2.9 < sum(frame.samples for frame in container.decode(stream)) / 48_000 < 3.1


def test_raw_samples_are_the_samples():
    recorded = list(record_file(as_wav(tones(2.01)), audio_format="pcm"))
    assert all(blob.end_ms - blob.start_ms == 250 for blob in recorded[:-1])
    sound = np.frombuffer(b"".join(blob.data for blob in recorded), "<i2") / 32768
    assert len(sound) == int(2.01 * 16_000)
    assert np.abs(sound - tones(2.01)).max() < 0.001


@pytest.mark.parametrize("container", ["webm", "ogg"])
def test_containers_and_stereo_are_read(container):
    recorded = list(record_file(io.BytesIO(muxed_tones(container, layout="stereo"))))
    sound = spread(decode(entries([blob.data for blob in recorded])))
    assert alike(sound, tones(3.0), within_ms=20) > 0.97


def test_a_talk_longer_than_a_cluster_keeps_its_times():
    recorded = [blob.data for blob in record_file(as_wav(np.tile(tones(5.0), 14)))]
    pcm = decode(entries(recorded))
    end_ms = pcm[-1].start_ms + len(pcm[-1].samples) / 16
    assert 70_000 <= end_ms <= 70_130


def test_a_real_browsers_recording_can_be_sent_again():
    recorded = list(record_file(DATA / "chromium_recording.webm"))
    assert 11_400 <= recorded[-1].end_ms <= 11_520


def test_a_file_that_breaks_off_is_sent_as_far_as_it_goes():
    whole = (DATA / "chromium_recording.webm").read_bytes()
    recorded = list(record_file(io.BytesIO(whole[: len(whole) // 2])))
    assert 5_000 < recorded[-1].end_ms < 6_000


def test_recording_begins_before_the_source_ends():
    blobs = record_file(as_wav(tones(60.0)))
    assert isinstance(next(blobs), Blob)


@pytest.mark.parametrize(
    "data",
    [b"", b"hello, this is text" * 100, bytes(1_000), b"\x1a\x45\xdf\xa3" + bytes(100)],
    ids=["empty", "text", "zeros", "head"],
)
def test_what_is_no_audio_says_so(data):
    with pytest.raises(NotAudioError):
        list(record_file(io.BytesIO(data)))


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(NotAudioError, match="cannot be read"):
        list(record_file(tmp_path / "missing.flac"))


def test_a_device_is_opened_by_its_kind():
    recorded = list(record_file("sine=frequency=440:duration=2", container="lavfi"))
    assert 2_000 <= recorded[-1].end_ms <= 2_130
    with pytest.raises(NotAudioError):
        list(record_file("no such microphone", container="alsa"))


def test_a_pipe_is_read_as_it_comes():
    reading, writing = os.pipe()
    wav = as_wav(tones(2.0)).getvalue()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb") as sink:
        blobs = record_file(source)
        writer = threading.Thread(target=lambda: (sink.write(wav), sink.close()))
        writer.start()
        recorded = list(blobs)
        writer.join()
    assert 2_000 <= recorded[-1].end_ms <= 2_130
