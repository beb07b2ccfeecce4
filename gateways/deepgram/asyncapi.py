"""The AsyncAPI document of this wire's socket."""

from typing import Any

from gateways.common.asyncapi import Socket, document
from gateways.deepgram import refusals, wire

CLOSES = {
    "1000": "after CloseStream, behind `Metadata`",
    f"1008 {refusals.UNDECODABLE.reason}": "the bytes are not what was announced, or no audio that is known here",
    f"1008 {refusals.SIGNED_OUT.reason}": "the key was revoked or is over",
    f"1008 {refusals.TOO_MANY_MESSAGES.reason}": "a flood",
    f"1008 {refusals.TOO_MUCH_AUDIO.reason}": "a flood",
    f"1011 {refusals.SILENT.reason}": "neither audio nor a message for 10 s",
    f"1011 {refusals.FAILED.reason}": "come back",
    f"1011 {refusals.AUDIO_LOST.reason}": "come back",
    "1012": "the server restarts: come back",
    "1013 Too slow": "more messages wait than are kept",
}
LISTEN = Socket(
    name="listen",
    address="/v1/listen",
    description="Speech to text in the shape of Deepgram's. The handshake is refused with `err_code` and `err_msg` as JSON.",
    parameters={},
    from_server=wire.FROM_SERVER,
    from_client=wire.FROM_CLIENT,
    query=wire.ListenQuery,
    binary="Audio: raw, one packet of Opus, or a piece of WebM, Ogg or WAV. An empty message is CloseStream.",
    closes=CLOSES,
)


def asyncapi() -> dict[str, Any]:
    """As in docs/asyncapi/deepgram.json."""
    return document(
        title="Souffleur, speech to text in the shape of Deepgram's",
        description="What each message means: docs/wires/ecosystem.md. A field that has no value is left out.",
        sockets=[LISTEN],
    )
