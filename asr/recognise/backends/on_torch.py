"""Whisper on torch: any checkpoint in the layout of Hugging Face's `transformers`, on CUDA, ROCm, Apple's GPUs and CPUs.

The modules are the library's; windows shorter than 30 s, the search and the alignment are those of the other backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
import torch
import transformers
from numpy.typing import NDArray
from transformers.cache_utils import DynamicCache, DynamicLayer, EncoderDecoderCache

from . import Alignment, BackendError, Found, Search, first_of_each
from .attention import smoothed, warp
from .beam_search import CANDIDATES_PER_BEAM, Continuations, Limits, beam_search
from .special_tokens import MULTILINGUAL_VOCABULARY, SpecialTokens

COMPUTE_TYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Encoded:
    """The encoder's output, and each decoder layer's keys and values of it."""

    output: torch.Tensor
    cross: list[tuple[torch.Tensor, torch.Tensor]]

    def cache(self, beams: int = 1) -> EncoderDecoderCache:
        """A cache that holds no text yet, for so many beams."""
        cross = DynamicCache()
        for keys, values in self.cross:
            layer = DynamicLayer()
            layer.lazy_initialization(keys, values)
            layer.keys, layer.values = keys.expand(beams, -1, -1, -1), values.expand(beams, -1, -1, -1)
            cross.layers.append(layer)  # `update` would copy what all beams share
        return EncoderDecoderCache(DynamicCache(), cross)


class TorchBackend:
    """A checkpoint on a device."""

    def __init__(
        self, path: Path, tokenizer: tokenizers.Tokenizer, *, device: str, compute_type: str, threads: int
    ) -> None:
        if compute_type not in COMPUTE_TYPES:
            raise BackendError(f"ASR_COMPUTE_TYPE: torch computes in {', '.join(COMPUTE_TYPES)}")
        torch.set_num_threads(threads)
        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        try:
            model = transformers.WhisperForConditionalGeneration.from_pretrained(
                path, dtype=COMPUTE_TYPES[compute_type], local_files_only=True, attn_implementation="sdpa"
            )
        except (OSError, ValueError) as error:
            raise BackendError(f"{path} holds no Whisper checkpoint that transformers reads") from error
        self._model = model.to(device).eval()
        self._device, self._dtype = torch.device(device), COMPUTE_TYPES[compute_type]
        self._decoder = self._model.model.decoder
        self.special = SpecialTokens(tokenizer, model.config.vocab_size)
        self.suppressed = torch.tensor(self.special.suppressed, device=self._device)
        self._heads = alignment_heads(model)
        self._queries: dict[int, torch.Tensor] = {}
        for layer in {layer for layer, _ in self._heads}:
            self._keep_queries(layer)

    def _keep_queries(self, layer: int) -> None:
        def keep(module: Any, inputs: Any, output: torch.Tensor) -> None:
            self._queries[layer] = output

        self._decoder.layers[layer].encoder_attn.q_proj.register_forward_hook(keep)

    @property
    def n_mels(self) -> int:
        """Bands of the features."""
        return int(self._model.config.num_mel_bins)

    @property
    def is_multilingual(self) -> bool:
        """May the language be chosen?"""
        return int(self._model.config.vocab_size) >= MULTILINGUAL_VOCABULARY

    @torch.inference_mode()
    def encode(self, features: NDArray[np.float32], heard: int) -> Encoded:
        """The encoder's output: the library's own method insists on windows of 30 s."""
        encoder, gelu = self._model.model.encoder, torch.nn.functional.gelu
        inputs = torch.from_numpy(features)[None].to(self._device, self._dtype)
        states = gelu(encoder.conv2(gelu(encoder.conv1(inputs)))).permute(0, 2, 1)
        states = states + encoder.embed_positions.weight[: states.shape[1]]
        for layer in encoder.layers:
            states = layer(states, None)
        output = encoder.layer_norm(states)
        return Encoded(
            output, [self._keys_and_values(layer.encoder_attn, output) for layer in self._decoder.layers]
        )

    def _keys_and_values(self, attention: Any, output: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        shape = (1, -1, attention.num_heads, attention.head_dim)
        keys = attention.k_proj(output).view(shape).transpose(1, 2).contiguous()
        return keys, attention.v_proj(output).view(shape).transpose(1, 2).contiguous()

    def states(
        self, tokens: Sequence[Sequence[int]], encoded: Encoded, cache: EncoderDecoderCache
    ) -> torch.Tensor:
        """The decoder's last layer over tokens behind those in the cache, (beams, tokens, width)."""
        ids = torch.tensor(tokens, device=self._device)
        result = self._decoder(
            input_ids=ids, encoder_hidden_states=encoded.output, past_key_values=cache, use_cache=True
        )
        return result.last_hidden_state

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        return self._model.proj_out(states).float()

    @torch.inference_mode()
    def language_probabilities(self, encoded: Encoded) -> dict[str, float]:
        """How probable each language is."""
        special = self.special
        states = self.states([[special.start]], encoded, encoded.cache())
        found = self.logits(states)[0, -1, special.languages[0] : special.languages[-1] + 1].softmax(-1)
        return dict(zip(special.codes, found.tolist(), strict=True))

    @torch.inference_mode()
    def generate(self, encoded: Encoded, search: Search) -> Found:
        """Beam search; what is forced is computed at once."""
        prompt = [*search.before, *search.start, *search.forced]
        cache = encoded.cache()
        states = self.states([prompt], encoded, cache)
        at_start = self.logits(states[:, len(search.before)])
        no_speech = float(at_start.softmax(-1)[0, self.special.no_speech])
        step = _Step(self, encoded, search, cache)
        limits = Limits(
            end=self.special.end,
            max_tokens=min(
                search.max_length // 2, search.max_length - len(search.before) - len(search.start) + 1
            ),
            finished=search.beam_size,
        )
        first = step.continuations(self.logits(states[:, -1]), [search.forced], first=search.suppress_blank)
        found = beam_search(first, step, search.forced, search.beam_size, limits)[: search.hypotheses]
        return Found([tokens for tokens, _ in found], [score for _, score in found], no_speech)

    @torch.inference_mode()
    def align(
        self, encoded: Encoded, start: Sequence[int], text: Sequence[int], frames: int, known: int = 0
    ) -> Alignment | None:
        """By the cross-attention of the checkpoint's alignment heads, over the text as it is."""
        end = self.special.end
        tokens = [*start, self.special.no_timestamps, *text, end]
        states = self.states([tokens], encoded, encoded.cache())
        own = slice(len(start), -1)  # each token's position is that which predicts it
        logits = self.logits(states[0, own][:-1])[:, :end]
        probabilities = logits.softmax(-1).gather(1, torch.tensor(text, device=self._device)[:, None])[:, 0]
        weights = smoothed(self._looks(encoded, frames // 2).cpu().numpy())[own]
        tokens_at, steps_at = warp(weights)
        return Alignment(
            first_of_each(tokens_at, steps_at),
            probabilities.cpu().numpy()[known:],
            weights[:-1].argmax(axis=1),
        )

    def _looks(self, encoded: Encoded, steps: int) -> torch.Tensor:
        """The alignment heads' attention of the last pass, before its softmax: (heads, tokens, steps)."""
        rows = []
        for layer, head in self._heads:
            attention = self._decoder.layers[layer].encoder_attn
            at = slice(head * attention.head_dim, (head + 1) * attention.head_dim)
            queries = self._queries[layer][0, :, at] * attention.scaling
            rows.append(queries @ encoded.cross[layer][0][0, head, :steps].T)
        return torch.stack(rows).float()


class _Step:
    """Advances the beams of one search: a `NextTokens`."""

    def __init__(
        self, backend: TorchBackend, encoded: Encoded, search: Search, cache: EncoderDecoderCache
    ) -> None:
        self._backend = backend
        self._encoded = encoded
        self._search = search
        self._cache = cache
        self._beams = 1

    def __call__(self, beams: Sequence[Sequence[int]], origins: Sequence[int]) -> Continuations:
        """The next tokens behind beams, whose caches are in the order of the last call."""
        own = self._cache.self_attention_cache
        if len(beams) != self._beams:
            fresh = self._encoded.cache(len(beams))
            fresh.self_attention_cache = own
            self._cache, self._beams = fresh, len(beams)
        if list(origins) != list(range(own.layers[0].keys.shape[0])):
            own.reorder_cache(torch.tensor(origins, device=self._encoded.output.device))
        states = self._backend.states([[tokens[-1]] for tokens in beams], self._encoded, self._cache)
        return self.continuations(self._backend.logits(states[:, -1]), beams)

    def continuations(
        self, logits: torch.Tensor, beams: Sequence[Sequence[int]], *, first: bool = False
    ) -> Continuations:
        """Without what must not be said; `first`: no end and no blank either."""
        special, penalty = self._backend.special, self._search.repetition_penalty
        if penalty != 1.0:
            for row, tokens in zip(logits, beams, strict=True):
                said = torch.tensor(sorted(set(tokens)), device=logits.device, dtype=torch.long)
                row[said] = torch.where(row[said] < 0, row[said] * penalty, row[said] / penalty)
        logits.index_fill_(1, self._backend.suppressed, -torch.inf)
        if first:
            logits[:, special.suppressed_first] = -torch.inf
        best = logits.log_softmax(-1).topk(CANDIDATES_PER_BEAM * self._search.beam_size)
        return Continuations(best.indices.cpu().numpy(), best.values.cpu().numpy())


def alignment_heads(model: Any) -> list[tuple[int, int]]:
    """(layer, head) of the heads that follow the audio; all of the upper half, where the checkpoint does not say."""
    known = getattr(model.generation_config, "alignment_heads", None)
    if known:
        return [(layer, head) for layer, head in known]
    layers, heads = model.config.decoder_layers, model.config.decoder_attention_heads
    return [(layer, head) for layer in range(layers // 2, layers) for head in range(heads)]


def load_tokenizer(path: Path) -> tokenizers.Tokenizer:
    """A checkpoint's tokenizer; older ones have a vocabulary and merges instead of tokenizer.json."""
    if (path / "tokenizer.json").is_file():
        return tokenizers.Tokenizer.from_file(str(path / "tokenizer.json"))
    slow = transformers.WhisperTokenizerFast.from_pretrained(path, local_files_only=True)
    return tokenizers.Tokenizer.from_str(slow.backend_tokenizer.to_str())
