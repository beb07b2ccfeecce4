"""Binary messages → entries of the audio log, decoded as the recogniser's process does."""

from __future__ import annotations

import hashlib
import io
import wave

import av
import numpy as np
import pytest

from asr.audio.decode import StreamDecoder
from asr.audio.pcm import RawFormat
from gateways.deepgram.audio import AudioIn
from gateways.deepgram.request import parse
from rooms.errors import BadInput

RAW = b"encoding=linear16&sample_rate=16000"
TONE = (np.sin(np.arange(32_000) * 440 * 2 * np.pi / 16_000) * 8000).astype("<i2")


def heard(audio, messages, channel=""):
    """What the decoder makes of them, in samples."""
    decoder, found = StreamDecoder(), []
    for number, message in enumerate(messages, 1):
        for blob in audio.feed(message):
            if blob.channel == channel:
                found += decoder.feed(f"{number}-0", blob.kind, blob.data)
    found += decoder.flush()
    return np.concatenate([pcm.samples for pcm in found]) if found else np.empty(0, np.float32)


def pieces(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


def wav(samples, rate_hz=16_000, channels=1, width=2):
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate_hz)
        out.writeframes(samples)
    return file.getvalue()


def opus_packets(samples):
    codec = av.CodecContext.create("libopus", "w")
    codec.sample_rate, codec.layout, codec.format = 48_000, "mono", "s16"
    resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000, frame_size=960)
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = 16_000
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return [bytes(packet) for each in [*frames, None] for packet in codec.encode(each)]


def test_raw_samples_may_be_cut_anywhere():
    audio = AudioIn(parse(RAW))
    data = TONE.tobytes()
    samples = heard(audio, pieces(data, 4001))
    assert np.allclose(samples, TONE / 32768, atol=1e-4)
    assert audio.heard_ms == 2000
    assert audio.sha256 == hashlib.sha256(data).hexdigest()


def test_each_channel_is_heard_by_itself_where_that_is_asked_for():
    both = np.stack([TONE, -TONE // 2], axis=1).tobytes()
    for channel, expected in (("0", TONE), ("1", -TONE // 2)):
        audio = AudioIn(parse(RAW + b"&channels=2&multichannel=true"))
        samples = heard(audio, pieces(both, 4001), channel)
        assert np.allclose(samples, expected / 32768, atol=1e-4)
        assert audio.heard_ms == 2000


def test_channels_that_are_not_speakers_are_mixed():
    both = np.stack([TONE, -TONE], axis=1).tobytes()
    samples = heard(AudioIn(parse(RAW + b"&channels=2")), [both])
    assert len(samples) == len(TONE)
    assert np.abs(samples).max() < 1e-3


def test_packets_of_opus_are_heard_for_longer_than_a_cluster():
    packets = opus_packets(TONE)
    audio = AudioIn(parse(b"encoding=opus&sample_rate=48000"))
    samples = heard(audio, packets * 20)
    assert audio.heard_ms == 20 * 20 * len(packets)
    assert abs(len(samples) / 16 - audio.heard_ms) < 30
    assert np.abs(samples[-16_000:]).max() > 0.2


def test_bytes_that_are_no_packet_of_opus_hurt_nothing():
    audio = AudioIn(parse(b"encoding=opus"))
    packets = opus_packets(TONE)
    samples = heard(audio, [b"\xff", *packets, b"\0" * 5000, *packets])
    assert len(samples) > 60_000


@pytest.mark.parametrize("size", [7, 45, 100_000])
def test_wav_is_its_samples_whatever_its_header_is_cut_into(size):
    audio = AudioIn(parse(b""))
    samples = heard(audio, pieces(wav(TONE.tobytes()), size))
    assert np.allclose(samples, TONE / 32768, atol=1e-4)
    assert audio.heard_ms == 2000


@pytest.mark.parametrize(
    "data",
    [
        wav(TONE.tobytes(), rate_hz=12_345),
        wav(TONE.tobytes(), width=4),
        wav(TONE.tobytes(), channels=20),
        b"RIFF" + b"data" * 100,
        b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\x7f" + b"\0" * 70_000,
    ],
)
def test_wav_of_another_kind_is_refused(data):
    with pytest.raises(BadInput, match="undecodable_audio"):
        AudioIn(parse(b"")).feed(data)


def test_webm_goes_as_it_is():
    audio = AudioIn(parse(b""))
    first, second = b"\x1a\x45\xdf\xa3" + b"x" * 10, b"y" * 10
    assert [(blob.kind, blob.data) for message in (first, second) for blob in audio.feed(message)] == [
        ("head", first), ("more", second),
    ]  # fmt: skip
    assert RawFormat.of_kind("head") is None


def test_container_whose_beginning_is_missing_is_no_beginning():
    (blob,) = AudioIn(parse(b"")).feed(b"garbage")
    assert blob.kind == "join"
