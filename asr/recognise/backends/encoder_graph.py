"""Whisper's encoder as a graph for ONNX Runtime, in which one step may stand for many that are alike.

Attention to `n` equal steps is attention to one of them with `log n` added before the softmax. The silence behind the audio is nearly
equal everywhere, so a few of its steps stand for all (silence.py). The second matrix of each feed-forward part stays in float32, as in the decoder.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnxruntime

from .graph import INT64, Graph, How
from .variables import Array


def encoder(variables: Mapping[str, Array], how: How) -> onnxruntime.InferenceSession:
    """`features` (1, bands, frames), and of each step that is computed `rows` (n,), the one of the convolutions' that it takes, `places`
    (n,), where it stands in the window, and `weights` (n,), the logarithm of how many it stands for → `encoded` (n, width).
    """
    graph = _Encoder(variables, how)
    states = graph.embedded()
    for layer in range(graph.layers):
        states = graph.layer(f"encoder/layer_{layer}", states)
    encoded = graph.normalised(states, "encoder/layer_norm", output="encoded")
    graph.takes("features", 1, graph.bands, "frames")
    graph.takes("rows", "steps", kind=INT64)
    graph.takes("places", "steps", kind=INT64)
    graph.takes("weights", "steps")
    graph.gives(encoded, "steps", graph.width)
    return graph.session()


class _Encoder(Graph):
    """The encoder's layers. The queries' scale is part of their matrices."""

    def __init__(self, variables: Mapping[str, Array], how: How) -> None:
        super().__init__(variables, how)
        self.width, self.bands, _ = variables["encoder/conv1/weight"].shape
        self.layers = sum(
            name.startswith("encoder/layer_") and name.endswith("/ffn/linear_0/bias") for name in variables
        )
        heads = int(variables["encoder/num_heads"])
        self._by_head = self.constant(np.array([-1, heads, self.width // heads]))
        self._whole = self.constant(np.array([-1, self.width]))
        scale = np.full(self.width, (self.width // heads) ** -0.5, np.float32)
        self._scale = np.concatenate([scale, np.ones(2 * self.width, np.float32)])

    def embedded(self) -> str:
        """Two convolutions, the steps that are computed, and their places."""
        states = "features"
        for name, stride in (("encoder/conv1", 1), ("encoder/conv2", 2)):
            matrix, bias = (self.constant(self.variable(f"{name}/{part}")) for part in ("weight", "bias"))
            convolved = self.node(
                "Conv", states, matrix, bias, kernel_shape=[3], pads=[1, 1], strides=[stride]
            )
            states = self.node("Gelu", convolved)
        steps = self.node("Reshape", self.node("Transpose", states, perm=[0, 2, 1]), self._whole)
        positions = self.constant(self.variable("encoder/position_encodings/encodings"))
        taken = self.node("Gather", steps, "rows", axis=0)
        return str(self.node("Add", taken, self.node("Gather", positions, "places", axis=0)))

    def layer(self, name: str, states: str) -> str:
        """One layer; returns its output."""
        attended = self._attention(name, self.normalised(states, f"{name}/self_attention/layer_norm"))
        states = self.node("Add", states, self.linear(attended, f"{name}/self_attention/linear_1"))
        inner = self.linear(self.normalised(states, f"{name}/ffn/layer_norm"), f"{name}/ffn/linear_0")
        outer = self.linear(self.node("Gelu", inner), f"{name}/ffn/linear_1", quantised=False)
        return str(self.node("Add", states, outer))

    def _attention(self, name: str, states: str) -> str:
        fused = self.linear(states, f"{name}/self_attention/linear_0", scale=self._scale)
        parts = self.node("Split", fused, outputs=3, axis=-1, num_outputs=3)
        queries, keys, values = (
            self.node("Transpose", self.node("Reshape", part, self._by_head), perm=order)
            for part, order in zip(parts, ([1, 0, 2], [1, 2, 0], [1, 0, 2]), strict=True)
        )
        looks = self.node("Add", self.node("MatMul", queries, keys), "weights")
        sums = self.node("MatMul", self.node("Softmax", looks, axis=-1), values)
        return str(self.node("Reshape", self.node("Transpose", sums, perm=[1, 0, 2]), self._whole))
