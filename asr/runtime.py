"""What one ASR process holds: the model on its device, and how a session's captioner is made."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from django.conf import settings

from asr import checkpoints, weights
from asr.caption.captioner import Captioner
from asr.caption.words import WordCaptioner
from asr.kinds import kind_of
from asr.machine import cores, cuda_devices, gpu_free_bytes, torch_device
from asr.models import Session
from asr.recognise import backends, streaming
from asr.recognise.counters import Counters
from asr.recognise.language import LanguageRecogniser
from asr.recognise.options import EngineOptions
from asr.recognise.prompt import Voice
from asr.recognise.recogniser import Recogniser
from asr.recognise.scripted import ScriptedRecogniser
from asr.recognise.whisper import Whisper
from asr.shared import Shared
from asr.sinks.sink import Resume
from asr.stream_options import AUTO_LANG, StreamOptions

CORES_PER_ROOM = 2  # measured: one room with Whisper base takes up to one core and decodes in bursts
GPU_BYTES_PER_ROOM = 4 << 30
logger = logging.getLogger(__name__)
_model: Whisper | None = None


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model runs where, and how."""

    backend: backends.Name
    model: str
    device: str
    compute_type: str
    threads: int


def choice() -> ModelChoice:
    """The settings, with the blanks filled from the machine."""
    env = settings.ENV
    device = _device()
    if env.asr_backend == "torch":
        compute_type = "float16" if device == "cuda" else "float32"
    else:
        compute_type = "int8_float16" if device == "cuda" else "int8"
    return ModelChoice(
        backend=env.asr_backend,
        model=env.asr_model or ("base" if device == "cpu" else "large-v3-turbo"),
        device=device,
        compute_type=env.asr_compute_type or compute_type,
        threads=env.asr_threads or 1,  # docs/performance.md, Silence in few steps
    )


def _device() -> str:
    env = settings.ENV
    if env.asr_device != "auto":
        return str(env.asr_device)
    if env.asr_backend == "torch":
        return torch_device()
    return "cuda" if cuda_devices() > 0 else "cpu"


def slots() -> int:
    """Rooms this machine serves: the setting, or what its cores or its GPU's free memory carry."""
    if settings.ENV.asr_slots:
        return int(settings.ENV.asr_slots)
    if choice().device != "cpu":
        return max(1, gpu_free_bytes() // GPU_BYTES_PER_ROOM)
    return max(1, cores() // CORES_PER_ROOM)


def model_folder(progress: weights.Progress | None = None) -> Path:
    """Where the weights are; fetched if need be. Raises weights.WeightsError, backends.BackendError."""
    env = settings.ENV
    backends.check_installed(env.asr_backend)
    if env.asr_backend == "torch":
        return checkpoints.find_or_fetch(choice().model, model_dir=env.asr_model_dir, progress=progress)
    return weights.find_or_fetch(
        choice().model,
        model_dir=env.asr_model_dir,
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
        model_folder(),
        backend=chosen.backend,
        device=chosen.device,
        compute_type=chosen.compute_type,
        threads=chosen.threads,
    )
    logger.info("model loaded", extra={"model": chosen.model, "device": chosen.device})


def make_captioner(session: Session, source_lang: str, resume: Resume, shared: Shared) -> Captioner:
    """The captioner of a channel, from where its text ends; see `ResumePoint` for how it goes on there."""
    options = engine_options(session, resume.lang or source_lang)
    text = resume.committed_text
    if kind_of(session).gives_words:
        voice = shared.prompt.voice() if session.options.get("shared_prompt") else None
        make = _Recognisers(options, shared.counters, voice)
        return WordCaptioner(make, options, resume.committed_ms, text, speech=resume.speech, voice=voice)
    make = _Recognisers(options, shared.counters)
    line = 1 if text else 0
    return Captioner(
        make, options, resume.committed_ms, line=line, committed_text=text, unfinished=resume.unfinished
    )


class _Recognisers:
    """Makes the recognisers of a channel, one at a time; once its language is known it stays."""

    def __init__(self, options: EngineOptions, counters: Counters, voice: Voice | None = None) -> None:
        self._options = options
        self._counters = counters
        self._voice = voice

    def __call__(self, start_ms: int) -> Recogniser:
        env, unknown = settings.ENV, self._options.language == AUTO_LANG
        if env.asr_recogniser == "scripted":
            return ScriptedRecogniser(start_ms, finds=env.default_source_lang if unknown else "")
        if unknown:
            detect = partial(_loaded().language_probabilities, languages=env.source_langs)
            return LanguageRecogniser(detect, self._in_language, self._options, start_ms)
        return streaming.make_recogniser(
            _loaded(), self._options, start_ms, counters=self._counters, voice=self._voice
        )

    def _in_language(self, code: str, start_ms: int) -> Recogniser:
        self._options = replace(self._options, language=code)
        return self(start_ms)


def _loaded() -> Whisper:
    if _model is None:
        raise RuntimeError("load() comes first")
    return _model


def engine_options(session: Session, source_lang: str) -> EngineOptions:
    """The settings' names and the talk's words as the engine takes them, and what a session's gateway chose."""
    env, talk = settings.ENV, kind_of(session).vocabulary(session)
    options = EngineOptions(
        language=source_lang,
        policy=env.asr_policy,
        min_chunk_size_s=env.asr_min_chunk_size,
        confidence_validation=env.asr_confidence_validation,
        punctuation_split=env.asr_punctuation_split,
        vac=env.asr_vac,
        beam_size=env.asr_beam_size,
        buffer_trimming=env.asr_buffer_trimming,
        buffer_trimming_s=env.asr_buffer_trimming_s,
        piece_words=env.asr_piece_words,
        piece_words_most=env.asr_piece_words_most,
        title=talk.title,
        abstract=talk.abstract,
        speakers=talk.speakers,
        glossary=talk.glossary,
    )
    return StreamOptions.from_json(session.options).changed(options) if session.options else options
