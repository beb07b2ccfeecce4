"""Makes the chromium_*.webm fixtures: what a real browser's MediaRecorder sends over a real WebSocket.

    python record_in_chromium.py SPEECH NAME [--gap-after BLOBS --gap-ms MS] [--chromium PATH] [--seconds S]

A headless Chromium plays SPEECH (any file that PyAV reads) through WebAudio into a MediaRecorder asked for
`audio/webm;codecs=opus` in slices of 250 ms, and sends each blob as one WebSocket message, as a host's page does.
With a gap the server closes the socket after so many blobs; the page comes back after a while with the same recorder
still running, and what was recorded in between is lost. NAME.webm holds the blobs one after the other, NAME.json their
sizes and where the second socket began.

chromium_recording and chromium_socket_gap (--gap-after 16 --gap-ms 1500) were made with Chromium 156 from the first
11.5 s of LJ Speech (LJ001-0001 and LJ001-0002, public domain).
"""

import argparse
import asyncio
import base64
import io
import json
import tempfile
import wave
from dataclasses import dataclass, field
from pathlib import Path

import av
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)

PAGE = """<!doctype html><title>recording</title><script type="module">
const wav = Uint8Array.from(atob("%(wav)s"), c => c.charCodeAt(0));
const context = new AudioContext({sampleRate: 48000});
const speech = await context.decodeAudioData(wav.buffer);
const target = new MediaStreamAudioDestinationNode(context, {channelCount: 1});
const source = new AudioBufferSourceNode(context, {buffer: speech});
source.connect(target);
let socket, over = false;
async function connect() {
  socket = new WebSocket(`ws://${location.host}/host`);
  socket.onclose = () => { if (!over) setTimeout(connect, %(gap_ms)d); };
  await new Promise(resolve => { socket.onopen = resolve; });
}
await connect();
const recorder = new MediaRecorder(target.stream, {mimeType: "audio/webm;codecs=opus", audioBitsPerSecond: %(bit_rate)d});
recorder.ondataavailable = event => { if (socket.readyState === 1) socket.send(event.data); };
recorder.onstop = () => { over = true; socket.send(JSON.stringify({browser: navigator.userAgent, type: recorder.mimeType})); };
source.onended = () => recorder.stop();
recorder.start(250);
source.start();
</script>"""


@dataclass
class Recording:
    """What came in over the sockets."""

    gap_after: int
    sizes: list[int] = field(default_factory=list)
    second_socket_at: int | None = None
    about: dict[str, str] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self, socket: ServerConnection) -> None:
        if self.sizes:
            self.second_socket_at = len(self.sizes)
        async for message in socket:
            if isinstance(message, str):
                self.about = json.loads(message)
                self.done.set()
                return
            self.sizes.append(len(message))
            self.data += message
            if len(self.sizes) == self.gap_after:
                await socket.close()
                return


def as_wav(speech: Path, seconds: float) -> bytes:
    """The first seconds of a file as a mono 48 kHz WAV."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
    samples = bytearray()
    with av.open(str(speech)) as container:
        for frame in container.decode(audio=0):
            for piece in resampler.resample(frame):
                samples += piece.to_ndarray().tobytes()
            if len(samples) > seconds * 96_000:
                break
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(48_000)
        out.writeframes(samples[: int(seconds * 48_000) * 2])
    return buffer.getvalue()


async def record(options: argparse.Namespace) -> Recording:
    recording = Recording(options.gap_after)
    wav = base64.b64encode(as_wav(options.speech, options.seconds)).decode()
    page = PAGE % {"wav": wav, "gap_ms": options.gap_ms, "bit_rate": options.bit_rate}

    def answer(_: ServerConnection, request: Request) -> Response | None:
        if request.path == "/host":
            return None
        headers = Headers(
            {"Content-Type": "text/html", "Content-Length": str(len(page)), "Connection": "close"}
        )
        return Response(200, "OK", headers, page.encode())

    async with serve(recording.receive, "127.0.0.1", 0, process_request=answer, max_size=None) as server:
        port = server.sockets[0].getsockname()[1]
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            browser = await asyncio.create_subprocess_exec(
                options.chromium,
                *FLAGS,
                f"--user-data-dir={profile}",
                f"http://127.0.0.1:{port}/",
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                await asyncio.wait_for(recording.done.wait(), options.seconds + 60)
            finally:
                browser.terminate()
                await browser.wait()
    return recording


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("speech", type=Path)
    parser.add_argument("name")
    parser.add_argument("--seconds", type=float, default=11.5)
    parser.add_argument("--gap-after", type=int, default=0)
    parser.add_argument("--gap-ms", type=int, default=1500)
    parser.add_argument("--bit-rate", type=int, default=48_000)
    parser.add_argument("--chromium", default="chromium")
    options = parser.parse_args()
    recording = asyncio.run(record(options))
    about = recording.about | {"sizes": recording.sizes, "second_socket_at": recording.second_socket_at}
    Path(f"{options.name}.webm").write_bytes(recording.data)
    Path(f"{options.name}.json").write_text(json.dumps(about) + "\n")
    print(f"{len(recording.sizes)} blobs, {len(recording.data)} bytes")


if __name__ == "__main__":
    main()
