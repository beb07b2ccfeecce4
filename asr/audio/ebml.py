"""EBML elements as WebM has them, written (RFC 8794, RFC 9559); PyAV reads them."""

EBML, SEGMENT, INFO, TRACKS, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
TIMESTAMP_SCALE, TIMESTAMP = 0x2AD7B1, 0xE7
TRACK_ENTRY, TRACK_NUMBER, TRACK_TYPE, CODEC_ID, CODEC_PRIVATE = 0xAE, 0xD7, 0x83, 0x86, 0x63A2
TRACK_UID, AUDIO, SAMPLING_FREQUENCY, CHANNELS = 0x73C5, 0xE1, 0xB5, 0x9F
SIMPLE_BLOCK, BLOCK_GROUP, BLOCK = 0xA3, 0xA0, 0xA1
DOC_TYPE = 0x4282
_UNKNOWN_SIZE = b"\x01\xff\xff\xff\xff\xff\xff\xff"


def element(identifier: int, *payload: bytes) -> bytes:
    """An element with its size in the shortest form."""
    body = b"".join(payload)
    length = max(1, -(-(len(body) + 1).bit_length() // 7))
    size = (len(body) | 1 << 7 * length).to_bytes(length, "big")
    return _identifier(identifier) + size + body


def open_element(identifier: int) -> bytes:
    """The head of a master whose size is not known, as live streams have it."""
    return _identifier(identifier) + _UNKNOWN_SIZE


def number(identifier: int, value: int) -> bytes:
    """An element with an unsigned integer."""
    return element(identifier, value.to_bytes(max(1, -(-value.bit_length() // 8)), "big"))


def _identifier(identifier: int) -> bytes:
    return identifier.to_bytes(-(-identifier.bit_length() // 8), "big")
