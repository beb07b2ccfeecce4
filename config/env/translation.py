"""Settings of translation: engines, their limits, the pace."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from config.env.section import Section, Words

DEFAULT_CHAT_LANGS = "ar cs de en es fr it ja ko nl pl pt ru sv tr uk zh"


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

    @model_validator(mode="after")
    def _chat_is_whole(self) -> Self:
        if self.chat_url and not self.chat_model:
            raise ValueError("CHAT_MODEL: name the model that CHAT_URL serves")
        return self
