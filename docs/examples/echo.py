"""How far away is a server, and what does it make of hiss? python echo.py ws://127.0.0.1:8000 (pip install websockets).

Speaks the echo of docs/wires/interpreter.md for five seconds: frames of 10 ms out, frames back.
"""

import asyncio
import json
import secrets
import struct
import sys
import time

from websockets.asyncio.client import connect

FRAME = 480  # samples at 48 kHz


async def listen(socket, delays_ms, peaks):
    async for message in socket:
        delays_ms.append(time.perf_counter() * 1000 - struct.unpack_from("<Id", message)[1])
        peaks.append(max(map(abs, struct.unpack(f"<{FRAME}h", message[12:]))))


async def main(server):
    hiss = struct.pack(f"<{FRAME}h", *(secrets.randbelow(1800) - 900 for _ in range(FRAME)))
    delays_ms, peaks = [], []
    async with connect(f"{server}/ws-audio", compression=None) as socket, asyncio.TaskGroup() as tasks:
        await socket.send(json.dumps({"type": "config", "sampleRate": 48000, "frameSize": FRAME}))
        print(await socket.recv())  # {"type":"ack"}
        tasks.create_task(listen(socket, delays_ms, peaks))
        for number in range(500):
            await socket.send(struct.pack("<Id", number, time.perf_counter() * 1000) + hiss)
            await asyncio.sleep(0.01)
        await socket.close()
    median = sorted(delays_ms)[len(delays_ms) // 2]
    print(f"{len(delays_ms)} of 500 frames back, {median:.1f} ms; peaks 900 → {peaks[-1]}")


asyncio.run(main(sys.argv[1]))
