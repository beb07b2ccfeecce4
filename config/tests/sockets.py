"""Sockets of clients that give a busy machine its time."""

from functools import partial

from websockets.asyncio import client

connect = partial(client.connect, open_timeout=60)
