"""Settings of the wires that are served, of consent, and of encryption."""

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from config import wires
from config.env.section import Section, Words, refuse_open_secrets
from rooms.encryption import key_from_text


class WiresEnv(Section):
    """Wires and consent."""

    wires: Words = Field(
        default=list(wires.OPTIONAL),
        description="Wires beside the conference's and the captions' that the web process serves; `none`: no other.",
    )
    speech_ports: Words = Field(
        default=[],
        description="Ports of speech over gRPC, for instance `50051 50052:older` (docs/wires/speech.md); empty: it is not started.",
    )
    screen_report_one_in: int = Field(
        10,
        ge=0,
        description="Of so many readers of a room one page says now and then how late a line was on its screen, the first five of a room always; 0: none does.",
    )
    centrifugo_url: str = Field(
        "",
        description="http(s)://… of a Centrifugo that gives the captions to viewers, too (docs/fan-out.md); empty: none.",
    )
    centrifugo_api_key: str = Field("", description="Its key of the HTTP API.")
    speech_lang: str = Field(
        "auto",
        description="Spoken language where a client of speech names none; auto: that of the first speech.",
    )
    consent_required: bool = Field(
        False, description="No sound is processed before its wire said that who speaks agreed (docs/wires)."
    )
    store_transcripts: bool = Field(
        True, description="false: no transcript outlives its talk, whatever a host chose."
    )
    encrypt_transcripts: bool = Field(
        False,
        description="Stored text is encrypted, a key a part; needs ENCRYPTION_KEYS or ENCRYPTION_KEY_FILE (docs/privacy.md).",
    )
    encryption_keys: Words = Field(
        default=[],
        description="Keys that wrap the keys of encrypted data, 32 bytes in base64 each (`openssl rand -base64 32`); the first wraps, all unwrap.",
    )
    encryption_key_file: Path | None = Field(
        None, description="File with such keys, one a line, behind those of ENCRYPTION_KEYS."
    )

    @field_validator("wires")
    @classmethod
    def _known_wires(cls, value: list[str]) -> list[str]:
        if unknown := sorted(set(value) - {*wires.OPTIONAL, "none"}):
            raise ValueError(f"{', '.join(unknown)}: may be {' '.join(wires.OPTIONAL)}, or none")
        return [name for name in wires.OPTIONAL if name in value]

    @model_validator(mode="after")
    def _keys_can_be_used(self) -> Self:
        if self.encryption_key_file is not None:
            refuse_open_secrets(self.encryption_key_file)
        try:
            keys = [*self.encryption_keys, *_lines(self.encryption_key_file)]
        except OSError as error:
            raise ValueError(f"ENCRYPTION_KEY_FILE cannot be read: {error.strerror}") from None
        for number, key in enumerate(keys, 1):
            try:
                key_from_text(key)
            except ValueError as error:
                raise ValueError(f"ENCRYPTION_KEYS: key {number} is {error}") from None
        if self.encrypt_transcripts and not keys:
            raise ValueError(
                "ENCRYPT_TRANSCRIPTS needs ENCRYPTION_KEYS or ENCRYPTION_KEY_FILE: make one by `openssl rand -base64 32`"
            )
        return self


def _lines(path: Path | None) -> list[str]:
    return path.read_text().split() if path is not None else []
