"""EBML as far as WebM needs it: element headers in both directions, and a block's lacing (RFC 8794, RFC 9559)."""

from collections.abc import Iterator
from contextlib import suppress

EBML, SEGMENT, INFO, TRACKS, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0x1F43B675
TIMESTAMP_SCALE, TIMESTAMP = 0x2AD7B1, 0xE7
TRACK_ENTRY, TRACK_NUMBER, TRACK_TYPE, CODEC_ID, CODEC_PRIVATE = 0xAE, 0xD7, 0x83, 0x86, 0x63A2
TRACK_UID, AUDIO, SAMPLING_FREQUENCY, CHANNELS = 0x73C5, 0xE1, 0xB5, 0x9F
SIMPLE_BLOCK, BLOCK_GROUP, BLOCK = 0xA3, 0xA0, 0xA1
DOC_TYPE = 0x4282
UNKNOWN_SIZE = b"\x01\xff\xff\xff\xff\xff\xff\xff"

_MAX_LACED_FRAMES = 256


class DamagedError(ValueError):
    """These bytes are not what they should be."""


def read_id(data: bytes | bytearray, pos: int) -> tuple[int, int] | None:
    """An element's identifier and where it ends; None if it is not all there."""
    if pos >= len(data):
        return None
    length = 9 - data[pos].bit_length()
    if length > 4:
        raise DamagedError("not an element")
    if pos + length > len(data):
        return None
    return int.from_bytes(data[pos : pos + length], "big"), pos + length


def read_size(data: bytes | bytearray, pos: int) -> tuple[int | None, int] | None:
    """An element's size (None: unknown) and where it ends; None if it is not all there."""
    if pos >= len(data):
        return None
    length = 9 - data[pos].bit_length()
    if length > 8:
        raise DamagedError("not a size")
    if pos + length > len(data):
        return None
    all_ones = (1 << 7 * length) - 1
    value = int.from_bytes(data[pos : pos + length], "big") & all_ones
    return None if value == all_ones else value, pos + length


def children(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements right inside a master's payload, as far as they are whole and undamaged."""
    pos = 0
    with suppress(DamagedError):
        while (identifier := read_id(data, pos)) and (size := read_size(data, identifier[1])):
            length, body = size
            if length is None or body + length > len(data):
                return
            yield identifier[0], data[body : body + length]
            pos = body + length


def unsigned(payload: bytes) -> int:
    """An unsigned integer of at most 8 bytes."""
    return int.from_bytes(payload[:8], "big")


def element(identifier: int, *payload: bytes) -> bytes:
    """An element with its size in the shortest form."""
    body = b"".join(payload)
    length = max(1, -(-(len(body) + 1).bit_length() // 7))
    size = (len(body) | 1 << 7 * length).to_bytes(length, "big")
    return _identifier(identifier) + size + body


def open_element(identifier: int) -> bytes:
    """The head of a master whose size is not known, as live streams have it."""
    return _identifier(identifier) + UNKNOWN_SIZE


def number(identifier: int, value: int) -> bytes:
    """An element with an unsigned integer."""
    return element(identifier, value.to_bytes(max(1, -(-value.bit_length() // 8)), "big"))


def _identifier(identifier: int) -> bytes:
    return identifier.to_bytes(-(-identifier.bit_length() // 8), "big")


def laced_frames(flags: int, data: bytes) -> list[bytes]:
    """The frames of a block behind its header; raises DamagedError (RFC 9559 section 10.3)."""
    lacing = flags & 0x06
    if not lacing:
        return [data]
    if not data:
        raise DamagedError("lacing without a count")
    count = data[0] + 1
    if lacing == 0x04:
        sizes, pos = [(len(data) - 1) // count] * count, 1
        if sizes[0] * count != len(data) - 1:
            raise DamagedError("frames of one size do not fill the block")
    else:
        sizes, pos = (_xiph_sizes if lacing == 0x02 else _ebml_sizes)(data, count)
        sizes.append(len(data) - pos - sum(sizes))
    if min(sizes) < 0 or len(sizes) > _MAX_LACED_FRAMES:
        raise DamagedError("frames reach beyond the block")
    frames = []
    for size in sizes:
        frames.append(data[pos : pos + size])
        pos += size
    return frames


def _xiph_sizes(data: bytes, count: int) -> tuple[list[int], int]:
    sizes, pos = [], 1
    for _ in range(count - 1):
        size = 0
        while True:
            if pos >= len(data):
                raise DamagedError("lacing is cut off")
            size += data[pos]
            pos += 1
            if data[pos - 1] != 255:
                break
        sizes.append(size)
    return sizes, pos


def _ebml_sizes(data: bytes, count: int) -> tuple[list[int], int]:
    sizes: list[int] = []
    pos = 1
    for index in range(count - 1):
        read = read_size(data, pos)
        value, end = read or (None, pos)
        if value is None:
            raise DamagedError("lacing is cut off")
        bias = 0 if index == 0 else (1 << 7 * (end - pos) - 1) - 1
        sizes.append(value - bias + (sizes[-1] if sizes else 0))
        if sizes[-1] < 0:
            raise DamagedError("a frame of negative size")
        pos = end
    return sizes, pos
