"""A socket that is refused before it is accepted, with a status and a JSON body (ASGI's `websocket.http.response`).

Programs read them; browsers show a page neither, and get an accepted socket's close instead (consumer.py).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

EXTENSION: Final = "websocket.http.response"


async def deny(
    scope: Mapping[str, Any],
    send: Callable[[dict[str, Any]], Awaitable[None]],
    status: int,
    body: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
) -> None:
    """Answer the handshake with this instead of accepting. A server without the extension answers 403, and no word."""
    if EXTENSION not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    values = {
        "content-type": "application/json",
        "content-length": str(len(text)),
        "cache-control": "no-store",
        **(headers or {}),
    }
    named = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in values.items()]
    await send({"type": f"{EXTENSION}.start", "status": status, "headers": named})
    await send({"type": f"{EXTENSION}.body", "body": text})
