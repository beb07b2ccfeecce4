"""What a client's binary messages are → entries of the audio log: raw samples, Opus packets, or a container. Pure."""

from __future__ import annotations

import hashlib
import io
import wave
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from asr.audio.decode import classify
from asr.audio.opus import opus_head, packet_samples
from asr.audio.pcm import RawFormat
from asr.audio.samples import SAMPLES_PER_MS
from asr.audio.webm_writer import webm_block, webm_cluster, webm_header
from gateways.deepgram.request import Listen
from rooms.errors import BadInput

CLUSTER_MS: Final = 30_000  # a block's time is 16 bits
WAV_HEADER_BYTES_MOST: Final = 1 << 16
WAV_MARK: Final = b"RIFF"
WAV_DATA: Final = b"data"
CHUNK_HEADER_BYTES, SAMPLE_BYTES = 8, 2


@dataclass(frozen=True, slots=True)
class Blob:
    """For the session: of a channel, of a kind of the audio log (asr/audio/decode.py)."""

    kind: str
    data: bytes
    channel: str = ""


class Reader(ABC):
    """Takes one form of audio. `heard_ms`: so much has come; 0 where only the decoder can tell."""

    heard_ms = 0

    @abstractmethod
    def feed(self, data: bytes) -> list[Blob]:
        """A message's. Raises BadInput (`undecodable_audio`)."""


class AudioIn:
    """All of a client's audio, in the form that it asked for."""

    def __init__(self, listen: Listen) -> None:
        self._reader = _reader(listen)
        self._sha256 = hashlib.sha256()

    def feed(self, data: bytes) -> list[Blob]:
        """A message's. Raises BadInput (`undecodable_audio`)."""
        self._sha256.update(data)
        return self._reader.feed(data)

    @property
    def heard_ms(self) -> int:
        """So much audio has come; 0 where only the decoder can tell."""
        return self._reader.heard_ms

    @property
    def sha256(self) -> str:
        """Of all bytes, in hexadecimal."""
        return self._sha256.hexdigest()


def _reader(listen: Listen) -> Reader:
    if listen.opus_packets:
        return OpusReader()
    if listen.raw is None:
        return ContainerReader()
    return ChannelsReader(listen.raw) if listen.separate else SamplesReader(listen.raw)


class SamplesReader(Reader):
    """Raw samples of one speaker, cut anywhere."""

    def __init__(self, raw: RawFormat) -> None:
        self._raw = raw
        self._bytes = 0

    def feed(self, data: bytes) -> list[Blob]:
        """As it came."""
        self._bytes += len(data)
        self.heard_ms = self._bytes * 1000 // self._raw.second_bytes
        return [Blob(self._raw.kind, data)]


class ChannelsReader(Reader):
    """Raw samples, each channel a speaker's."""

    def __init__(self, raw: RawFormat) -> None:
        self._raw = raw
        self._one = replace(raw, channels=1)
        self._rest = b""
        self._frames = 0

    def feed(self, data: bytes) -> list[Blob]:
        """The samples that are whole, each channel's by itself."""
        data = self._rest + data
        whole = len(data) // self._raw.frame_bytes * self._raw.frame_bytes
        self._rest = data[whole:]
        if not whole:
            return []
        samples = np.frombuffer(data[:whole], f"V{self._one.frame_bytes}").reshape(-1, self._raw.channels)
        self._frames += len(samples)
        self.heard_ms = self._frames * 1000 // self._raw.rate_hz
        return [
            Blob(self._one.kind, samples[:, channel].tobytes(), str(channel))
            for channel in range(self._raw.channels)
        ]


class OpusReader(Reader):
    """Packets of Opus, one a message: put into WebM, which the recogniser's process reads."""

    def __init__(self) -> None:
        self._samples = 0
        self._cluster_ms: int | None = None

    def feed(self, data: bytes) -> list[Blob]:
        """The packet with its time."""
        at_ms = self._samples // SAMPLES_PER_MS
        self._samples += packet_samples(data)
        self.heard_ms = self._samples // SAMPLES_PER_MS
        kind, head = "more", b""
        if self._cluster_ms is None:
            kind, head = "head", webm_header(opus_head(channels=2, pre_skip=0))
        if self._cluster_ms is None or at_ms - self._cluster_ms >= CLUSTER_MS:
            self._cluster_ms = at_ms
            head += webm_cluster(at_ms)
        return [Blob(kind, head + webm_block(at_ms - self._cluster_ms, data))]


class ContainerReader(Reader):
    """WebM or Ogg with Opus as a recorder sends it, or WAV."""

    def __init__(self) -> None:
        self._wav: WavReader | None = None
        self._first = True

    def feed(self, data: bytes) -> list[Blob]:
        """As it came."""
        first, self._first = self._first, False
        if first and data.startswith(WAV_MARK):
            self._wav = WavReader()
        if self._wav is not None:
            found = self._wav.feed(data)
            self.heard_ms = self._wav.heard_ms
            return found
        return [Blob(classify(data, first_of_socket=first), data)]


class WavReader(Reader):
    """A header, then samples; its sizes are not believed, streams have none."""

    def __init__(self) -> None:
        self._header: bytes = b""
        self._samples: SamplesReader | None = None

    def feed(self, data: bytes) -> list[Blob]:
        """The samples behind the header."""
        if self._samples is None:
            self._header += data
            data = self._begin()
        if self._samples is None or not data:
            return []
        found = self._samples.feed(data)
        self.heard_ms = self._samples.heard_ms
        return found

    def _begin(self) -> bytes:
        """What stands behind the header, once that is whole."""
        data_at = self._header.find(WAV_DATA)
        if data_at < 0 or len(self._header) < data_at + CHUNK_HEADER_BYTES:
            if len(self._header) > WAV_HEADER_BYTES_MOST:
                raise BadInput("undecodable_audio")
            return b""
        file = io.BytesIO(self._header)
        try:
            with wave.open(file, "rb") as found:
                if found.getsampwidth() != SAMPLE_BYTES:
                    raise BadInput("undecodable_audio")
                self._samples = SamplesReader(RawFormat("s16le", found.getframerate(), found.getnchannels()))
        except (wave.Error, EOFError, ValueError):
            raise BadInput("undecodable_audio") from None
        rest, self._header = self._header[file.tell() :], b""
        return rest
