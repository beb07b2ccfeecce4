"""Stands in for nginx or Caddy in the drill where neither is installed: each connection goes to the next address that answers.

python -m ops.faults.forwarder 80 198.18.7.12:8000 198.18.7.13:8000
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Iterator

CONNECT_WITHIN_S, READ_WITHIN_S = 2.0, 20.0  # as deploy/nginx/locations.conf
CHUNK_BYTES = 65_536


async def serve(port: int, addresses: list[str]) -> None:
    """Until cancelled."""
    turns = itertools.cycle(range(len(addresses)))

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = next(turns)
        found = await _connect(itertools.chain(addresses[first:], addresses[:first]))
        if found is not None:
            there_reader, there_writer = found
            ways = [
                asyncio.create_task(_copy(reader, there_writer, None)),
                asyncio.create_task(_copy(there_reader, writer, READ_WITHIN_S)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            there_writer.transport.abort()
        writer.transport.abort()

    async with await asyncio.start_server(forward, None, port) as server:
        await server.serve_forever()


async def _connect(
    addresses: Iterator[str],
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    for address in addresses:
        host, _, port = address.rpartition(":")
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                return await asyncio.open_connection(host, int(port))
        except OSError:
            continue
    return None


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, within_s: float | None) -> None:
    """Until one side has ended, or nothing has come for so long."""
    try:
        while True:
            async with asyncio.timeout(within_s):
                data = await reader.read(CHUNK_BYTES)
            if not data:
                return
            writer.write(data)
            await writer.drain()
    except OSError:
        return


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2:]))
