"""This wire's words for errors: the detail of an HTTP refusal, why a socket is closed, what a host's page shows. Pure.

The same code may read differently in each: clients of this wire have always got these texts (docs/wires/conference.md).
"""

from collections.abc import Mapping

from rooms.errors import DomainError, in_words

# `detail` of an HTTP refusal
DETAILS = {
    "admin_required": "Only an admin may close a room",
    "bad_field": "Missing or wrong: {field}",
    "body_too_large": "The body is too large",
    "malformed_body": "Malformed JSON object",
    "method_not_allowed": "Method not allowed",
    "no_access": "No access to this transcript",
    "no_credentials": "A key or a password is needed",
    "no_transcript": "Nothing stored in this language",
    "no_votes": "There is no vote to remove",
    "not_active": "Room not active",
    "not_ready": "Not ready",
    "role_not_given": "This password does not give the role admin",
    "room_not_found": "There is no such room",
    "talk_not_found": "There is no such talk to vote on",
    "too_many_attempts": "Too many wrong passwords from here: wait a moment",
    "too_many_votes": "Too many votes from here: wait a moment",
    "wrong_key": "Unknown, expired or revoked key",
    "wrong_password": "Wrong password",
}

# Why a socket is closed, where a service refused it; refusals.py has the wire's own
CLOSE_REASONS = {
    "capacity": "Unable to activate room <{room}>: Maximum capacity of {slots} instances reached",
    "consent_required": "Consent required: open room <{room}> from its host page",
    "do_not_record": "Audio recording not allowed in room <{room}>",
    "host_may_return": "The host of room <{room}> may come back: try again in {seconds} s",
    "multiple_hosts": "Multiple hosts not allowed",
    "room_not_found": "Room <{room}> not found",
}

# `message` of an {"error"} to a host, whose room stays open but for the first
HOST_MESSAGES = {
    "asr_failed": "Transcription failed repeatedly; the room was closed",
    "audio_backlog": "10 minutes of audio wait; what comes now is lost",
    "audio_lost": "Audio could not be stored and was lost",
    "audio_waits": "Audio cannot be stored now; it is kept and transcribed later",
    "not_host": "Not the host of this room",
    "not_ready": "The engine cannot be restarted now",
    "operator_message": "{text}",
    "too_many_messages": "More messages or bytes than any recorder sends",
    "too_many_restarts": "The engine is being restarted already",
    "undecodable_audio": "No audio could be decoded from what this browser sends{because}",
    "waiting_for_engine": "All engines are busy or starting; your audio is kept and will be transcribed",
}
UNDECODABLE_BECAUSE = {
    "codec_not_opus": ": its codec is not Opus",
    "damaged": ": it is damaged",
    "format_unknown": ": it is neither WebM nor Ogg",
    "no_header": ": the beginning of a recording is missing; start it again",
}


def detail(error: DomainError) -> str:
    """An HTTP refusal's `detail`."""
    return in_words(error.code, error.parameters, DETAILS)


def close_reason(error: DomainError) -> str | None:
    """Why the socket is closed; None: that is nothing that a browser should show."""
    return in_words(error.code, error.parameters, CLOSE_REASONS) if error.code in CLOSE_REASONS else None


def host_message(code: str, parameters: Mapping[str, str]) -> str:
    """What a host's page shows."""
    because = UNDECODABLE_BECAUSE.get(parameters.get("problem", ""), "")
    return in_words(code, {"text": "", **parameters, "because": because}, HOST_MESSAGES)
