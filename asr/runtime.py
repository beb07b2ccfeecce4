"""What one ASR process holds: the model on its device, and how a session's captioner is made."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from asr import weights
from asr.caption.captioner import Captioner
from asr.caption.words import WordCaptioner
from asr.kinds import kind_of
from asr.machine import cores, cuda_devices, gpu_free_bytes
from asr.models import Session
from asr.recognise import streaming
from asr.recognise.counters import Counters
from asr.recognise.options import EngineOptions
from asr.recognise.recogniser import Recogniser
from asr.recognise.scripted import ScriptedRecogniser
from asr.recognise.whisper import Whisper
from asr.sinks.sink import Resume

CORES_PER_ROOM = 2  # measured: one room with Whisper base takes up to one core and decodes in bursts
GPU_BYTES_PER_ROOM = 4 << 30
logger = logging.getLogger(__name__)
_model: Whisper | None = None


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model runs where, and how."""

    model: str
    device: str
    compute_type: str
    threads: int


def choice() -> ModelChoice:
    """The settings, with the blanks filled from the machine."""
    env = settings.ENV
    gpu = env.asr_device == "cuda" or (env.asr_device == "auto" and cuda_devices() > 0)
    return ModelChoice(
        model=env.asr_model or ("large-v3-turbo" if gpu else "base"),
        device="cuda" if gpu else "cpu",
        compute_type=env.asr_compute_type or ("int8_float16" if gpu else "int8"),
        threads=env.asr_threads or 1,  # two are no faster in short windows (docs/performance.md)
    )


def slots() -> int:
    """Rooms this machine serves: the setting, or what its cores or its GPU's free memory carry."""
    if settings.ENV.asr_slots:
        return int(settings.ENV.asr_slots)
    if choice().device == "cuda":
        return max(1, gpu_free_bytes() // GPU_BYTES_PER_ROOM)
    return max(1, cores() // CORES_PER_ROOM)


def model_folder(progress: weights.Progress | None = None) -> Path:
    """Where the weights are; fetched if need be. Raises weights.WeightsError."""
    return weights.find_or_fetch(
        choice().model,
        model_dir=settings.ENV.asr_model_dir,
        cache_dir=settings.VAR_DIR / "models",
        progress=progress,
    )


def load() -> None:
    """Load the model into this process, once."""
    global _model
    if settings.ENV.asr_recogniser == "scripted":
        time.sleep(settings.ENV.asr_scripted_load_s)
        return
    if _model is not None:
        return
    chosen = choice()
    _model = Whisper.load(
        model_folder(), device=chosen.device, compute_type=chosen.compute_type, threads=chosen.threads
    )
    logger.info("model loaded", extra={"model": chosen.model, "device": chosen.device})


def make_captioner(session: Session, source_lang: str, resume: Resume, counters: Counters) -> Captioner:
    """The captioner of a channel, from where its text ends; see `ResumePoint` for how it goes on there."""
    options = engine_options(session, source_lang)
    model = _model

    def make_recogniser(start_ms: int) -> Recogniser:
        if settings.ENV.asr_recogniser == "scripted":
            return ScriptedRecogniser(start_ms)
        if model is None:
            raise RuntimeError("load() comes first")
        return streaming.make_recogniser(model, options, start_ms, counters=counters)

    text = resume.committed_text
    if kind_of(session).gives_words:
        return WordCaptioner(make_recogniser, options, resume.committed_ms, text)
    line = 1 if text else 0
    return Captioner(make_recogniser, options, resume.committed_ms, line=line, committed_text=text)


def engine_options(session: Session, source_lang: str) -> EngineOptions:
    """The settings' names and the talk's words as the engine takes them."""
    env, talk = settings.ENV, kind_of(session).vocabulary(session)
    return EngineOptions(
        language=source_lang,
        policy=env.asr_policy,
        min_chunk_size_s=env.asr_min_chunk_size,
        confidence_validation=env.asr_confidence_validation,
        punctuation_split=env.asr_punctuation_split,
        vac=env.asr_vac,
        beam_size=env.asr_beam_size,
        buffer_trimming=env.asr_buffer_trimming,
        buffer_trimming_s=env.asr_buffer_trimming_s,
        title=talk.title,
        abstract=talk.abstract,
        speakers=talk.speakers,
        glossary=talk.glossary,
    )
