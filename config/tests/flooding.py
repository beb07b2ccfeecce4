"""An ASGI application that sends more than anybody reads, for test_websockets.py."""

import asyncio
import json

from config import websockets

BLOCK = "x" * 65_536
MESSAGES = 2_000  # 125 MB
FEW = 200

websockets.install()


async def application(scope, receive, send):
    """/state sends the same state over and over, /events as many events, /few a few; a text `go` begins it."""
    if scope["type"] == "lifespan":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive()).get("text") != "go":
        pass
    more = {"conflate": "state"} if scope["path"] == "/state" else {}
    for number in range(FEW if scope["path"] == "/few" else MESSAGES):
        await send({"type": "websocket.send", "text": json.dumps({"number": number, "block": BLOCK}), **more})
        await asyncio.sleep(0)
    await send({"type": "websocket.send", "text": json.dumps({"number": -1})})
    while (await receive())["type"] != "websocket.disconnect":
        pass
