"""A viewer in a process of its own: python -m ops.siege.viewer

The first line is {"url"}; every later one is answered with what was read since, and when.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from contextlib import suppress

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

MARKER = re.compile(r"#(\d+)#")
OPENS_WITHIN_S = 60.0


async def main() -> None:
    """Until there are no more lines. `broke`: how often the socket was lost."""
    url = json.loads(await asyncio.to_thread(sys.stdin.readline))["url"]
    seen: dict[int, float] = {}
    broke = 0

    async def read() -> None:
        nonlocal broke
        while True:
            with suppress(OSError, TimeoutError, ConnectionClosed):
                async with connect(url, compression=None, open_timeout=OPENS_WITHIN_S) as socket:
                    async for text in socket:
                        for marker in MARKER.findall(str(text)):
                            seen.setdefault(int(marker), time.monotonic())
            broke += 1
            await asyncio.sleep(0.1)

    reading = asyncio.create_task(read())
    while await asyncio.to_thread(sys.stdin.readline):
        sys.stdout.write(json.dumps({"seen": seen, "broke": broke}) + "\n")
        sys.stdout.flush()
        seen.clear()
        broke = 0
    reading.cancel()


if __name__ == "__main__":
    asyncio.run(main())
