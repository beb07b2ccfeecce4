"""Settings of the recogniser, and of when its processes count as dead."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from config.env.section import Section, Words

# Languages that Whisper's base model transcribes well enough to offer by default.
DEFAULT_SOURCE_LANGS = "de en es fr it nl pt pl uk"


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
    asr_backend: Literal["auto", "ctranslate2", "onnxruntime", "torch"] = Field(
        "auto",
        description="What runs Whisper: CTranslate2, small models on a CPU ONNX Runtime; torch (requirements-torch.txt): checkpoints and GPUs that CTranslate2 cannot run.",
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
        0,
        ge=0,
        description="CPU threads of one room; 0: one. Two: words 0.1 s earlier with base, for a fourth more CPU.",
    )
    asr_slots: int = Field(0, ge=0, description="Rooms this worker serves; 0: from cores or GPU memory.")
    asr_spares: int = Field(1, ge=0, description="Warm processes beyond the slots.")
    asr_policy: Literal["alignment", "local_agreement", "similarity", "alignatt", "utterance"] = Field(
        "alignment", description="When words become final; alignatt with ASR_BACKEND=onnxruntime or torch."
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

    @model_validator(mode="after")
    def _backend_can(self) -> Self:
        if self.asr_backend == "torch":
            if self.asr_compute_type not in ("", "float32", "float16", "bfloat16"):
                raise ValueError("ASR_COMPUTE_TYPE: with ASR_BACKEND=torch float32, float16 or bfloat16")
        elif self.asr_device == "mps":
            raise ValueError("ASR_DEVICE=mps needs ASR_BACKEND=torch")
        elif self.asr_policy == "alignatt" and self.asr_backend != "onnxruntime":
            raise ValueError("ASR_POLICY=alignatt needs ASR_BACKEND=onnxruntime or torch")
        return self

    @model_validator(mode="after")
    def _default_may_be_spoken(self) -> Self:
        if self.default_source_lang not in self.source_langs:
            raise ValueError("DEFAULT_SOURCE_LANG must be one of SOURCE_LANGS")
        return self
