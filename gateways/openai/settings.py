"""What a client sets: `session.update`, the beta's `transcription_session.update`, and how the session is shown. Pure."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from asr.audio.pcm import RATES_HZ, RawFormat
from gateways.openai import wire
from gateways.openai.refusals import Refusal

OLDER_FORMATS: Final[dict[str, wire.Pcm | wire.G711]] = {
    "pcm16": wire.Pcm(),
    "g711_ulaw": wire.G711(type="audio/pcmu"),
    "g711_alaw": wire.G711(type="audio/pcma"),
}
_EVENTS: Final = {str(each.model_fields["type"].annotation.__args__[0]): each for each in wire.FROM_CLIENT}  # type: ignore[union-attr]
_G711: Final = {"audio/pcmu": RawFormat("mulaw", 8000), "audio/pcma": RawFormat("alaw", 8000)}
_ABSENT: Final = wire.Transcription()
_DEFAULT_INPUT: Final = wire.AudioInput()
Update = wire.SessionUpdate | wire.TranscriptionSessionUpdate
Event = Update | wire.Append | wire.Commit | wire.Clear


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """A session as its client has set it."""

    id: str
    input: wire.AudioInput = _DEFAULT_INPUT
    include: tuple[str, ...] = ()

    @property
    def raw_format(self) -> RawFormat:
        """What `append` brings."""
        given = self.input.format
        return RawFormat("s16le", given.rate) if isinstance(given, wire.Pcm) else _G711[given.type]

    @property
    def transcription(self) -> wire.Transcription:
        """What is spoken; without a field where nobody said so."""
        return self.input.transcription or _ABSENT

    @property
    def with_logprobs(self) -> bool:
        """Whether words come with how probable they are."""
        return wire.LOGPROBS in self.include

    def shown(self) -> wire.SessionView:
        """As events have it."""
        return wire.SessionView(
            id=self.id, audio=wire.Audio(input=self.input), include=list(self.include) or None
        )

    def shown_as_before(self) -> wire.OlderSessionView:
        """As the beta's events have it."""
        named: Any = next(
            (name for name, given in OLDER_FORMATS.items() if given == self.input.format), "pcm16"
        )
        return wire.OlderSessionView(
            id=self.id,
            input_audio_format=named,
            input_audio_transcription=self.input.transcription,
            input_audio_noise_reduction=self.input.noise_reduction,
            turn_detection=self.input.turn_detection,
            include=list(self.include) or None,
        )

    def updated(self, event: Update, *, has_audio: bool) -> SessionSettings:
        """With what the event says; what it leaves out stays. Raises Refusal."""
        said, include = _said(event)
        fields: dict[str, Any] = {name: getattr(said, name) for name in said.model_fields_set}
        if "transcription" in fields:
            fields["transcription"] = _merged(self.input.transcription, said.transcription)
        changed = replace(self, input=self.input.model_copy(update=fields))
        if include is not None:
            changed = replace(changed, include=tuple(include))
        _check(self, changed, has_audio=has_audio, event_id=event.event_id)
        return changed


def client_event(text: str) -> Event:
    """One of FROM_CLIENT. Raises Refusal."""
    try:
        found = from_json(text)
    except ValueError:
        raise Refusal("invalid_json") from None
    if not isinstance(found, dict):
        raise Refusal("invalid_json")
    event_id = found.get("event_id")
    event_id = event_id[:512] if isinstance(event_id, str) else None
    kind = found.get("type")
    if kind is None:
        raise Refusal("missing_required_parameter", param="type", event_id=event_id)
    model = _EVENTS.get(kind) if isinstance(kind, str) else None
    if model is None:
        known = ", ".join(f"'{name}'" for name in _EVENTS)
        raise Refusal("unknown_type", param="type", event_id=event_id, value=str(kind)[:60], known=known)
    _check_session_type(found, event_id)
    try:
        event: Event = model.model_validate({**found, "event_id": event_id})
    except ValidationError as error:
        raise _wrong_field(error, event_id) from None
    return event


def audio_bytes(event: wire.Append) -> bytes:
    """What an `append` brings. Raises Refusal."""
    try:
        return base64.b64decode(event.audio, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("invalid_audio", param="audio", event_id=event.event_id) from None


def _check_session_type(found: dict[str, Any], event_id: str | None) -> None:
    session = found.get("session")
    kind = session.get("type", "transcription") if isinstance(session, dict) else "transcription"
    if kind != "transcription":
        raise Refusal("transcription_only", param="session.type", event_id=event_id, value=str(kind)[:60])


def _wrong_field(error: ValidationError, event_id: str | None) -> Refusal:
    first = error.errors(include_url=False, include_input=False)[0]
    param = ".".join(
        str(step) for step in first["loc"] if step not in ("audio/pcm", "audio/pcmu", "audio/pcma")
    )
    code = "missing_required_parameter" if first["type"] == "missing" else "invalid_value"
    return Refusal(code, param=param[:100], event_id=event_id)


def _said(event: Update) -> tuple[wire.AudioInput, list[str] | None]:
    session = event.session
    if isinstance(session, wire.SessionFields):
        return session.audio.input, session.include
    names = {
        "input_audio_format": ("format", OLDER_FORMATS[session.input_audio_format]),
        "input_audio_transcription": ("transcription", session.input_audio_transcription),
        "input_audio_noise_reduction": ("noise_reduction", session.input_audio_noise_reduction),
        "turn_detection": ("turn_detection", session.turn_detection),
    }
    given = [names[name] for name in session.model_fields_set & names.keys()]
    return wire.AudioInput.model_construct({name for name, _ in given}, **dict(given)), session.include


def _merged(before: wire.Transcription | None, said: wire.Transcription | None) -> wire.Transcription | None:
    if before is None or said is None:
        return said
    return before.model_copy(update={name: getattr(said, name) for name in said.model_fields_set})


def _check(before: SessionSettings, after: SessionSettings, *, has_audio: bool, event_id: str | None) -> None:
    """Rates that exist; and what the recogniser was begun with stays once it has audio."""
    given = after.input.format
    if isinstance(given, wire.Pcm) and given.rate not in RATES_HZ:
        known = ", ".join(map(str, RATES_HZ))
        raise Refusal("invalid_rate", param="session.audio.input.format.rate", event_id=event_id, known=known)
    if has_audio and _begun_with(before.transcription) != _begun_with(after.transcription):
        raise Refusal("session_has_audio", param="session.audio.input.transcription", event_id=event_id)


def _begun_with(transcription: wire.Transcription) -> BaseModel:
    return transcription.model_copy(update={"model": None})
