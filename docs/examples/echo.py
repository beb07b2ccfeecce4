"""How far away is a server, and what does it make of hiss? python echo.py ws://127.0.0.1:8000 [SECONDS]

Needs `pip install websockets`. Speaks the echo of docs/wires/interpreter.md: frames of 10 ms out, frames back.
"""

import asyncio
import json
import secrets
import struct
import sys
import time

from websockets.asyncio.client import connect

FRAME = 480  # samples at 48 kHz


async def main(server: str, seconds: float) -> None:
    hiss = struct.pack(f"<{FRAME}h", *(secrets.randbelow(1800) - 900 for _ in range(FRAME)))
    delays_ms, peaks = [], []

    async def listen() -> None:
        async for message in socket:
            delays_ms.append(time.perf_counter() * 1000 - struct.unpack_from("<Id", message)[1])
            peaks.append(max(map(abs, struct.unpack(f"<{FRAME}h", message[12:]))))

    async with connect(f"{server}/ws-audio", compression=None) as socket:
        await socket.send(json.dumps({"type": "config", "sampleRate": 48000, "frameSize": FRAME}))
        print(await socket.recv())  # {"type":"ack"}
        async with asyncio.timeout(seconds + 1), asyncio.TaskGroup() as tasks:
            tasks.create_task(listen())
            for number in range(int(seconds * 100)):
                await socket.send(struct.pack("<Id", number, time.perf_counter() * 1000) + hiss)
                await asyncio.sleep(0.01)
            await socket.close()
    delays_ms.sort()
    print(
        f"{len(delays_ms)} frames back, {delays_ms[len(delays_ms) // 2]:.1f} ms; loudest 900, at the end {peaks[-1]}"
    )


asyncio.run(main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 5.0))
