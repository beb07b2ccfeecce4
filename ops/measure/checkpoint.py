"""A checkpoint in the layout of Hugging Face's `transformers`, made of a Whisper model that was converted for CTranslate2.

The same weights, number for number: so that the two backends can be compared, and torch can be tried where the hub is not reached.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from faster_whisper.tokenizer import Tokenizer

from asr.recognise.backends.variables import FLOATS, Array, read_variables

LAYER = re.compile(r"(encoder|decoder)/layer_(\d+)/(.+)/(weight|bias|gamma|beta)")
SUFFIXES = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
MODULES = {
    "self_attention/layer_norm": "self_attn_layer_norm",
    "self_attention/linear_1": "self_attn.out_proj",
    "attention/layer_norm": "encoder_attn_layer_norm",
    "attention/linear_0": "encoder_attn.q_proj",
    "attention/linear_2": "encoder_attn.out_proj",
    "ffn/layer_norm": "final_layer_norm",
    "ffn/linear_0": "fc1",
    "ffn/linear_1": "fc2",
}
FUSED = {  # projections that CTranslate2 keeps in one matrix
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
}
TOP = {
    "embeddings/weight": "embed_tokens.weight",
    "position_encodings/encodings": "embed_positions.weight",
    "layer_norm/gamma": "layer_norm.weight",
    "layer_norm/beta": "layer_norm.bias",
    **{f"conv{i}/{part}": f"conv{i}.{part}" for i in (1, 2) for part in ("weight", "bias")},
}


def export_checkpoint(source: Path, target: Path) -> None:
    """Write the checkpoint of the model in folder `source` to folder `target`. Raises ValueError for another model."""
    from safetensors.numpy import save_file

    variables = read_variables(source / "model.bin")
    weights = dict(named_weights(variables))
    tokenizer = Tokenizer(tokenizers.Tokenizer.from_file(str(source / "tokenizer.json")), False)
    target.mkdir(parents=True, exist_ok=True)
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    shutil.copy(source / "tokenizer.json", target / "tokenizer.json")
    config = _config(variables, weights, tokenizer)
    (target / "config.json").write_text(json.dumps(config, indent=1))
    known = json.loads((source / "config.json").read_text())
    generation = {
        "suppress_tokens": known["suppress_ids"],
        "begin_suppress_tokens": known["suppress_ids_begin"],
        "alignment_heads": known["alignment_heads"],
    }
    (target / "generation_config.json").write_text(json.dumps(generation, indent=1))


def named_weights(variables: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """The weights under the names that they have in a checkpoint."""
    for name, value in variables.items():
        side, _, rest = name.partition("/")
        if not value.shape:
            continue  # a constant of the architecture
        if value.dtype not in FLOATS:
            raise ValueError(f"{name} is quantised: take the model that it was made of")
        if rest in TOP:
            yield f"model.{side}.{TOP[rest]}", value
        elif found := LAYER.fullmatch(name):
            _, number, module, part = found.groups()
            prefix, suffix = f"model.{side}.layers.{number}", SUFFIXES[part]
            if module in MODULES:
                yield f"{prefix}.{MODULES[module]}.{suffix}", value
            else:
                for projection, piece in zip(FUSED[module], np.split(value, len(FUSED[module])), strict=True):
                    if (projection.endswith("k_proj"), suffix) != (True, "bias"):  # which it has none
                        yield f"{prefix}.{projection}.{suffix}", np.ascontiguousarray(piece)
        else:
            raise ValueError(f"{name} is no variable of Whisper's")


def _config(
    variables: Mapping[str, Array], weights: Mapping[str, Array], tokenizer: Tokenizer
) -> dict[str, Any]:
    """config.json, by the shapes of the weights."""
    width, mels, _ = weights["model.encoder.conv1.weight"].shape
    sizes: dict[str, int] = {}
    for side in ("encoder", "decoder"):
        sizes[f"{side}_layers"] = sum(
            name.startswith(f"model.{side}.layers.") and name.endswith("fc1.bias") for name in weights
        )
        sizes[f"{side}_ffn_dim"] = weights[f"model.{side}.layers.0.fc1.bias"].shape[0]
        sizes[f"{side}_attention_heads"] = int(variables[f"{side}/num_heads"])
    return {
        "model_type": "whisper",
        "architectures": ["WhisperForConditionalGeneration"],
        "dtype": str(weights["model.decoder.embed_tokens.weight"].dtype),
        "d_model": width,
        "num_mel_bins": mels,
        **sizes,
        "vocab_size": weights["model.decoder.embed_tokens.weight"].shape[0],
        "max_source_positions": weights["model.encoder.embed_positions.weight"].shape[0],
        "max_target_positions": weights["model.decoder.embed_positions.weight"].shape[0],
        "decoder_start_token_id": tokenizer.sot,
        **dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), tokenizer.eot),
    }
