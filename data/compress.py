"""Compressed variants of the arrival-delay model: each a real ONNX model, measured on ONNX Runtime."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
from forecast import DELAY, SEED
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

Layer = tuple[np.ndarray, np.ndarray]
HIDDEN = (256, 128)


@dataclass(frozen=True, slots=True)
class Variant:
    """A compressed model on disk."""

    name: str
    path: Path

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size


def build(train: pd.DataFrame, folder: Path) -> tuple[ColumnTransformer, list[Variant]]:
    """Fit the baseline and derive the variants."""
    train = train[train["late"].notna()]
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore", min_frequency=50, sparse_output=False)
    encoder = ColumnTransformer([("n", numbers, list(DELAY.numbers)), ("c", categories, list(DELAY.categories))])
    x = encoder.fit_transform(train).astype(np.float32)
    y = train["late"].astype(int)
    common = {"max_iter": 12, "early_stopping": True, "random_state": SEED}
    teacher = MLPClassifier(hidden_layer_sizes=HIDDEN, alpha=1e-3, **common).fit(x, y)
    layers = list(zip(teacher.coefs_, teacher.intercepts_, strict=True))
    p = np.clip(teacher.predict_proba(x)[:, 1], 1e-4, 1 - 1e-4)
    student = MLPRegressor(hidden_layer_sizes=(16,), **common).fit(x, np.log(p / (1 - p)))
    variants = [
        _save("float32", [[layer] for layer in layers], folder),
        _save("pruned", [[_pruned(layer)] for layer in layers], folder),
        _save("low-rank", [_factors(layer) for layer in layers], folder),
        _save("distilled", [[layer] for layer in zip(student.coefs_, student.intercepts_, strict=True)], folder),
    ]
    int8 = folder / "int8.onnx"
    quantize_dynamic(str(variants[0].path), str(int8), weight_type=QuantType.QInt8)
    variants.insert(1, Variant("int8", int8))
    return encoder, variants


def measured(variant: Variant, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and milliseconds a request, one row at a time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(variant.path), options)
    scores, latency = np.empty(len(x)), np.empty(len(x))
    for at in range(len(x)):
        began = time.perf_counter()
        scores[at] = session.run(None, {"X": x[at : at + 1]})[0].item()
        latency[at] = (time.perf_counter() - began) * 1000
    return scores, latency


def _pruned(layer: Layer, keep: float = 0.2) -> Layer:
    """The largest fifth of the weights; the rest are zero."""
    weights, bias = layer
    return np.where(np.abs(weights) >= np.quantile(np.abs(weights), 1 - keep), weights, 0.0), bias


def _factors(layer: Layer, rank: int = 12) -> list[Layer]:
    """A layer as two thin ones (truncated singular value decomposition), where that is smaller."""
    weights, bias = layer
    if min(weights.shape) <= rank:
        return [layer]
    u, s, v = np.linalg.svd(weights, full_matrices=False)
    return [(u[:, :rank] * s[:rank], np.zeros(rank)), (v[:rank], bias)]


def _save(name: str, blocks: list[list[Layer]], folder: Path) -> Variant:
    """Blocks of linear layers, ReLU between blocks and a logistic end, as an ONNX graph."""
    nodes, weights, current = [], [], "X"
    for b, block in enumerate(blocks):
        for n, (matrix, bias) in enumerate(block):
            weights.append(numpy_helper.from_array(matrix.astype(np.float32), f"w{b}{n}"))
            weights.append(numpy_helper.from_array(bias.astype(np.float32), f"b{b}{n}"))
            nodes.append(helper.make_node("MatMul", [current, f"w{b}{n}"], [f"m{b}{n}"]))
            nodes.append(helper.make_node("Add", [f"m{b}{n}", f"b{b}{n}"], [f"a{b}{n}"]))
            current = f"a{b}{n}"
        last = b == len(blocks) - 1
        nodes.append(helper.make_node("Sigmoid" if last else "Relu", [current], [f"o{b}"]))
        current = f"o{b}"
    width = blocks[0][0][0].shape[0]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info(current, TensorProto.FLOAT, [None, 1])],
        weights,
    )
    path = folder / f"{name}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return Variant(name, path)
