"""Voices of a meeting: python meetings.py ws://127.0.0.1:8000 KEY.pem KID ADA.flac BO.flac (docs/wires/meetings.md)."""

import asyncio
import json
import sys
import time
from pathlib import Path

import av
import jwt
from websockets.asyncio.client import connect


def seconds(file):
    resampler = av.AudioResampler("s16", "mono", 16_000, frame_size=16_000)
    return (made for frame in av.open(file).decode(audio=0) for made in resampler.resample(frame))


async def speak(socket, files):
    for frames in zip(*map(seconds, files), strict=False):
        for number, frame in enumerate(frames):
            await socket.send(f"voice {number}|en".encode().ljust(60, b"\0") + frame.to_ndarray().tobytes())
        await asyncio.sleep(1)
    await socket.send(b"\0")  # the last words become final, then the server closes


async def main(url, key, kid, *files):
    claims = {"aud": "jitsi", "exp": time.time() + 60, "consent": True}
    address = (
        f"{url}/streaming-whisper/ws/standup?auth_token={jwt.encode(claims, key, 'RS256', {'kid': kid})}"
    )
    async with connect(address) as socket, asyncio.TaskGroup() as tasks:
        tasks.create_task(speak(socket, files))
        async for message in socket:
            said = json.loads(message)
            print(f"{said['type']:8}{said['participant_id']}: {said['text']}", flush=True)


asyncio.run(main(sys.argv[1], Path(sys.argv[2]).read_text(), *sys.argv[3:]))
