"""Whisper checkpoints in the layout of Hugging Face's `transformers`, for ASR_BACKEND=torch: where they are, and the hub.

A checkpoint is a folder with config.json, its weights (safetensors, or pickled tensors alone) and its tokenizer. One from
the hub stays as it was first fetched: the hub's own cache names each file by its SHA-256.
"""

from __future__ import annotations

import json
from pathlib import Path

from asr.weights import Progress, WeightsError

SIZES = ("tiny", "base", "small", "medium", "large-v2", "large-v3", "large-v3-turbo")
SHORT_NAMES = {
    **{size: f"openai/whisper-{size}" for size in SIZES},
    **{f"{size}.en": f"openai/whisper-{size}.en" for size in ("tiny", "base", "small", "medium")},
    "turbo": "openai/whisper-large-v3-turbo",
}
WEIGHTS = (
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
)  # fmt: skip
FETCHED = (
    "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "vocab.json", "merges.txt",
    "normalizer.json", "added_tokens.json", "special_tokens_map.json", "tokenizer_config.json",
)  # fmt: skip


def find_or_fetch(name: str, *, model_dir: Path | None = None, progress: Progress | None = None) -> Path:
    """Return the folder of checkpoint `name`, fetching it if need be.

    `name`: a folder, alone or in `model_dir`; a size of Whisper; or owner/name on the hub. Raises WeightsError with what to do.
    """
    places = [model_dir / name, model_dir] if model_dir else []
    for place in (*places, Path(name)):
        if (place / "config.json").is_file():
            return _checked(place)
    repository = SHORT_NAMES.get(name, name)
    if repository.count("/") != 1 or Path(name).is_absolute():
        raise WeightsError(
            f"Unknown checkpoint {name!r}: set ASR_MODEL to a folder that holds one, to owner/name on the hub, or to one of "
            + ", ".join(SHORT_NAMES)
        )
    return _checked(_from_hub(repository, progress or (lambda message: None)))


def _checked(folder: Path) -> Path:
    """The folder, where it holds a checkpoint of Whisper."""
    try:
        kind = json.loads((folder / "config.json").read_text()).get("model_type")
    except (OSError, ValueError, AttributeError):
        kind = None
    if kind != "whisper":
        raise WeightsError(f"{folder}: config.json is not that of a Whisper checkpoint (model_type: whisper)")
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise WeightsError(f"{folder} holds no weights ({', '.join(WEIGHTS)})")
    if not (folder / "tokenizer.json").is_file() and not (folder / "vocab.json").is_file():
        raise WeightsError(f"{folder} holds no tokenizer (tokenizer.json, or vocab.json and merges.txt)")
    return folder


def _from_hub(repository: str, say: Progress) -> Path:
    """What the hub's cache has, else what the hub gives."""
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    known = try_to_load_from_cache(repository, "model.safetensors")
    if isinstance(known, str):
        return Path(known).parent
    say(f"Fetching the checkpoint from the hub: {repository}")
    try:
        return Path(snapshot_download(repository, allow_patterns=list(FETCHED)))
    except Exception as error:  # the hub's client raises many kinds, of its own and of its HTTP library
        reason = type(error).__name__
        raise WeightsError(
            f"The hub did not give {repository} ({reason}): set ASR_MODEL to a folder that holds the checkpoint"
        ) from error
