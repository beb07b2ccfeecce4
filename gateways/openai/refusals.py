"""What this wire says where something is not done: types, codes and words as the vendor's clients know them. Pure."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from gateways.openai.wire import Problem
from rooms.errors import BadInput, DomainError, Forbidden, NoCapacity, Unauthenticated, in_words

MIN_COMMIT_MS: Final = 100
POLICY_VIOLATION, INTERNAL_ERROR, TRY_AGAIN_LATER = 1008, 1011, 1013
RETRY_AFTER_S: Final = 5
FILE_FORMATS: Final = ("flac", "m4a", "mp3", "mp4", "mpeg", "mpga", "oga", "ogg", "wav", "webm")

WORDS: Final = {
    "invalid_api_key": "Incorrect API key provided.",
    "missing_api_key": "You didn't provide an API key. Send it as 'Authorization: Bearer KEY'.",
    "consent_required": "This server processes audio only with the consent of whoever speaks: add 'consent=1' to the query.",
    "rate_limit_exceeded": "Every slot of this server is taken. Please try again later.",
    "too_many_messages": "Too many events in too short a time.",
    "not_ready": "The server is not ready. Please try again.",
    "server_error": "The server had an error while processing your request.",
    "invalid_json": "The message is not a JSON object.",
    "text_only": "Events are JSON texts: audio comes in 'input_audio_buffer.append', as base64.",
    "unknown_type": "Invalid value: '{value}'. Supported values are: {known}.",
    "missing_required_parameter": "Missing required parameter: '{param}'.",
    "invalid_value": "Invalid value for '{param}'.",
    "transcription_only": "Invalid value: '{value}'. This server transcribes: the session's type is 'transcription'.",
    "invalid_audio": "Invalid 'audio'. Expected base64-encoded audio bytes in the session's input format.",
    "invalid_rate": "Invalid value for 'session.audio.input.format.rate'. Supported values are: {known}.",
    "input_audio_buffer_commit_empty": "Error committing input audio buffer: buffer too small. Expected at least "
    "100ms of audio, but buffer only has {had_ms}ms of audio.",
    "input_audio_buffer_full": "Audio comes faster than it is recognised: this part was not taken.",
    "model_not_found": "The model '{model}' does not exist or you do not have access to it.",
    "unsupported_language": "This language is not supported.",
    "session_has_audio": "Cannot update '{param}' once audio has come.",
    "transcription_failed": "The rest of this item could not be transcribed.",
    "text_lost": "Some text was lost on its way.",
    "file_too_large": "Maximum content size limit ({limit_bytes}) exceeded.",
    "audio_too_long": "Audio is longer than {limit_s} seconds.",
    "invalid_file_format": f"Invalid file format. Supported formats: {list(FILE_FORMATS)}",
    "no_file_streams": "A file's text is not streamed. Text while it is spoken comes from 'WS /v1/realtime'.",
    "timestamps_need_verbose": "'timestamp_granularities' requires 'response_format' to be 'verbose_json'.",
    "method_not_allowed": "Method not allowed.",
}
# Codes of the services, by the vendor's names.
_NAMES: Final = {
    "wrong_key": "invalid_api_key",
    "no_credentials": "missing_api_key",
    "no_key": "missing_api_key",
    "capacity": "rate_limit_exceeded",
    "source_lang": "unsupported_language",
}


class Kind(NamedTuple):
    """How a refusal looks: the error's type, the HTTP status, the code that a socket is closed with."""

    type: Any
    status: int
    close: int


_INVALID = Kind("invalid_request_error", 400, POLICY_VIOLATION)
_KINDS: Final = {
    "rate_limit_exceeded": Kind("rate_limit_error", 429, TRY_AGAIN_LATER),
    "too_many_messages": Kind("rate_limit_error", 429, POLICY_VIOLATION),
    "input_audio_buffer_full": Kind("rate_limit_error", 429, TRY_AGAIN_LATER),
    "invalid_api_key": Kind("invalid_request_error", 401, POLICY_VIOLATION),
    "missing_api_key": Kind("invalid_request_error", 401, POLICY_VIOLATION),
    "consent_required": Kind("invalid_request_error", 403, POLICY_VIOLATION),
    "model_not_found": Kind("invalid_request_error", 404, POLICY_VIOLATION),
    "method_not_allowed": Kind("invalid_request_error", 405, POLICY_VIOLATION),
    "file_too_large": Kind("invalid_request_error", 413, POLICY_VIOLATION),
    "not_ready": Kind("server_error", 503, TRY_AGAIN_LATER),
    "text_lost": Kind("server_error", 500, INTERNAL_ERROR),
    "transcription_failed": Kind("server_error", 500, INTERNAL_ERROR),
    "server_error": Kind("server_error", 500, INTERNAL_ERROR),
}


class Refusal(BadInput):
    """What a client asked for is not done: a code of WORDS; `param`: the field at fault; `event_id`: the event's."""

    def __init__(
        self, code: str, *, param: str | None = None, event_id: str | None = None, **named: str | int
    ):
        if param is not None:
            named["param"] = param
        super().__init__(code, retry=False, **named)
        self.param, self.event_id = param, event_id


def code_of(error: DomainError | None) -> str:
    """The vendor's name for it; None is what is not the client's fault."""
    if error is None:
        return "server_error"
    code = _NAMES.get(error.code, error.code)
    if code in WORDS:
        return code
    if isinstance(error, NoCapacity):
        return "rate_limit_exceeded"
    if isinstance(error, Unauthenticated | Forbidden):
        return "invalid_api_key"
    return "not_ready" if error.retry else "server_error"


def problem(error: DomainError | None) -> Problem:
    """As it stands in an event or an answer."""
    code = code_of(error)
    refused = error if isinstance(error, Refusal) else None
    return Problem(
        type=kind(code).type,
        code="invalid_value" if code in _VALUES else code,
        message=in_words(code, {} if error is None else error.parameters, WORDS),
        param=None if refused is None else refused.param,
        event_id=None if refused is None else refused.event_id,
    )


def kind(code: str) -> Kind:
    """How a refusal of this code looks."""
    return _KINDS.get(code, _INVALID)


# The vendor has one code for values that are wrong.
_VALUES: Final = {
    "unknown_type", "transcription_only", "invalid_audio", "invalid_rate", "unsupported_language", "text_only",
    "timestamps_need_verbose", "invalid_file_format", "session_has_audio", "no_file_streams",
}  # fmt: skip
