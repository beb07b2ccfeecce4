"""Whatever bytes come in, nothing escapes, memory is bounded, and good audio behind them is heard."""

import random
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asr.audio import ebml
from asr.audio.decode import StreamDecoder
from asr.audio.opus import OpusHead, opus_head, packet_samples
from asr.audio.tests.recordings import (
    alike,
    chromium_blobs,
    decode,
    entries,
    gaps,
    muxed_tones,
    recorded_tones,
    spread,
    tones,
)
from asr.audio.webm import WebmDemuxer
from asr.audio.webm_writer import webm_block, webm_cluster, webm_header

NOISE = random.Random(7).randbytes(200_000)
HEAD = webm_header(opus_head(channels=1, pre_skip=0))
SILENCE_20_MS = b"\x08\xff\xfe"
EMPTY_120_MS = b"\x0b\x06"  # six frames of 20 ms that hold nothing


def opus_packets() -> list[bytes]:
    """The packets of the recorded sweep, 60 ms each."""
    return [packet.data for packet in WebmDemuxer().feed(b"".join(recorded_tones()))]


@settings(deadline=None, max_examples=60)
@given(
    stream=st.lists(
        st.tuples(
            st.sampled_from(["head", "more", "join", "pcm", "end", "?"]),
            st.one_of(
                st.binary(max_size=400),
                st.binary(max_size=100).map(lambda tail: b"\x1a\x45\xdf\xa3" + tail),
                st.binary(max_size=100).map(lambda tail: HEAD + webm_cluster(0) + tail),
                st.binary(max_size=100).map(lambda tail: b"OggS\0\2" + tail),
                st.integers(0, 10).map(lambda index: chromium_blobs("chromium_recording")[index]),
            ),
        ),
        max_size=12,
    )
)
def test_no_order_of_any_entries_raises_or_goes_back_in_time(stream):
    decoder = StreamDecoder()
    spread(decode([(f"{index}-0", kind, data) for index, (kind, data) in enumerate(stream)], decoder))
    decoder.checkpoint(100_000)


@pytest.mark.parametrize("name", ["chromium", "webm", "ogg"])
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 1 << 30), flips=st.integers(1, 40))
def test_random_bit_flips_cost_a_little_audio_and_nothing_else(name, seed, flips):
    data = bytearray(
        b"".join(chromium_blobs("chromium_recording")) if name == "chromium" else muxed_tones(name)
    )
    behind_header = max(150, data.find(b"\x1f\x43\xb6\x75"))
    rng = random.Random(seed)
    for _ in range(flips):
        data[rng.randrange(behind_header, len(data))] ^= 1 << rng.randrange(8)
    decoder = StreamDecoder()
    pcm = decode(
        entries([bytes(data[start : start + 1_000]) for start in range(0, len(data), 1_000)]), decoder
    )
    spread(pcm)
    heard_ms = sum(len(piece.samples) for piece in pcm) / 16
    whole_ms, each_ms = (11_460, 120) if name == "chromium" else (3_000, 240 if name == "ogg" else 120)
    assert heard_ms > whole_ms - flips * each_ms - 500


def test_random_bit_flips_in_the_header_never_raise():
    blobs = chromium_blobs("chromium_recording")[:6]
    for bit in range(146 * 8):
        head = bytearray(blobs[0])
        head[bit // 8] ^= 1 << bit % 8
        decode(entries((bytes(head), *blobs[1:])))


@pytest.mark.parametrize(
    "noise",
    [
        NOISE[:5_000],
        b"hello, this is text " * 200,
        bytes(5_000),
        b"\xa3" * 5_000,
        b"\xff" * 5_000,
        b"\x1f\x43\xb6\x75" * 900,
    ],
    ids=["noise", "text", "zeros", "block_ids", "ones", "clusters"],
)
def test_audio_behind_garbage_is_heard(noise):
    blobs = chromium_blobs("chromium_recording")
    pcm = decode(entries((*blobs[:10], noise, *blobs[10:])))
    heard_ms = sum(len(piece.samples) for piece in pcm) / 16
    assert heard_ms >= 11_460 - 180
    complete = spread(decode(entries(blobs)))
    sound = spread(pcm)
    assert alike(sound[4_000 * 16 :], complete[4_000 * 16 :], within_ms=12) > 0.97


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"hello, this is text " * 50, "format_unknown"),
        (b"\0\0\0\x18ftypisom" + NOISE[:900], "format_unknown"),
        (b"RIFF" + NOISE[:900], "format_unknown"),
        (NOISE[:1_000], "no_header"),
        (chromium_blobs("chromium_recording")[5], "no_header"),
    ],
    ids=["text", "mp4", "wav", "noise", "recorder_without_its_header"],
)
def test_bytes_that_give_no_audio_are_counted_and_named(data, problem):
    decoder = StreamDecoder()
    assert decoder.feed("1-0", "join", data) == []
    assert decoder.feed("2-0", "more", data) == []
    assert decoder.stats.bytes_since_audio == 2 * len(data)
    assert decoder.problem == problem
    assert decode(entries(chromium_blobs("chromium_recording"), start=5), decoder)
    assert decoder.problem is None


def test_a_recorder_of_another_codec_is_named():
    header = HEAD.replace(b"A_OPUS", b"V_OPUS")
    decoder = StreamDecoder()
    decoder.feed("1-0", "head", header + webm_cluster(0) + webm_block(0, SILENCE_20_MS))
    assert decoder.problem == "codec_not_opus"


def test_a_header_followed_by_garbage_is_named_damaged():
    decoder = StreamDecoder()
    decoder.feed("1-0", "head", HEAD)
    decoder.feed("2-0", "more", NOISE[:20_000])
    assert decoder.problem == "damaged"


@pytest.mark.parametrize("identifier", [ebml.SIMPLE_BLOCK, 0xEC, ebml.TRACKS, 0x1254C367, 0x75A1])
@pytest.mark.parametrize(
    "size", [b"\x16\x00\x00\x00", b"\x01\x00\x00\x00\x06\x40\x00\x00", b"\x01" + b"\xff" * 7, b"\xff"]
)
def test_an_element_that_claims_100_mb_or_no_end_is_not_waited_for(identifier, size):
    blobs = chromium_blobs("chromium_recording")
    packets = opus_packets()
    false = identifier.to_bytes(-(-identifier.bit_length() // 8), "big") + size + b"\x81\x00\x00\x80"
    good = b"".join(webm_block(60 * index, packet) for index, packet in enumerate(packets))
    decoder = StreamDecoder()
    pcm = decode([("1-0", "head", HEAD + webm_cluster(0) + false + good), *entries(blobs, start=2)], decoder)
    assert sum(len(piece.samples) for piece in pcm) / 16 > 3_000 + 11_460 - 200


@pytest.mark.parametrize("claims", [400, 3_000, 16_000])
def test_a_block_with_a_damaged_size_hides_nothing_behind_it(claims):
    packets = opus_packets()
    blocks = [webm_block(60 * index, packet) for index, packet in enumerate(packets)]
    blocks[40] = b"\xa3" + (0x4000 | claims).to_bytes(2, "big") + blocks[40][3:]
    assert len(b"".join(blocks[41:])) < 16_000
    pcm = decode([("0-0", "head", HEAD + webm_cluster(0) + b"".join(blocks))])
    assert sum(len(piece.samples) for piece in pcm) >= (len(packets) - 1) * 960


def test_memory_stays_small_whatever_is_claimed():
    tracemalloc.start()
    decoder = StreamDecoder()
    decoder.feed("0-0", "head", HEAD + webm_cluster(0))
    before, _ = tracemalloc.get_traced_memory()
    for index in range(20):
        decoder.feed(f"{index}-1", "more", NOISE)
        decoder.feed(f"{index}-2", "more", b"\x16\x54\xae\x6b\x10\x00\xff\xff")
    for index in range(20_000):
        decoder.feed(f"{index}-3", "more", NOISE[index : index + 1])
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 3_000_000


def test_memory_stays_small_however_long_the_talk():
    tracemalloc.start()
    decoder = StreamDecoder()
    blob = b"".join(webm_block(index * 120, EMPTY_120_MS) for index in range(250))
    decoder.feed("0-0", "head", HEAD)
    sizes = []
    for quarter in range(3):
        for index in range(quarter * 30, quarter * 30 + 30):
            decoder.feed(f"{index}-1", "more", webm_cluster(index * 30_000) + blob)
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[2] < 4_500_000
    assert sizes[2] - sizes[1] < 100_000


def test_a_megabyte_of_tiny_packets_does_not_become_hours_of_audio():
    assert packet_samples(EMPTY_120_MS) == 1_920
    flood = webm_block(0, EMPTY_120_MS) * 20_000
    decoder = StreamDecoder()
    pcm = decoder.feed("0-0", "head", HEAD + webm_cluster(0) + flood)
    assert sum(len(piece.samples) for piece in pcm) <= 601 * 16_000
    assert decoder.stats.packets_refused > 0
    assert decode(entries(recorded_tones(), start=1), decoder)


def laced(kind: int, sizes: bytes, frames: list[bytes], ticks: int) -> bytes:
    body = (
        b"\x81" + ticks.to_bytes(2, "big") + bytes((0x80 | kind, len(frames) - 1)) + sizes + b"".join(frames)
    )
    return ebml.element(ebml.SIMPLE_BLOCK, body)


def xiph_sizes(frames: list[bytes]) -> bytes:
    return b"".join(b"\xff" * (len(frame) // 255) + bytes((len(frame) % 255,)) for frame in frames[:-1])


def ebml_sizes(frames: list[bytes]) -> bytes:
    sizes = (0x4000 | len(frames[0])).to_bytes(2, "big")
    for one, other in pairwise(frames[:-1]):
        sizes += (0x4000 | len(other) - len(one) + 0x1FFF).to_bytes(2, "big")
    return sizes


@pytest.mark.parametrize(("kind", "sizes"), [(2, xiph_sizes), (6, ebml_sizes)], ids=["xiph", "ebml"])
def test_laced_packets_are_taken_apart(kind, sizes):
    packets = opus_packets()
    groups = [packets[index : index + 4] for index in range(0, len(packets), 4)]
    blocks = b"".join(laced(kind, sizes(group), group, 240 * index) for index, group in enumerate(groups))
    pcm = decode([("0-0", "head", HEAD + webm_cluster(0) + blocks)])
    assert gaps(pcm) == []
    assert alike(spread(pcm), tones(3.0), within_ms=8) > 0.98


def test_packets_laced_with_one_size_are_taken_apart():
    block = laced(4, b"", [SILENCE_20_MS] * 5, 0)
    pcm = decode([("0-0", "head", HEAD + webm_cluster(0) + block)])
    assert len(spread(pcm)) == 100 * 16


@settings(deadline=None, max_examples=100)
@given(kind=st.sampled_from([2, 4, 6]), data=st.binary(max_size=40))
@example(
    kind=2, data=b"\xa3\x08\x00"
)  # its lacing holds a packet that is none, at the time of the first good one
def test_broken_lacing_costs_at_most_the_packet_of_its_own_time(kind, data):
    broken = ebml.element(ebml.SIMPLE_BLOCK, b"\x81\0\0" + bytes((0x80 | kind,)) + data)
    good = b"".join(webm_block(60 * index, packet) for index, packet in enumerate(opus_packets()))
    pcm = decode([("0-0", "head", HEAD + webm_cluster(0) + broken + good)])
    assert sum(len(piece.samples) for piece in pcm) >= (len(opus_packets()) - 1) * 960


def test_block_groups_voids_and_known_sizes_are_read_like_the_rest():
    blocks = []
    for index, packet in enumerate(opus_packets()):
        block = ebml.element(ebml.BLOCK, b"\x81" + (index * 60).to_bytes(2, "big") + b"\x00" + packet)
        blocks.append(
            ebml.element(ebml.BLOCK_GROUP, block, ebml.number(0x9B, 60)) + ebml.element(0xEC, bytes(50))
        )
    cluster = ebml.element(ebml.CLUSTER, ebml.number(ebml.TIMESTAMP, 0), *blocks)
    pcm = decode([("0-0", "head", HEAD + cluster)])
    assert gaps(pcm) == []
    assert alike(spread(pcm), tones(3.0), within_ms=8) > 0.98


def test_empty_packets_and_empty_entries_are_nothing():
    packets = opus_packets()
    blocks = b"".join(
        webm_block(60 * index, packet) + webm_block(60 * index, b"") for index, packet in enumerate(packets)
    )
    pcm = decode(
        [("0-0", "head", b""), ("0-1", "more", HEAD + webm_cluster(0) + blocks), ("1-0", "more", b"")]
    )
    assert gaps(pcm) == []
    assert alike(spread(pcm), tones(3.0), within_ms=8) > 0.98


def test_times_that_jump_back_or_hours_ahead_go_on_where_they_were():
    blocks = b"".join(webm_block(20 * index, SILENCE_20_MS) for index in range(50))
    jumps = [0, 5_000, 1_000, 10**9, (1 << 63), 3_000]
    pcm = decode([("0-0", "head", HEAD), *((f"{ms}-1", "more", webm_cluster(ms) + blocks) for ms in jumps)])
    assert gaps(pcm) == [(1_000, 5_000)]
    assert sum(len(piece.samples) for piece in pcm) == 6 * 1_000 * 16


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"OpusHead",
        b"OpusHead\x01\x00" + bytes(9),
        b"OpusHead\x01\x09\0\0\0\0\0\0\0\0\1",
        NOISE[:40],
        b"OpusHead" + b"\xff" * 40,
    ],
)
def test_a_broken_opus_header_is_replaced_by_one_that_decodes(head):
    assert OpusHead.parse(head).pre_skip_samples == 0
    blocks = b"".join(webm_block(60 * index, packet) for index, packet in enumerate(opus_packets()))
    header = HEAD.replace(ebml.element(ebml.CODEC_PRIVATE, opus_head(channels=1, pre_skip=0)), b"")
    assert header != HEAD
    assert (
        np.abs(
            spread(
                decode([("0-0", "head", webm_header(OpusHead.parse(head).raw) + webm_cluster(0) + blocks)])
            )
        ).max()
        > 0.3
    )


def test_damaged_packets_become_silence_of_their_length():
    packets = opus_packets()
    broken = [b"\xff\x3f" + NOISE[:50] if index % 5 == 4 else packet for index, packet in enumerate(packets)]
    blocks = b"".join(webm_block(60 * index, packet) for index, packet in enumerate(broken))
    decoder = StreamDecoder()
    pcm = decode([("0-0", "head", HEAD + webm_cluster(0) + blocks)], decoder)
    assert decoder.stats.packets_bad > 0
    end_ms = pcm[-1].start_ms + len(pcm[-1].samples) / 16
    assert abs(end_ms - 60 * len(packets)) <= 120
