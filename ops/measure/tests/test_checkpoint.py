"""Weights that were converted for CTranslate2, back under the names of a checkpoint."""

import struct

import numpy as np
import pytest

from asr.recognise.backends.variables import read_variables
from ops.measure.checkpoint import named_weights

WIDTH = 4


def string(text):
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def model(path, variables, spec="WhisperSpec"):
    """A file in CTranslate2's layout."""
    kinds = {np.dtype(np.int8): 1, np.dtype(np.float16): 4}
    data = struct.pack("<I", 6) + string(spec) + struct.pack("<II", 3, len(variables))
    for name, value in variables.items():
        dims = struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        data += string(name) + dims + struct.pack("<BI", kinds[value.dtype], value.nbytes) + value.tobytes()
    path.write_bytes(data + struct.pack("<I", 0))
    return path


def test_fused_projections_are_parted_and_no_number_changes(tmp_path):
    fused = np.arange(3 * WIDTH * WIDTH, dtype=np.float16).reshape(3 * WIDTH, WIDTH)
    written = {
        "decoder/num_heads": np.array(2, dtype=np.int8),
        "decoder/layer_1/self_attention/linear_0/weight": fused,
        "decoder/layer_1/self_attention/linear_0/bias": fused[:, 0].copy(),
        "decoder/layer_norm/gamma": fused[0].copy(),
    }
    read = read_variables(model(tmp_path / "model.bin", written))
    assert all(np.array_equal(read[name], value) for name, value in written.items())
    found = dict(named_weights(read))
    attention = "model.decoder.layers.1.self_attn"
    assert sorted(found) == sorted(
        [
            *(f"{attention}.{part}_proj.weight" for part in "qkv"),
            f"{attention}.q_proj.bias",
            f"{attention}.v_proj.bias",
            "model.decoder.layer_norm.weight",
        ]
    )
    parts = [found[f"{attention}.{part}_proj.weight"] for part in "qkv"]
    assert np.array_equal(np.concatenate(parts), fused)
    assert np.array_equal(found[f"{attention}.v_proj.bias"], fused[2 * WIDTH :, 0])


def test_another_model_and_a_quantised_one_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not a Whisper model"):
        read_variables(model(tmp_path / "model.bin", {}, spec="TransformerSpec"))
    small = {"decoder/embeddings/weight": np.ones((2, 2), dtype=np.int8)}
    with pytest.raises(ValueError, match="quantised"):
        dict(named_weights(read_variables(model(tmp_path / "model.bin", small))))
    other = {"decoder/vision/weight": np.ones((2, 2), dtype=np.float16)}
    with pytest.raises(ValueError, match="no variable of Whisper's"):
        dict(named_weights(read_variables(model(tmp_path / "model.bin", other))))
