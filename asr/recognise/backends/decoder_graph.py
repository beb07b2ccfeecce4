"""Whisper's decoder as graphs for ONNX Runtime, made of the variables of a model converted for CTranslate2.

`cross` makes keys and values of the encoder's output, once a window; `layers` runs the decoder over new tokens; `head` says
which tokens may follow. The architecture: Radford et al. 2022. The second matrix of each feed-forward part stays in float32: what goes into
it has outliers, and activations have one scale for all rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime

from .graph import INT64, Graph, How
from .variables import FLOATS, Array


@dataclass(frozen=True)
class Shape:
    """The decoder's sizes: layers, attention heads, width, tokens of the vocabulary."""

    layers: int
    heads: int
    width: int
    vocabulary: int

    @property
    def head_width(self) -> int:
        return self.width // self.heads

    @property
    def layer_weights(self) -> int:
        """About so many numbers in all layers: 4 matrices of attention, twice, and 8 of the feed-forward part."""
        return self.layers * 16 * self.width**2

    @classmethod
    def of(cls, variables: Mapping[str, Array]) -> Shape:
        """Raises ValueError for a decoder that this does not run."""
        try:
            vocabulary, width = variables["decoder/embeddings/weight"].shape
            heads = int(variables["decoder/num_heads"])
        except (KeyError, ValueError) as error:
            raise ValueError("the model has no decoder of Whisper's") from error
        layers = sum(
            name.startswith("decoder/layer_") and name.endswith("/ffn/linear_0/bias") for name in variables
        )
        weights = (name for name in variables if name.startswith("decoder/") and name.endswith("/weight"))
        if not all(variables[name].dtype in FLOATS for name in weights):
            raise ValueError("the model is quantised in its file")
        return cls(layers, heads, width, vocabulary)


def cross(variables: Mapping[str, Array], shape: Shape, how: How) -> onnxruntime.InferenceSession:
    """`encoded` (steps, width) → for each layer `cross_keys_N` (heads, head width, steps), `cross_values_N` (heads, steps, head width)."""
    graph = Graph(variables, how)
    split = graph.constant(np.array([-1, shape.heads, shape.head_width]))
    for layer in range(shape.layers):
        name = f"decoder/layer_{layer}/attention/linear_1"
        both = graph.linear("encoded", name)
        keys, values = graph.node("Split", both, outputs=2, axis=-1, num_outputs=2)
        graph.node(
            "Transpose", graph.node("Reshape", keys, split), name=f"cross_keys_{layer}", perm=[1, 2, 0]
        )
        graph.node(
            "Transpose", graph.node("Reshape", values, split), name=f"cross_values_{layer}", perm=[1, 0, 2]
        )
        graph.gives(f"cross_keys_{layer}", shape.heads, shape.head_width, "steps")
        graph.gives(f"cross_values_{layer}", shape.heads, "steps", shape.head_width)
    graph.takes("encoded", "steps", shape.width)
    return graph.session()


def layers(
    variables: Mapping[str, Array], shape: Shape, alignment_heads: Sequence[tuple[int, int]], how: How
) -> onnxruntime.InferenceSession:
    """The decoder over new tokens of beams that share their first tokens.

    Takes `states` (beams, tokens, width), embedded with their positions; `origins` (beams,): which of the last call's
    beams each one continues; `mask` (tokens, own + tokens), 0 or -inf; what `cross` gave, and `weights` as the encoder had them; for each layer `shared_keys_N` (heads, head
    width, shared), `shared_values_N` (heads, shared, head width), and of the beams' own tokens before `own_keys_N`,
    `own_values_N` (beams before, heads, own, head width). Gives `hidden` (beams x tokens, width), `keys_N` and `values_N` (beams, heads, own +
    tokens, head width), and `looks_N` (alignment heads of the layer, beams x tokens, steps): attention before its softmax.
    """
    graph = _Layers(variables, shape, how)
    states = "states"
    for layer in range(shape.layers):
        mine = [head for at, head in alignment_heads if at == layer]
        states = graph.layer(layer, states, mine)
    hidden = graph.normalised(states, "decoder/layer_norm")
    graph.node("Reshape", hidden, graph.constant(np.array([-1, shape.width])), name="hidden")
    graph.takes("states", "beams", "tokens", shape.width)
    graph.takes("origins", "beams", kind=INT64)
    graph.takes("mask", "tokens", "own and tokens")
    graph.takes("weights", "steps")
    graph.gives("hidden", "beams x tokens", shape.width)
    return graph.session()


def head(variables: Mapping[str, Array], shape: Shape, how: How) -> onnxruntime.InferenceSession:
    """`hidden` (n, width), `mask` (vocabulary,) 0 or -inf, `count` (1,) → `log_probabilities` and `tokens` (n, count) of the most
    probable ones under the mask, and `logits` (n, vocabulary).
    """
    graph = Graph(variables, how)
    matrix = variables["decoder/embeddings/weight"]
    logits = graph.product("hidden", matrix, np.zeros(len(matrix), np.float32), output="logits")
    masked = graph.node("LogSoftmax", graph.node("Add", logits, "mask"), axis=-1)
    graph.node("TopK", masked, "count", name=("log_probabilities", "tokens"), outputs=2, axis=-1)
    graph.takes("hidden", "n", shape.width)
    graph.takes("mask", shape.vocabulary)
    graph.takes("count", 1, kind=INT64)
    graph.gives("log_probabilities", "n", "most")
    graph.gives("tokens", "n", "most", kind=INT64)
    graph.gives("logits", "n", shape.vocabulary)
    return graph.session()


class _Layers(Graph):
    """The decoder's layers; see `layers`. The queries' scale is part of their matrices."""

    def __init__(self, variables: Mapping[str, Array], shape: Shape, how: How) -> None:
        super().__init__(variables, how)
        self._shape = shape
        heads, width = shape.heads, shape.head_width
        self._scale = np.full(shape.width, width**-0.5, np.float32)
        self._by_beam = self.constant(np.array([0, 0, heads, width]))
        self._by_head = self.constant(np.array([-1, heads, width]))
        sizes = self.node("Shape", "states")
        self._zero, one, two, end, self._last = (
            self.constant(np.array([number])) for number in (0, 1, 2, 2**31, 3)
        )
        self._end = end
        beams, tokens = self.node("Slice", sizes, self._zero, one), self.node("Slice", sizes, one, two)
        rest = self.constant(np.array([-1]))
        self._whole = self.node("Concat", beams, tokens, self.constant(np.array([shape.width])), axis=0)
        self._looks = self.node("Concat", self.constant(np.array([heads])), beams, tokens, rest, axis=0)
        self._shared = self.node("Slice", self.node("Shape", "shared_keys_0"), two, end)

    def layer(self, layer: int, states: str, alignment_heads: Sequence[int]) -> str:
        """One layer; returns its output."""
        name = f"decoder/layer_{layer}"
        attended = self._self_attention(layer, self.normalised(states, f"{name}/self_attention/layer_norm"))
        states = self.node("Add", states, self.linear(attended, f"{name}/self_attention/linear_1"))
        normalised = self.normalised(states, f"{name}/attention/layer_norm")
        attended = self._cross_attention(layer, normalised, alignment_heads)
        states = self.node("Add", states, self.linear(attended, f"{name}/attention/linear_2"))
        inner = self.linear(self.normalised(states, f"{name}/ffn/layer_norm"), f"{name}/ffn/linear_0")
        return str(
            self.node(
                "Add", states, self.linear(self.node("Gelu", inner), f"{name}/ffn/linear_1", quantised=False)
            )
        )

    def _self_attention(self, layer: int, states: str) -> str:
        """Over the shared tokens, the beam's own ones before, and the new ones as far as the mask lets."""
        heads, width = self._shape.heads, self._shape.head_width
        scale = np.concatenate([self._scale, np.ones(2 * self._shape.width, np.float32)])
        fused = self.linear(states, f"decoder/layer_{layer}/self_attention/linear_0", scale=scale)
        queries, *others = self.node("Split", fused, outputs=3, axis=-1, num_outputs=3)
        grown = []
        for kind, new in zip(("keys", "values"), others, strict=True):
            self.takes(f"own_{kind}_{layer}", "beams before", heads, "own", width)
            self.gives(f"{kind}_{layer}", "beams", heads, "own and tokens", width)
            before = self.node("Gather", f"own_{kind}_{layer}", "origins", axis=0)
            now = self.node("Transpose", self.node("Reshape", new, self._by_beam), perm=[0, 2, 1, 3])
            grown.append(self.node("Concat", before, now, name=f"{kind}_{layer}", axis=2))
        self.takes(f"shared_keys_{layer}", heads, width, "shared")
        self.takes(f"shared_values_{layer}", heads, "shared", width)
        own_queries = self.node("Transpose", self.node("Reshape", queries, self._by_beam), perm=[0, 2, 1, 3])
        own = self.node("MatMul", own_queries, self.node("Transpose", grown[0], perm=[0, 1, 3, 2]))
        shared = self.node("MatMul", self._queries_by_head(queries), f"shared_keys_{layer}")
        shared = self.node("Transpose", self.node("Reshape", shared, self._looks), perm=[1, 0, 2, 3])
        both = self.node("Concat", shared, self.node("Add", own, "mask"), axis=-1)
        looks = self.node("Softmax", both, axis=-1)
        at_shared = self.node("Slice", looks, self._zero, self._shared, self._last)
        at_own = self.node("Slice", looks, self._shared, self._end, self._last)
        values = self.node("Unsqueeze", f"shared_values_{layer}", self._zero)
        sums = self.node("Add", self.node("MatMul", at_shared, values), self.node("MatMul", at_own, grown[1]))
        return str(self.node("Reshape", self.node("Transpose", sums, perm=[0, 2, 1, 3]), self._whole))

    def _cross_attention(self, layer: int, states: str, alignment_heads: Sequence[int]) -> str:
        """Over the audio, which is the same for all beams."""
        heads, width = self._shape.heads, self._shape.head_width
        self.takes(f"cross_keys_{layer}", heads, width, "steps")
        self.takes(f"cross_values_{layer}", heads, "steps", width)
        queries = self.linear(states, f"decoder/layer_{layer}/attention/linear_0", scale=self._scale)
        looks = self.node("MatMul", self._queries_by_head(queries), f"cross_keys_{layer}")
        weighed = self.node("Add", looks, "weights")
        if alignment_heads:
            chosen = self.constant(np.array(alignment_heads))
            self.node("Gather", looks, chosen, name=f"looks_{layer}", axis=0)
            self.gives(f"looks_{layer}", len(alignment_heads), "beams x tokens", "steps")
        sums = self.node("MatMul", self.node("Softmax", weighed, axis=-1), f"cross_values_{layer}")
        return str(self.node("Reshape", self.node("Transpose", sums, perm=[1, 0, 2]), self._whole))

    def _queries_by_head(self, queries: str) -> str:
        """(heads, beams x tokens, head width): all rows at once against what the beams share."""
        return str(self.node("Transpose", self.node("Reshape", queries, self._by_head), perm=[1, 0, 2]))
