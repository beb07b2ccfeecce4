"""Recorders of several browsers, of which blobs were lost: the rest is heard, where it was said.

Chromium cuts its blobs behind the first byte of whatever it writes when the time is up, Firefox and Safari behind a block.
Firefox begins a Cluster every second, Safari and older Chromiums after thirty, newer Chromiums as often as a blob.
"""

import threading
from collections.abc import Sequence

import pytest

from asr.audio.decode import StreamDecoder
from asr.audio.opus import opus_head
from asr.audio.tests.recordings import alike, decode, entries, gaps, recorded_tones, spread
from asr.audio.webm import WebmDemuxer
from asr.audio.webm_writer import webm_block, webm_cluster, webm_header

PACKET_MS, SECONDS = 60, 12
BLOB_PACKETS = 5


def blobs_of(*, cluster_ms: int, cut_bytes: int, drift: bool = False) -> list[bytes]:
    """A sweep of twelve seconds as a browser sends it; `drift`: the time is up a block later every time."""
    packets = [packet.data for packet in WebmDemuxer().feed(b"".join(recorded_tones(SECONDS)))]
    data, cuts, cluster = webm_header(opus_head(channels=1, pre_skip=0)), [0], -cluster_ms
    next_cut = BLOB_PACKETS
    for index, packet in enumerate(packets):
        if index == next_cut:
            cuts.append(len(data) + cut_bytes)
            next_cut += BLOB_PACKETS + drift
        at_ms = index * PACKET_MS
        if at_ms - cluster >= cluster_ms:
            cluster = at_ms
            data += webm_cluster(cluster)
        data += webm_block(at_ms - cluster, packet)
    return [data[start:end] for start, end in zip(cuts, [*cuts[1:], len(data)], strict=True)]


BROWSERS = {
    "chromium": blobs_of(cluster_ms=300, cut_bytes=1, drift=True),
    "chromium_cut_in_a_cluster_id": blobs_of(cluster_ms=300, cut_bytes=1),
    "chromium_2024": blobs_of(cluster_ms=30_000, cut_bytes=1),
    "firefox": blobs_of(cluster_ms=1_000, cut_bytes=0),
    "safari": blobs_of(cluster_ms=30_000, cut_bytes=0),
}
LOSSES = [(1, 1), (4, 1), (9, 3), (3, 12), (20, 5)]


def packets_in(blobs: Sequence[bytes]) -> list[int]:
    """How many packets end in each blob."""
    demuxer = WebmDemuxer()
    return [len(list(demuxer.feed(blob))) for blob in blobs]


@pytest.mark.parametrize("name", BROWSERS)
def test_a_recording_without_loss_is_whole_and_each_blob_is_heard_at_once(name):
    blobs = BROWSERS[name]
    decoder = StreamDecoder()
    heard_ms = [sum(len(pcm.samples) for pcm in decoder.feed(*entry)) / 16 for entry in entries(blobs)]
    assert all(ms >= (BLOB_PACKETS - 1) * PACKET_MS - 7 for ms in heard_ms[:-1])
    assert gaps(decode(entries(blobs))) == []


@pytest.mark.parametrize(("first", "count"), LOSSES)
@pytest.mark.parametrize("name", BROWSERS)
def test_lost_blobs_cost_their_own_audio_and_at_most_two_packets(name, first, count):
    blobs = BROWSERS[name]
    whole_ms = len(spread(decode(entries(blobs)))) / 16
    pcm = decode(entries(blobs[:first] + blobs[first + count :], joins=[first]))
    heard_ms = sum(len(piece.samples) for piece in pcm) / 16
    lost_ms = sum(packets_in(blobs)[first : first + count]) * PACKET_MS
    assert heard_ms >= whole_ms - lost_ms - 2 * PACKET_MS


@pytest.mark.parametrize(("first", "count"), LOSSES)
@pytest.mark.parametrize("name", BROWSERS)
def test_behind_the_next_cluster_audio_is_where_it_was_said(name, first, count):
    blobs = BROWSERS[name]
    complete = spread(decode(entries(blobs)))
    pcm = decode(entries(blobs[:first] + blobs[first + count :], joins=[first]))
    sound = spread(pcm)
    assert abs(len(sound) - len(complete)) <= 50 * 16
    last = slice(-1_500 * 16, -200 * 16)
    assert alike(sound[: len(complete)][last], complete[: len(sound)][last], within_ms=60) > 0.95


@pytest.mark.parametrize("name", BROWSERS)
def test_a_recording_that_is_entered_behind_its_header_alone_is_heard_at_once(name):
    blobs = BROWSERS[name]
    header = blobs[0][: blobs[0].index(webm_cluster(0)[:4])]
    pcm = decode(entries([header, *blobs[10:]], joins=[1]))
    heard_ms = sum(len(piece.samples) for piece in pcm) / 16
    assert heard_ms >= (sum(packets_in(blobs)[10:]) - 2) * PACKET_MS


def test_no_thread_waits_for_bytes_that_never_come():
    before = threading.active_count()
    decoder = StreamDecoder()
    for entry in entries(BROWSERS["chromium"][:3]):
        decoder.feed(*entry)
        assert threading.active_count() == before
