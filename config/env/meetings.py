"""Settings of the meetings' wire."""

from pydantic import Field

from config.env.section import Section, Words


class MeetingsEnv(Section):
    """Meetings."""  # by the names of the system whose clients speak this wire (docs/wires/meetings.md)

    asap_pub_keys_repo_url: str = Field(
        "", description="http(s)://… or a folder of the public keys of who may have meetings transcribed."
    )
    asap_pub_keys_folder: str = Field("", description="Folder in it; a key is SHA-256 of its `kid`, `.pem`.")
    asap_pub_keys_auds: Words = Field(default=[], description="A token's `aud` must be one of these.")
    bypass_authorization: bool = Field(
        False,
        description="Development only: meetings need no token. Refused without DEBUG, unless said twice.",
    )
    bypass_authorization_outside_debug: bool = Field(
        False, description="BYPASS_AUTHORIZATION, said for the second time."
    )
    whisper_max_connections: int = Field(
        10, ge=1, le=10_000, description="Meetings that a web process serves at once; slots bound them, too."
    )
    whisper_return_transcribed_audio: bool = Field(
        False, description="Finals bring their sound, as a WAV file in base64."
    )
