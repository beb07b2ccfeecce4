"""The AsyncAPI document of this wire's socket."""

from typing import Any

from gateways.common.asyncapi import Socket, document
from gateways.openai import wire

CLOSES = {
    "1008 invalid_api_key": "no such key, or it was revoked or is over",
    "1008 missing_api_key": "neither a header nor a subprotocol has one",
    "1008 consent_required": "the server asks for `consent=1`",
    "1008 too_many_messages": "more than 200 a second, 2000 at once",
    "1009": "a message is larger than 2 MiB",
    "1011 transcription_failed": "the recogniser died too often",
    "1011 server_error": "not the client's fault",
    "1012": "the server restarts: come back",
    "1013 rate_limit_exceeded": "no slot is free: come back later",
    "1013 not_ready": "come back",
    "1013 Too slow": "more events wait than are kept",
}
REALTIME = Socket(
    name="realtime",
    address="/v1/realtime",
    description="Realtime transcription in OpenAI's shape. The key comes as `Authorization: Bearer KEY`, or from a browser "
    "as the subprotocol `openai-insecure-api-key.KEY`.",
    parameters={},
    from_server=wire.FROM_SERVER,
    from_client=wire.FROM_CLIENT,
    query=wire.RealtimeQuery,
    closes=CLOSES,
)


def asyncapi() -> dict[str, Any]:
    """As in docs/asyncapi/openai.json."""
    return document(
        title="Souffleur, OpenAI's realtime transcription",
        description="What is promised: docs/wires/ecosystem.md. What a client's session leaves out stays as it is.",
        sockets=[REALTIME],
    )
