"""The AsyncAPI document of this wire's socket."""

from typing import Any

from pydantic import BaseModel, Field

from gateways.common.asyncapi import Socket, document
from gateways.meetings.refusals import FAILED, NO_HEADER, NOT_BINARY, SIGNED_OUT
from gateways.meetings.wire import Transcription


class MeetingQuery(BaseModel):
    """What an address may say."""

    auth_token: str | None = Field(
        None, description="A JWT; a header `Authorization: Bearer` goes before it."
    )


CLOSES = {
    "1000": "after the single byte 0x00: the meeting is over, and everything said is a final",
    f"{NOT_BINARY.code} {NOT_BINARY.reason}": "a text message",
    f"{NO_HEADER.code} {NO_HEADER.reason}": "no `|`, or no UTF-8",
    f"{SIGNED_OUT.code} {SIGNED_OUT.reason}": "whoever opened the page is signed out; a token counts when it is shown",
    f"{FAILED.code} {FAILED.reason}": "the recogniser failed several times: come back",
    "1009": "a message of more than 1,000,000 bytes",
    "1012": "the server restarts: come back",
    "1013 Too slow": "more finals wait than are kept: come back",
}


def asyncapi() -> dict[str, Any]:
    """As in docs/asyncapi/meetings.json."""
    meeting = Socket(
        name="meeting",
        address="/streaming-whisper/ws/{meeting}",
        description="All participants of one meeting. Refused before it is accepted, HTTP 401, 429 or 503 with "
        '`{"detail": …}`.',
        parameters={"meeting": "Any name. Each socket is a meeting of its own."},
        from_server=(Transcription,),
        from_client=(),
        query=MeetingQuery,
        binary="60 bytes `participant_id|lang`, padded with NUL or spaces, then s16le, mono, 16 kHz. "
        "The single byte 0x00 ends the meeting.",
        closes=CLOSES,
    )
    return document(
        title="Souffleur, meetings",
        description="The wire of Skynet's streaming-whisper. What each message means: docs/wires/meetings.md.",
        sockets=[meeting],
    )
