"""What Whisper's graphs for ONNX Runtime are made of: nodes, and the numbers of a model converted for CTranslate2.

With compute type int8 matrices have 8 bits, quantised for each output; unsigned, because products of signed weights and unsigned
activations saturate where the CPU has AVX2 alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper

from .variables import Array

OPSET, CONTRIBUTED = 20, "com.microsoft"
IR_VERSION = 10
EPSILON = 1e-5
ZERO_POINT, LARGEST = 128, 127  # of weights as unsigned bytes
TINY = 1e-7  # no scale is zero, in float16 either
ROWS_AT_ONCE = 4096
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


@dataclass(frozen=True)
class How:
    """With 8 bits a weight, or with 32; on so many threads."""

    quantised: bool
    threads: int


def quantise(matrix: Array) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Bytes around `ZERO_POINT`, and the scale of each row; some rows at a time, for the vocabulary has many."""
    scale = (np.maximum(np.abs(matrix).max(axis=1), TINY) / LARGEST).astype(np.float32)
    weights = np.empty(matrix.shape, np.uint8)
    for at in range(0, len(matrix), ROWS_AT_ONCE):
        rows = slice(at, at + ROWS_AT_ONCE)
        weights[rows] = np.rint(matrix[rows] / scale[rows, None]) + ZERO_POINT
    return weights, scale


class Graph:
    """Nodes, and the numbers in them."""

    def __init__(self, variables: Mapping[str, Array], how: How) -> None:
        self._variables = variables
        self._how = how
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def takes(self, name: str, *shape: int | str, kind: int = FLOAT) -> None:
        """Declare an input."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))

    def gives(self, name: str, *shape: int | str, kind: int = FLOAT) -> None:
        """Declare an output."""
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def constant(self, array: Array) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(
        self,
        kind: str,
        *inputs: str,
        name: str | tuple[str, ...] = "",
        outputs: int = 1,
        domain: str = "",
        **attributes: Any,
    ) -> Any:
        """Add a node; returns the name of its output, or the names."""
        default = [f"node_{len(self._nodes)}_{i}" for i in range(outputs)]
        names = default if not name else [name] if isinstance(name, str) else list(name)
        self._nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def variable(self, name: str) -> NDArray[np.float32]:
        return self._variables[name].astype(np.float32)

    def linear(
        self, states: str, name: str, *, scale: NDArray[np.float32] | None = None, quantised: bool = True
    ) -> str:
        """A matrix and its bias; `scale`: of each output."""
        matrix, bias = self.variable(f"{name}/weight"), self.variable(f"{name}/bias")
        if scale is not None:
            matrix, bias = matrix * scale[:, None], bias * scale
        return self.product(states, matrix, bias, quantised=quantised)

    def product(
        self,
        states: str,
        matrix: Array,
        bias: NDArray[np.float32],
        *,
        quantised: bool = True,
        output: str = "",
    ) -> str:
        """With a matrix (outputs, inputs)."""
        if not (self._how.quantised and quantised):
            product = self.node("MatMul", states, self.constant(matrix.T.astype(np.float32)))
            return str(self.node("Add", product, self.constant(bias), name=output))
        weights, scale = quantise(matrix)
        zero_points = np.full(len(scale), ZERO_POINT, np.uint8)
        inputs = [self.constant(each) for each in (weights.T, scale, zero_points, bias)]
        return str(self.node("DynamicQuantizeMatMul", states, *inputs, name=output, domain=CONTRIBUTED))

    def normalised(self, states: str, name: str, *, output: str = "") -> str:
        """Layer normalisation."""
        gamma, beta = (self.constant(self.variable(f"{name}/{part}")) for part in ("gamma", "beta"))
        return str(
            self.node("LayerNormalization", states, gamma, beta, name=output, axis=-1, epsilon=EPSILON)
        )

    def session(self) -> onnxruntime.InferenceSession:
        """The graph on the CPU; its threads sleep while they wait."""
        graph = helper.make_graph(self._nodes, "whisper", self._inputs, self._outputs, self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIBUTED, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self._how.threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        serialised = model.SerializeToString()
        del graph, model
        self._constants.clear()
        return onnxruntime.InferenceSession(serialised, options, providers=["CPUExecutionProvider"])
