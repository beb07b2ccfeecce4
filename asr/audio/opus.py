"""Opus packets: how long they are, and what the header that comes with them says (RFC 6716, RFC 7845)."""

import struct
from dataclasses import dataclass

_MAX_PACKET_SAMPLES = 1920  # 120 ms, RFC 6716 section 3.2.5
_PLAIN_HEAD_BYTES = 19
_MAX_HEAD_BYTES = 21 + 255


@dataclass(frozen=True, slots=True)
class Packet:
    """One Opus packet as a container carried it.

    `at_samples` counts samples of 16 kHz from the container's zero; None: it follows the packet before.
    `offset` is where its element begins in the bytes fed, if reading may begin again there behind `prefix`.
    `sure`: nothing was lost since the container told its time; if not, it may be later.
    """

    data: bytes
    at_samples: int | None
    offset: int | None = None
    prefix: bytes = b""
    sure: bool = True


@dataclass(frozen=True, slots=True)
class OpusHead:
    """The identification header of RFC 7845, section 5.1; `raw` is made safe for a decoder."""

    raw: bytes
    pre_skip_samples: int

    @classmethod
    def parse(cls, data: bytes) -> "OpusHead":
        """Reads a header; one that is missing or broken is replaced by plain stereo, which decodes mono as well."""
        channels = data[9] if len(data) >= _PLAIN_HEAD_BYTES else 0
        family = data[18] if len(data) >= _PLAIN_HEAD_BYTES else 0
        plain = family == 0 and channels in (1, 2)
        surround = family == 1 and 1 <= channels <= 8 and len(data) >= 21 + channels
        if not data.startswith(b"OpusHead\x01") or not (plain or surround):
            return cls(opus_head(channels=2, pre_skip=0), 0)
        pre_skip = min(struct.unpack_from("<H", data, 10)[0], 48_000)
        kept = data[:_PLAIN_HEAD_BYTES] if plain else data[: min(21 + channels, _MAX_HEAD_BYTES)]
        return cls(kept, pre_skip // 3)

    @property
    def for_decoder(self) -> bytes:
        """The header with no pre-skip: a decoder that is started in mid-stream must not skip anything by itself."""
        return self.raw[:10] + b"\0\0" + self.raw[12:]


def opus_head(*, channels: int, pre_skip: int) -> bytes:
    """A header of mapping family 0; `pre_skip` in samples of 48 kHz."""
    return b"OpusHead" + struct.pack("<BBHIhB", 1, channels, pre_skip, 48_000, 0, 0)


def packet_samples(data: bytes) -> int:
    """How long a packet is by its own table of contents, in samples of 16 kHz; 0 if it is none (RFC 6716 3.1)."""
    if not data:
        return 0
    config, code = data[0] >> 3, data[0] & 3
    if config < 12:
        frame = (160, 320, 640, 960)[config & 3]
    elif config < 16:
        frame = (160, 320)[config & 1]
    else:
        frame = (40, 80, 160, 320)[config & 3]
    if code == 3 and len(data) < 2:
        return 0
    frames = (1, 2, 2, data[1] & 0x3F if code == 3 else 0)[code]
    samples = frame * frames
    return samples if samples <= _MAX_PACKET_SAMPLES else 0
