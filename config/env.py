"""Every setting that a deployment may change, typed, with its unit in its name or its description.

Values come from the environment (or a `.env` file beside manage.py). `docs/settings.md` lists them.
A missing secret or a wrong value stops the process with the name of the variable and what to set.
"""

import json
import shlex
import stat
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from config import wires
from rooms.encryption import key_from_text

BASE_DIR = Path(__file__).resolve().parent.parent

DEFAULT_CHAT_LANGS = "ar cs de en es fr it ja ko nl pl pt ru sv tr uk zh"
# Languages that Whisper's base model transcribes well enough to offer by default.
DEFAULT_SOURCE_LANGS = "de en es fr it nl pt pl uk"

ENV_FILE = BASE_DIR / ".env"
SECRET_KEY_CHARS, SECRET_KEY_KINDS = 50, 5  # as Django's own check wants it
PASSWORD_CHARS, METRICS_TOKEN_CHARS = 8, 16
LOGIN_NAME_LENGTH = 64  # of SeededLogin.name

Words = Annotated[list[str], NoDecode]


class EnvError(Exception):
    """The environment lacks a value or holds a wrong one; the message names the variables."""


class Section(BaseSettings):
    """Settings that belong together; the first line of a section's own docstring heads them in docs/settings.md."""

    model_config = SettingsConfigDict(env_file=ENV_FILE, extra="ignore", frozen=True, env_ignore_empty=True)


class DjangoEnv(Section):
    """Django."""

    debug: bool = Field(False, description="Development only: tracebacks in answers, throw-away secrets.")
    secret_key: str = Field("", description="Django's signing key; at least 50 random characters.")
    allowed_hosts: Words = Field(
        default=["localhost", "127.0.0.1", "[::1]"], description="Host names served."
    )
    web_server: Literal["uvicorn", "daphne"] = Field(
        "uvicorn", description="The ASGI server of the web process."
    )
    trust_proxy: bool = Field(
        False, description="Believe X-Forwarded-Proto and X-Forwarded-For of the reverse proxy in front."
    )
    https_only: bool = Field(True, description="Secure cookies, HSTS and redirect to https outside DEBUG.")
    cors_allowed_origins: Words = Field(default=[], description="Origins of browser clients on other hosts.")
    event_time_zone: str = Field(
        "Europe/Berlin", description="Time zone of the first event: transcripts and days are dated in it."
    )


class PlacesEnv(Section):
    """Where things are."""

    var_dir: Path = Field(BASE_DIR / "var", description="Data of the embedded servers, models, logs.")
    database_url: str = Field("", description="postgres://…; empty: the embedded PostgreSQL.")
    database_pool_size: int = Field(
        30, ge=2, description="Connections to PostgreSQL that a web process opens at most."
    )
    database_statement_timeout_s: float = Field(
        30, ge=0, description="A statement of a server may take this long; 0: no limit. Commands have none."
    )
    database_lock_timeout_s: float = Field(
        8,
        ge=0,
        description="A web process waits this long for a row that another transaction has locked, longer than DATABASE_IDLE_TRANSACTION_S; 0: no limit. Workers have none.",
    )
    database_idle_transaction_s: float = Field(
        5,
        ge=0,
        description="A server's transaction may do nothing for this long, for instance where its process is stopped: its locks hold up others; 0: no limit.",
    )
    database_tcp_timeout_s: float = Field(
        10,
        ge=0,
        description="PostgreSQL's host is given up when it acknowledges nothing for this long; 0: the system's.",
    )
    redis_url: str = Field("", description="redis://…; empty: the embedded Redis.")


class SpeakersEnv(Section):
    """Who may speak."""

    host_password: str = Field("", description="The one password of all hosts (the user 'host').")
    host_passwords: dict[str, str] = Field(
        default={}, description='Several hosts as JSON, {"user": "password"}; each owns what it hosted.'
    )
    admin_password: str = Field("", description="Password that always gives power admin (the user 'admin').")
    key_lifetime_hours: int = Field(3, ge=1, le=168, description="A login key's lifetime.")
    login_failures_per_minute: int = Field(
        60, ge=1, description="Failed logins an address may make a minute; a hall is one address."
    )
    votes_per_minute: int = Field(
        120,
        ge=1,
        description="Votes for captions an address may cast a minute; a hall is one address.",
    )


class RoomsEnv(Section):
    """Rooms."""

    schedule_url: str = Field(
        "", description="URL or path of the first event's pretalx/frab schedule (JSON or XML)."
    )
    schedule_hidden_tracks: Words = Field(
        default=[], description="Names of the first event's tracks to hide."
    )
    schedule_refresh_min: int = Field(60, ge=1, description="Minutes between two readings of the schedule.")
    room_list_ahead_min: int = Field(30, ge=0, description="Talks are listed this long before they start.")
    first_page_shared_s: float = Field(
        2.0,
        ge=0,
        le=60,
        description="Visitors of the first page share what was read for it this long; 0: never.",
    )
    grace_s: float = Field(300, gt=0, description="A room waits this long for its host to come back.")
    host_return_s: float = Field(
        30,
        ge=0,
        description="Of that time the room is for this long its own host's alone: by its key or its personal login, or an admin. Then anybody who may host goes on, in a part of their own.",
    )
    newest_sentences: int = Field(20, ge=1, le=200, description="Sentences in a conference chunk.")
    retention_days: int = Field(0, ge=0, description="Stored transcripts are deleted after this; 0: never.")


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


class RecogniserEnv(Section):
    """Recogniser."""

    source_langs: Words = Field(
        default=DEFAULT_SOURCE_LANGS.split(), description="Languages that may be spoken."
    )
    default_source_lang: str = Field("en", description="Offered where a talk's language is unknown.")
    asr_recogniser: Literal["whisper", "scripted"] = Field("whisper", description="scripted: for tests.")
    asr_scripted_load_s: float = Field(
        0.0, ge=0, le=120, description="Seconds that the scripted recogniser takes to load."
    )
    asr_backend: Literal["ctranslate2", "torch"] = Field(
        "ctranslate2",
        description="What runs Whisper; torch (requirements-torch.txt): checkpoints and GPUs that CTranslate2 cannot run.",
    )
    asr_model: str = Field(
        "",
        description="Whisper's size; empty: base on a CPU, large-v3-turbo on a GPU. Or a model's folder; for torch a checkpoint in Hugging Face's layout, or owner/name on the hub.",
    )
    asr_model_dir: Path | None = Field(None, description="Folder that holds models by name.")
    asr_device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto",
        description="Where Whisper runs; mps (Apple) with torch alone, which calls AMD's GPUs cuda, too.",
    )
    asr_compute_type: str = Field(
        "",
        description="CTranslate2's; empty: int8 on a CPU, int8_float16 on a GPU. torch's float32, float16 or bfloat16; empty: float16 on CUDA, else float32.",
    )
    asr_threads: int = Field(
        0, ge=0, description="CPU threads of one room; 0: one, which is as fast as two for base."
    )
    asr_slots: int = Field(0, ge=0, description="Rooms this worker serves; 0: from cores or GPU memory.")
    asr_spares: int = Field(1, ge=0, description="Warm processes beyond the slots.")
    asr_policy: Literal["alignment", "local_agreement", "similarity", "alignatt", "utterance"] = Field(
        "alignment", description="When words become final; alignatt with ASR_BACKEND=torch alone."
    )
    asr_beam_size: int = Field(5, ge=1, le=10, description="Beams of the final pass at a pause.")
    asr_min_chunk_size: float = Field(0.4, gt=0, le=30, description="Seconds of new speech before a decode.")
    asr_vac: bool = Field(True, description="Voice activity control: silence is never decoded.")
    asr_buffer_trimming: Literal["sentence", "segment"] = Field(
        "sentence", description="Where buffers are cut."
    )
    asr_buffer_trimming_s: float = Field(8.0, gt=1, le=30, description="Cut buffers that are longer.")
    asr_confidence_validation: bool = Field(True, description="Confident words need no second opinion.")
    asr_punctuation_split: bool = Field(
        True, description="Sentences end at punctuation, else at pauses only."
    )
    asr_piece_words: int = Field(
        6, ge=1, le=100, description="A long sentence is stored in pieces: from so many words on at a clause."
    )
    asr_piece_words_most: int = Field(
        14, ge=0, le=200, description="A piece has so many words at the most. 0: sentences are stored whole."
    )
    asr_beat_stale_s: float = Field(
        6.0, gt=1, description="A silent ASR process is declared dead after this."
    )
    asr_stuck_s: float = Field(
        20.0,
        gt=1,
        description="Its main loop, or audio time while audio waits, stands still: stuck after this.",
    )


class TranslationEnv(Section):
    """Translation."""

    translation_engines: Words = Field(
        default=[],
        description="Engines in the order of preference (libretranslate, chat, ctranslate2, argos, bergamot, pivot, scripted); empty: those that have what they need, in this order.",
    )
    libretranslate_url: str = Field("", description="http://… of a LibreTranslate server.")
    libretranslate_api_key: str = Field("", description="Its API key, if it wants one.")
    chat_url: str = Field(
        "",
        description="http://…/v1 of a server with OpenAI's chat completions API: its language model translates.",
    )
    chat_api_key: str = Field("", description="Its API key, if it wants one.")
    chat_model: str = Field("", description="The model's name there.")
    chat_langs: Words = Field(
        default=DEFAULT_CHAT_LANGS.split(), description="Languages that it translates into each other."
    )
    chat_formality: Literal["", "formal", "informal"] = Field(
        "", description="How it addresses the audience; empty: as it likes."
    )
    chat_tokens_per_day: int = Field(
        0, ge=0, description="Cost ceiling: so many tokens in a day (UTC), then the next engine; 0: none."
    )
    translation_model_dir: Path | None = Field(
        None, description="Folder of models converted for CTranslate2 (Opus-MT, NLLB), a folder each."
    )
    translation_pivot: str = Field(
        "en",
        description="Language through which two engines translate what none does alone; empty: none is.",
    )
    translation_timeout_s: float = Field(
        5.0, gt=0, le=30, description="A remote engine's answer may take this long."
    )
    translation_package_dir: Path | None = Field(
        None, description="Folder of installed Argos packages; empty: translation-packages in VAR_DIR."
    )
    translation_package_index: str = Field(
        "https://raw.githubusercontent.com/argosopentech/argospm-index/main/index.json",
        description="Index that translation_packages installs codes from.",
    )
    translation_per_cycle: int = Field(
        4, ge=1, le=32, description="Sentences of a language and room translated in one cycle, at most."
    )
    translation_cycle_s: float = Field(1.0, gt=0, le=60, description="Length of a cycle.")
    translation_concurrency: int = Field(
        4, ge=1, le=64, description="Calls that a translation worker makes to one engine at a time."
    )
    translation_room_chars_per_day: int = Field(
        0,
        ge=0,
        description="So many characters of a room are translated in a day (UTC), in all languages together, unless the room has its own quota; 0: no limit.",
    )
    translation_threads: int = Field(
        0, ge=0, description="CPU threads of an Argos model; 0: CTranslate2 decides."
    )
    translation_draft_engines: Words = Field(
        default=[],
        description="Engines that translate unfinished sentences for who reads along, too; empty: all but `chat`, whose calls cost; `none`: no drafts.",
    )
    translation_scripted_text_s: float = Field(
        0.0, ge=0, le=60, description="Seconds that the scripted engine takes for a text."
    )


class SpeechEnv(Section):
    """Spoken translations."""

    speech_engines: Words = Field(
        default=[],
        description="Engines that speak, in the order of preference (piper, hibari, espeak-ng, pico2wave, scripted); empty: those that are installed; `none`: nothing is spoken.",
    )
    speech_voice_dir: Path | None = Field(
        None, description="Folder of Piper voices, NAME.onnx beside NAME.onnx.json."
    )


class EchoEnv(Section):
    """Echo."""

    noise_suppressor: Literal["auto", "gate"] = Field(
        "auto", description="auto: RNNoise where it is installed and a stream is 48 kHz, else the gate."
    )
    noise_gate_threshold: float = Field(
        0.015, ge=0, le=1, description="The gate lowers frames whose RMS (1: full scale) is below."
    )
    noise_gate_attenuation: float = Field(0.2, ge=0, le=1, description="It multiplies them by this.")
    echo_max_clients: int = Field(100, ge=0, description="Clients that a web process echoes at a time.")
    echo_rnnoise_streams: int = Field(
        4, ge=0, description="Of them with RNNoise, 9 % of a core each; the others get the gate."
    )


class LogsEnv(Section):
    """Logs and metrics."""

    metrics_token: str = Field(
        "",
        description="Bearer token for /metrics, at least 16 characters; without it only this machine itself may read them, and through no proxy.",
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="Least level of our own lines; libraries speak from WARNING on."
    )
    log_json: bool = Field(True, description="One JSON object a line; false: for people.")


class Env(
    DjangoEnv,
    PlacesEnv,
    SpeakersEnv,
    RoomsEnv,
    WiresEnv,
    MeetingsEnv,
    RecogniserEnv,
    TranslationEnv,
    SpeechEnv,
    EchoEnv,
    LogsEnv,
):
    """The environment, parsed once at start-up."""

    @field_validator(
        "allowed_hosts",
        "asap_pub_keys_auds",
        "encryption_keys",
        "cors_allowed_origins",
        "schedule_hidden_tracks",
        "source_langs",
        "chat_langs",
        "translation_engines",
        "translation_draft_engines",
        "speech_engines",
        "wires",
        "speech_ports",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)
        separator = "," if "," in value else None
        return [word.strip() for word in value.split(separator) if word.strip()]

    @field_validator("wires")
    @classmethod
    def _known_wires(cls, value: list[str]) -> list[str]:
        if unknown := sorted(set(value) - {*wires.OPTIONAL, "none"}):
            raise ValueError(f"{', '.join(unknown)}: may be {' '.join(wires.OPTIONAL)}, or none")
        return [name for name in wires.OPTIONAL if name in value]

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _chat_is_whole(self) -> Self:
        if self.chat_url and not self.chat_model:
            raise ValueError("CHAT_MODEL: name the model that CHAT_URL serves")
        return self

    @field_validator("event_time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("is not an IANA time zone, for instance Europe/Berlin") from error
        return value

    @model_validator(mode="after")
    def _backend_can(self) -> Self:
        if self.asr_backend == "torch":
            if self.asr_compute_type not in ("", "float32", "float16", "bfloat16"):
                raise ValueError("ASR_COMPUTE_TYPE: with ASR_BACKEND=torch float32, float16 or bfloat16")
        elif self.asr_device == "mps":
            raise ValueError("ASR_DEVICE=mps needs ASR_BACKEND=torch")
        elif self.asr_policy == "alignatt":
            raise ValueError("ASR_POLICY=alignatt needs ASR_BACKEND=torch")
        return self

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.default_source_lang not in self.source_langs:
            raise ValueError("DEFAULT_SOURCE_LANG must be one of SOURCE_LANGS")
        if not self.debug:
            missing = [
                name
                for name, value in (
                    ("SECRET_KEY", self.secret_key),
                    ("HOST_PASSWORD or HOST_PASSWORDS", self.host_password or self.host_passwords),
                    ("ADMIN_PASSWORD", self.admin_password),
                )
                if not value
            ]
            if missing:
                raise ValueError("set " + ", ".join(missing) + " (secrets have no defaults outside DEBUG)")
            self._refuse_weak_secrets()
        return self

    def _refuse_weak_secrets(self) -> None:
        """What can be guessed keeps nobody out. Raises ValueError, which names no value."""
        if len(self.secret_key) < SECRET_KEY_CHARS or len(set(self.secret_key)) < SECRET_KEY_KINDS:
            raise ValueError(
                f"SECRET_KEY: at least {SECRET_KEY_CHARS} random characters, for instance those of "
                "python3 -c 'import secrets; print(secrets.token_hex(32))'"
            )
        passwords = {"ADMIN_PASSWORD": [self.admin_password], "HOST_PASSWORD": [self.host_password]}
        passwords["HOST_PASSWORDS"] = list(self.host_passwords.values())
        for name, values in passwords.items():
            if any(0 < len(value) < PASSWORD_CHARS for value in values):
                raise ValueError(f"{name}: a password has at least {PASSWORD_CHARS} characters")
        if 0 < len(self.metrics_token) < METRICS_TOKEN_CHARS:
            raise ValueError(f"METRICS_TOKEN: at least {METRICS_TOKEN_CHARS} characters")

    @model_validator(mode="after")
    def _meetings_are_guarded(self) -> Self:
        bypassed = self.bypass_authorization and not self.debug
        if bypassed and not self.bypass_authorization_outside_debug:
            raise ValueError(
                "BYPASS_AUTHORIZATION lets anybody use the recogniser: unset it, or set DEBUG, "
                "or BYPASS_AUTHORIZATION_OUTSIDE_DEBUG=1"
            )
        if self.asap_pub_keys_repo_url and not self.asap_pub_keys_auds:
            raise ValueError(
                "ASAP_PUB_KEYS_AUDS must name whom tokens are for: without, every token is refused"
            )
        return self

    @model_validator(mode="after")
    def _logins_differ(self) -> Self:
        """A password identifies the host, and so who may read: each belongs to one login."""
        if self.host_password and "host" in self.host_passwords:
            raise ValueError(
                "HOST_PASSWORDS names 'host', which is HOST_PASSWORD's login: set one of the two"
            )
        if "admin" in self.host_passwords:
            raise ValueError("HOST_PASSWORDS must not name 'admin': that is ADMIN_PASSWORD's login")
        if not all(0 < len(name) <= LOGIN_NAME_LENGTH for name in self.host_passwords):
            raise ValueError(f"HOST_PASSWORDS: a login name has 1 to {LOGIN_NAME_LENGTH} characters")
        passwords = list(self.host_logins.values())
        if not all(passwords):
            raise ValueError("HOST_PASSWORDS: no password may be empty")
        if len(set(passwords)) < len(passwords):
            raise ValueError("HOST_PASSWORD and HOST_PASSWORDS: each login needs a password of its own")
        if self.admin_password in passwords:
            raise ValueError("ADMIN_PASSWORD must differ from every host password")
        return self

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

    @property
    def host_logins(self) -> dict[str, str]:
        """Login name → password of everyone who may host."""
        logins = dict(self.host_passwords)
        if self.host_password:
            logins.setdefault("host", self.host_password)
        return logins


def _lines(path: Path | None) -> list[str]:
    return path.read_text().split() if path is not None else []


def read_env(*, env_file: Path = ENV_FILE, **overrides: Any) -> Env:
    """Parse the environment.

    Raises EnvError with one line a problem, naming the variable; values never appear in it.
    """
    refuse_open_secrets(env_file)
    try:
        return Env(_env_file=env_file, **overrides)  # type: ignore[call-arg]  # pydantic-settings takes it
    except ValidationError as error:
        lines = [
            f"  {'_'.join(map(str, item['loc'])).upper() or 'environment'}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise EnvError("Souffleur cannot start with this environment:\n" + "\n".join(lines)) from None


def refuse_open_secrets(path: Path) -> None:
    """Passwords in a file that other users of the machine may read are none. Raises EnvError."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # there is none, or it is not ours to read
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise EnvError(
            f"Souffleur cannot start: other users may read the secrets in {path}. Mend it with:\n"
            f"  chmod 600 {shlex.quote(str(path))}"
        )
