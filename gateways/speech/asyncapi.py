"""The AsyncAPI document of the WebSocket twin."""

from typing import Any

from gateways.common.asyncapi import Socket, document
from gateways.speech import wire

TRANSCRIBE = Socket(
    name="transcribe",
    address="/v1/transcribe",
    description="One speaker's audio in, text out; nothing is kept.",
    parameters={},
    from_server=wire.FROM_SERVER,
    from_client=wire.FROM_CLIENT,
    query=wire.Query,
    binary="Mono PCM at 16 kHz, in the encoding that `start` names.",
    closes={
        "1000 completed": "everything was said",
        "1008": "invalid_argument or deadline_exceeded; the reason is the message",
        "1011": "internal_error",
        "1012": "the server restarts: come back",
        "1013": "resource_exhausted: no free slot, or the server cannot open a stream now: come back",
    },
)


def asyncapi() -> dict[str, Any]:
    """As in docs/asyncapi/speech.json."""
    return document(
        title="Souffleur, speech",
        description="The WebSocket twin of speech over gRPC. What each message means: docs/wires/speech.md.",
        sockets=[TRANSCRIBE],
    )
