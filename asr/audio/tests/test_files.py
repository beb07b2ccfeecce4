"""Files of sound from strangers: every usual container, and whatever else may be sent."""

import contextlib
import io
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from asr.audio.files import PIECE_BYTES, NotAudio, TooLong, pcm_pieces

CONTAINERS = [
    ("wav", "wav", "pcm_s16le"), ("flac", "flac", "flac"), ("mp3", "mp3", "libmp3lame"),
    ("opus", "ogg", "libopus"), ("webm", "webm", "libopus"), ("mkv", "matroska", "pcm_s16le"), ("m4a", "ipod", "aac"),
    ("mp4", "mp4", "aac"), ("aac", "adts", "aac"), ("aiff", "aiff", "pcm_s16be"), ("mpegts", "mpegts", "mp2"),
]  # fmt: skip


def tone(seconds, rate_hz, layout):
    channels = 2 if layout == "stereo" else 1
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate_hz)) / rate_hz)
    return np.repeat((wave * 32767).astype("<i2")[:, None], channels, axis=1)


def written(container, codec, seconds=3.0, rate_hz=48_000, layout="stereo"):
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz, layout=layout)
        frame = AudioFrame.from_ndarray(
            tone(seconds, rate_hz, layout).reshape(1, -1), format="s16", layout=layout
        )
        frame.sample_rate = rate_hz
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    file.seek(0)
    return file


def read(file, longest_s=60):
    return list(pcm_pieces(file, longest_s=longest_s))


@pytest.mark.parametrize(
    ("container", "codec"), [row[1:] for row in CONTAINERS], ids=[row[0] for row in CONTAINERS]
)
def test_sound_of_any_usual_container_comes_at_16_khz_in_pieces(container, codec):
    pieces = read(written(container, codec))
    assert [len(piece) for piece in pieces[:-1]] == [PIECE_BYTES] * (len(pieces) - 1)
    samples = np.frombuffer(b"".join(pieces), "<i2")
    assert abs(len(samples) / 16_000 - 3.0) < 0.1
    loud = samples[8_000:40_000].astype(float)
    assert 0.18 < np.sqrt(np.mean((loud / 32768) ** 2)) < 0.24
    assert np.argmax(np.abs(np.fft.rfft(loud[:16_000]))) == 440


def test_one_channel_at_8_khz_is_as_long():
    assert sum(map(len, read(written("wav", "pcm_s16le", rate_hz=8000, layout="mono")))) == 3 * 32_000


def test_file_cut_off_in_the_middle_gives_what_there_is():
    whole = written("mp3", "libmp3lame", seconds=10).getvalue()
    got = sum(map(len, read(io.BytesIO(whole[: len(whole) // 2]))))
    assert 4 < got / 32_000 < 6


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0", b"\0" * 100_000, b"x" * 100_000, b"RIFF\xff\xff\xff\xffWAVEfmt ", b"OggS", b"\x1a\x45\xdf\xa3",
        bytes(range(256)) * 400, b"<html><body>404</body></html>", b"ID3\x04\0\0\x7f\x7f\x7f\x7f",
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_sound_is_said_to_be_none(data):
    with pytest.raises(NotAudio):
        read(io.BytesIO(data))


def test_damaged_bytes_never_raise_anything_else():
    whole = bytearray(written("flac", "flac", seconds=2).getvalue())
    random = np.random.default_rng(3)
    for _ in range(30):
        damaged = bytearray(whole)
        for at in random.integers(0, len(whole), 60):
            damaged[at] = int(random.integers(0, 256))
        with contextlib.suppress(NotAudio, TooLong):
            read(io.BytesIO(bytes(damaged)), longest_s=30)


def test_picture_is_no_sound():
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream = output.add_stream("mpeg4", rate=1)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((24, 16), np.uint8), format="yuv420p")
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    with pytest.raises(NotAudio):
        read(io.BytesIO(file.getvalue()))


def test_small_file_with_hours_of_silence_is_cut_off_as_too_long():
    silence = io.BytesIO()
    with av.open(silence, "w", format="flac") as output:
        stream = output.add_stream("flac", rate=16_000, layout="mono")
        for _ in range(120):
            frame = AudioFrame.from_ndarray(np.zeros((1, 16_000), np.int16), format="s16", layout="mono")
            frame.sample_rate = 16_000
            for packet in stream.encode(frame):
                output.mux(packet)
        for packet in stream.encode(None):
            output.mux(packet)
    assert len(silence.getvalue()) < 100_000
    silence.seek(0)
    with pytest.raises(TooLong):
        read(silence, longest_s=10)


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{url}'\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet><Representation>'
        "<BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>",
        "[Reference]\nRef1={url}\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
    ],
    ids=["hls", "concat", "dash", "asf", "sdp"],
)
def test_playlist_opens_no_address_and_no_file_of_the_server(playlist, tmp_path):
    asked = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    secret = tmp_path / "secret.wav"
    secret.write_bytes(written("wav", "pcm_s16le").getvalue())
    server = HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        for url in (f"http://127.0.0.1:{server.server_port}/x.wav", f"file://{secret}", str(secret)):
            with pytest.raises(NotAudio):
                read(io.BytesIO(playlist.format(url=url).encode()))
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []
