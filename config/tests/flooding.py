"""An ASGI application for servers to run: sends more than anybody reads, and says what it has received."""

import asyncio
import json

from gateways.common.denial import deny
from gateways.common.outbox import Outbox, writer_of

BLOCK = "x" * 65_536
MESSAGES = 2_000  # 125 MB
FEW = 200
heard: list[str] = []


async def application(scope, receive, send):
    """HTTP: the length of the body, or see `count`. A socket of a room: the length of each message. Others: see `flood`."""
    if scope["type"] == "http":
        await count(scope, receive, send)
    elif scope["type"] == "websocket":
        await receive()
        if scope["path"] == "/denied":
            await deny(scope, send, 401, {"detail": "Wer da? äöü"}, {"retry-after": "3"})
            return
        await send({"type": "websocket.accept"})
        kind = scope["path"].strip("/")
        await {"deaf": deaf, "drain": drain}.get(kind, measure if "room" in kind else flood)(
            scope, receive, send
        )


async def count(scope, receive, send):
    """/heard: the messages of the last socket at /drain; /who: who the server says is calling."""
    length = 0
    while True:
        message = await receive()
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    answer = {
        "/heard": str(heard),
        "/who": f"{scope['client'][0]} {scope['scheme']}{scope.get('root_path')}",
    }.get(scope["path"], str(length))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": answer.encode()})


async def measure(scope, receive, send):
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({"type": "websocket.send", "text": str(len(message.get("bytes") or message.get("text")))})


async def flood(scope, receive, send):
    """/state shows the same state over and over, /events puts as many events, /few a few; a text `go` begins it."""
    outbox = Outbox(send, write=writer_of(scope))
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


async def deaf(scope, receive, send):
    """Takes nothing that comes."""
    await asyncio.Event().wait()


async def drain(scope, receive, send):
    """Closes on `go`, and notes what was under way."""
    while (await receive()).get("text") != "go":
        pass
    heard.clear()
    await send({"type": "websocket.close", "code": 1003, "reason": "Room closed", "drain": True})
    while (message := await receive())["type"] != "websocket.disconnect":
        heard.append(message["text"])
