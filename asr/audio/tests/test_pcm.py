"""Raw PCM: encodings, rates, cut bytes, hostile values, beginning again in the middle."""

import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.codec import CodecContext

from asr.audio.decode import StreamDecoder
from asr.audio.pcm import RATES_HZ, RawFormat, RawReader


def tone(rate_hz, seconds=1.0, hz=440.0):
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate_hz * seconds)) / rate_hz)


def encoded(samples, raw_format):
    frames = np.repeat(samples[:, None], raw_format.channels, axis=1).ravel()
    if raw_format.encoding == "f32le":
        return frames.astype("<f4").tobytes()
    return (frames * 32767).astype("<i2").tobytes()


def decoded(decoder, kind, pieces, first=1):
    pcm = [each for n, data in enumerate(pieces, first) for each in decoder.feed(f"{n}-0", kind, data)]
    return pcm + decoder.flush()


def in_pieces(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_kind_names_the_format_and_what_is_not_supported_names_none():
    assert RawFormat().kind == "pcm"
    for raw_format in (RawFormat(), RawFormat("f32le", 48_000, 2), RawFormat("s16le", 8_000)):
        assert RawFormat.of_kind(raw_format.kind) == raw_format
    for kind in ("more", "pcm/", "pcm/s16le/16000", "pcm/u8/16000/1", "pcm/s16le/7/1", "pcm/s16le/16000/-1",
                 "pcm/s16le/16000/99", "pcmx/s16le/16000/1"):  # fmt: skip
        assert RawFormat.of_kind(kind) is None
    with pytest.raises(ValueError, match="7 Hz"):
        RawFormat(rate_hz=7)


@pytest.mark.parametrize("encoding", ["s16le", "f32le"])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_every_rate_and_encoding_keeps_its_length_and_its_tone(encoding, rate_hz):
    raw_format = RawFormat(encoding, rate_hz, 2)
    pieces = in_pieces(encoded(tone(rate_hz, 2.0), raw_format), 997)  # cuts samples in two
    pcm = decoded(StreamDecoder(), raw_format.kind, pieces)
    samples = np.concatenate([each.samples for each in pcm])
    assert len(samples) == pytest.approx(32_000, abs=32)
    loudest = np.argmax(np.abs(np.fft.rfft(samples[:16_000])))
    assert loudest == pytest.approx(440, abs=1)
    assert np.abs(samples[1000:-1000]).max() == pytest.approx(0.5, abs=0.01)


def test_audio_time_does_not_drift_when_pieces_fit_no_whole_sample_of_ours():
    raw_format = RawFormat("s16le", 44_100)
    decoder = StreamDecoder()
    pieces = in_pieces(encoded(tone(44_100, 60.0), raw_format), 2 * 317)
    pcm = decoded(decoder, raw_format.kind, pieces)
    last = pcm[-1]
    assert last.start_ms + len(last.samples) / 16 == pytest.approx(60_000, abs=2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_values_that_are_no_sound_stay_within_bounds(value):
    reader = RawReader(RawFormat("f32le", 48_000))
    samples = reader.feed(np.full(4800, value, "<f4").tobytes())
    assert np.all(np.isfinite(samples))
    assert np.abs(samples).max() <= 1.1  # a resampler may swing over


@pytest.mark.parametrize(("rate_hz", "cut"), [(16_000, 1001), (44_100, 4410), (48_000, 1003)])
def test_decoding_begins_again_at_a_checkpoint_with_the_same_audio_at_the_same_time(rate_hz, cut):
    raw_format = RawFormat("s16le", rate_hz)
    pieces = in_pieces(encoded(tone(rate_hz, 3.0), raw_format), cut)
    decoder = StreamDecoder()
    whole = np.zeros(48_000, np.float32)
    for each in decoded(decoder, raw_format.kind, pieces):
        whole[each.start_ms * 16 : each.start_ms * 16 + len(each.samples)] = each.samples
    checkpoint = decoder.checkpoint(2000)
    assert checkpoint is not None
    number = int(checkpoint.entry_id.split("-")[0])
    again = decoded(StreamDecoder(resume=checkpoint), raw_format.kind, pieces[number - 1 :], number)
    assert again[0].start_ms <= 2000
    for each in again[1:]:  # the resampler's first milliseconds settle
        at = each.start_ms * 16
        same = np.abs(whole[at : at + len(each.samples)] - each.samples[: len(whole) - at])
        assert same.max() < 0.2 if rate_hz != 16_000 else same.max() == 0


def test_format_may_change_in_mid_stream_and_time_goes_on():
    decoder = StreamDecoder()
    first, second = RawFormat("s16le", 8_000), RawFormat("f32le", 48_000)
    pcm = decoder.feed("1-0", first.kind, encoded(tone(8_000), first))
    pcm += decoder.feed("2-0", second.kind, encoded(tone(48_000), second))
    pcm += decoder.flush()
    end_ms = pcm[-1].start_ms + len(pcm[-1].samples) / 16
    assert end_ms == pytest.approx(2000, abs=4)
    assert [each.start_ms for each in pcm] == sorted(each.start_ms for each in pcm)


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
def test_telephone_s_bytes_are_the_tone_that_was_encoded(encoding):
    codec = CodecContext.create(f"pcm_{encoding}", "w")
    codec.sample_rate, codec.layout, codec.format = 8000, "mono", "s16"
    frame = AudioFrame.from_ndarray(
        (tone(8000, 2.0) * 32767).astype("<i2").reshape(1, -1), format="s16", layout="mono"
    )
    frame.sample_rate = 8000
    sent = b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])
    assert len(sent) == 16_000  # a byte a sample
    pcm = decoded(StreamDecoder(), RawFormat(encoding, 8000).kind, in_pieces(sent, 333))
    samples = np.concatenate([each.samples for each in pcm])
    assert len(samples) == pytest.approx(32_000, abs=32)
    assert np.argmax(np.abs(np.fft.rfft(samples[:16_000]))) == pytest.approx(440, abs=1)
    assert np.abs(samples[1000:-1000]).max() == pytest.approx(0.5, abs=0.03)
