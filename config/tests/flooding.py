"""An ASGI application for servers to run: sends more than anybody reads, and says what it has received."""

import asyncio
import json

from gateways.common.outbox import Outbox

BLOCK = "x" * 65_536
MESSAGES = 2_000  # 125 MB
FEW = 200


async def application(scope, receive, send):
    """HTTP: the length of the body. A socket of a room: the length of each message. Others: see `flood`."""
    if scope["type"] == "http":
        await count(receive, send)
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await (measure if "/room/" in scope["path"] else flood)(scope, receive, send)


async def count(receive, send):
    length = 0
    while True:
        message = await receive()
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


async def measure(scope, receive, send):
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": str(len(message.get("bytes") or message.get("text")))})


async def flood(scope, receive, send):
    """/state shows the same state over and over, /events puts as many events, /few a few; a text `go` begins it."""
    outbox = Outbox(send)
    while (await receive()).get("text") != "go":
        pass
    say = outbox.show if scope["path"] == "/state" else outbox.put
    for number in range(FEW if scope["path"] == "/few" else MESSAGES):
        say(json.dumps({"number": number, "block": BLOCK}))
        await asyncio.sleep(0)
    outbox.put(json.dumps({"number": -1}))
    while (await receive())["type"] != "websocket.disconnect":
        pass
    outbox.stop()
