"""A fitted recipe as a bundle that data/serve.py loads: the trees as ONNX, and a code for every category."""

from __future__ import annotations

import pickle
from pathlib import Path
from unittest import mock

import numpy as np
import onnx.helper
from forecast import Recipe, codes
from skl2onnx import to_onnx
from sklearn.pipeline import Pipeline

_make_attribute = onnx.helper.make_attribute


def export(recipe: Recipe, model: Pipeline, path: Path) -> Path:
    """Write the bundle."""
    options = {"zipmap": False} if recipe.classifier else None
    example = np.zeros((1, len(recipe.features)), np.float32)
    with mock.patch("onnx.helper.make_attribute", _plain_attribute):
        graph = to_onnx(model.named_steps["model"], example, options=options, target_opset=18)
    path.write_bytes(pickle.dumps({"recipe": recipe, "onnx": graph.SerializeToString(), "codes": codes(recipe, model)}))
    return path


def _plain_attribute(key, value, *rest, **named):
    """skl2onnx 1.20 hands NumPy booleans and integers on, which onnx 1.23 refuses."""
    if isinstance(value, list):
        value = [int(v) if isinstance(v, (bool, np.bool_, np.integer)) else v for v in value]
    return _make_attribute(key, value, *rest, **named)
