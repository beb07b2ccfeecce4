"""Have a file interpreted as if it were spoken: python interpreter.py ws://127.0.0.1:8000/ws/audio TALK.flac pt

Prints each sentence with its translation; what is spoken goes to spoken.mp3. Needs `pip install websockets av`."""

import asyncio
import json
import sys
import time
from pathlib import Path

import av
from websockets.asyncio.client import connect

CONFIG = {"type": "config", "sampleRate": 16_000, "roomId": "example", "consent": True}


async def interpret(address: str, sound: bytes, target: str, spoken: list[bytes]) -> None:
    async with connect(address) as socket:
        await socket.send(json.dumps({**CONFIG, "targetLang": target}))
        reading, began_s = asyncio.create_task(read(socket, spoken)), time.monotonic()
        for number, at in enumerate(range(0, len(sound), 3200)):
            await socket.send(sound[at : at + 3200])
            await asyncio.sleep(began_s + number / 10 - time.monotonic())
        await asyncio.wait({reading}, timeout=5)  # for the last words


async def read(socket, spoken: list[bytes]) -> None:
    async for came in socket:
        if isinstance(came, bytes):
            spoken.append(came)
        elif (said := json.loads(came))["type"] in ("final", "error", "warning"):
            print(said.get("text") or said["message"], "→", said.get("translation"), flush=True)


spoken, resampler = [], av.AudioResampler(format="s16", layout="mono", rate=CONFIG["sampleRate"])
pieces = (piece for frame in av.open(sys.argv[2]).decode(audio=0) for piece in resampler.resample(frame))
sound = b"".join(piece.to_ndarray().tobytes() for piece in pieces)
asyncio.run(interpret(sys.argv[1], sound, sys.argv[3], spoken))
Path("spoken.mp3").write_bytes(b"".join(spoken))
