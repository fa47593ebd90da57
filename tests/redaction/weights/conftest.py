"""A cache with one small model of one file and one of a folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, MutableMapping
from hashlib import sha256
from pathlib import Path
from typing import cast

import onnx
import pytest

from redaction.weights import CATALOG, ModelEntry

Place = Callable[..., ModelEntry]


@pytest.fixture(scope="session")
def graph() -> bytes:
    """An ONNX graph that doubles a float32 (n,) vector."""
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n"])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n"])
    node = onnx.helper.make_node("Add", ["x", "x"], ["y"])
    made = onnx.helper.make_graph([node], "double", [value], [result])
    model = onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache that the engine uses."""
    root = tmp_path / "models"
    root.mkdir()
    monkeypatch.setenv("OFFRECORD_MODELS", str(root))
    return root


@pytest.fixture
def place(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Put a model of these files into catalog and cache."""

    def placed(name: str, *, folder: bool = False, **files: bytes) -> ModelEntry:
        paths = {f"{name}/{file.replace('_', '.')}": data for file, data in files.items()}
        entry = ModelEntry(
            name=name,
            files={path: sha256(data).hexdigest() for path, data in paths.items()},
            carriers=(),
            licence="MIT",
            origin="made by the test",
            purpose="test",
            folder=folder,
        )
        monkeypatch.setitem(cast(MutableMapping[str, ModelEntry], CATALOG), name, entry)
        shutil.rmtree(cache / name, ignore_errors=True)
        for path, data in paths.items():
            (cache / path).parent.mkdir(exist_ok=True)
            (cache / path).write_bytes(data)
        return entry

    return placed
