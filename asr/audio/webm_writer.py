"""WebM as a browser's recorder writes it: a header, open Clusters, SimpleBlocks."""

from asr.audio import ebml


def webm_header(opus_head: bytes, *, track: int = 1, scale_ns: int = 1_000_000) -> bytes:
    """What a recorder sends before its first Cluster."""
    rate = ebml.element(ebml.SAMPLING_FREQUENCY, b"\x47\x3b\x80\x00")
    audio = ebml.element(ebml.AUDIO, rate, ebml.number(ebml.CHANNELS, opus_head[9]))
    entry = ebml.element(
        ebml.TRACK_ENTRY,
        ebml.number(ebml.TRACK_NUMBER, track),
        ebml.number(ebml.TRACK_UID, track),
        ebml.number(ebml.TRACK_TYPE, 2),
        ebml.element(ebml.CODEC_ID, b"A_OPUS"),
        ebml.element(ebml.CODEC_PRIVATE, opus_head),
        audio,
    )
    return b"".join(
        (
            ebml.element(ebml.EBML, ebml.element(ebml.DOC_TYPE, b"webm")),
            ebml.open_element(ebml.SEGMENT),
            ebml.element(ebml.INFO, ebml.number(ebml.TIMESTAMP_SCALE, scale_ns)),
            ebml.element(ebml.TRACKS, entry),
        )
    )


def webm_cluster(timestamp: int) -> bytes:
    """The beginning of a Cluster, left open."""
    return ebml.open_element(ebml.CLUSTER) + ebml.number(ebml.TIMESTAMP, timestamp)


def webm_block(relative: int, packet: bytes, *, track: int = 1) -> bytes:
    """A packet in its Cluster."""
    return ebml.element(
        ebml.SIMPLE_BLOCK, bytes((0x80 | track,)), relative.to_bytes(2, "big", signed=True), b"\x80", packet
    )
