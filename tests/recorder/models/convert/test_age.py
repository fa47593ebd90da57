"""The converters give an age alone, the same number as the net they were given, and the same bytes every time."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from recorder.models.convert.age import FACEAPI_SIZE_PX, FACERES_SIZE_PX, faceapi_age, faceres_deep_age

Array = NDArray[np.float32]
GENDER = np.float32(123.456)


def same(value: Array, kernel: Array, *, stride: int = 1, depthwise: bool = False) -> Array:
    """Convolve (H, W, C) with (h, w, C, O) as TensorFlow pads `SAME`; slow and plain on purpose."""
    rows, columns = kernel.shape[:2]
    out = [-(-length // stride) for length in value.shape[:2]]
    pad = [
        max(0, (o - 1) * stride + k - n)
        for o, k, n in zip(out, (rows, columns), value.shape[:2], strict=True)
    ]
    padded = np.pad(value, [(p // 2, p - p // 2) for p in pad] + [(0, 0)])
    total = np.zeros((*out, value.shape[2] if depthwise else kernel.shape[3]), np.float64)
    for row in range(rows):
        for column in range(columns):
            part = padded[row : row + out[0] * stride : stride, column : column + out[1] * stride : stride]
            part = part[: out[0], : out[1]]
            total += part * kernel[row, column, :, 0] if depthwise else part @ kernel[row, column]
    return total.astype(np.float32)


def pooled(value: Array) -> Array:
    """Take the largest of 3 x 3 at stride 2 as TensorFlow pads `SAME`."""
    size = -(-value.shape[0] // 2)
    pad = max(0, (size - 1) * 2 + 3 - value.shape[0])
    padded = np.pad(value, [(pad // 2, pad - pad // 2)] * 2 + [(0, 0)], constant_values=np.float32(-np.inf))
    parts = [
        padded[r : r + 2 * size : 2, c : c + 2 * size : 2][:size, :size] for r in range(3) for c in range(3)
    ]
    return np.asarray(np.max(parts, axis=0), np.float32)


@dataclass
class FakePackage:
    """Random weights in the layout of a TensorFlow.js package."""

    seed: int = 0
    weights: dict[str, Array] = field(default_factory=dict)
    manifest: list[dict[str, Any]] = field(default_factory=list)
    blob: bytes = b""

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def add(
        self, name: str, *shape: int, quantized: bool = False, value: Array | np.float32 | None = None
    ) -> None:
        """Add one weight; quantized ones are stored as bytes."""
        entry: dict[str, Any] = {"name": name, "shape": list(shape), "dtype": "float32"}
        if quantized:
            stored = self.random.integers(0, 256, shape, dtype=np.uint8)
            scale, least = 0.004, -0.5
            entry["quantization"] = {"dtype": "uint8", "scale": scale, "min": least}
            self.weights[name] = stored.astype(np.float32) * np.float32(scale) + np.float32(least)
            self.blob += stored.tobytes()
        else:
            array = (
                (self.random.normal(0, 0.2, shape) if value is None else value).astype("<f4").reshape(shape)
            )
            self.weights[name] = array.astype(np.float32)
            self.blob += array.tobytes()
        self.manifest.append(entry)


def faceapi_package() -> FakePackage:
    """A net of the right shape with few channels."""
    made = FakePackage()

    def separable(name: str, wide: int, out: int) -> None:
        made.add(f"{name}/depthwise_filter", 3, 3, wide, 1, quantized=True)
        made.add(f"{name}/pointwise_filter", 1, 1, wide, out, quantized=True)
        made.add(f"{name}/bias", out)

    def reduction(name: str, wide: int, out: int) -> None:
        separable(f"{name}/separable_conv0", wide, out)
        separable(f"{name}/separable_conv1", out, out)
        made.add(f"{name}/expansion_conv/filters", 1, 1, wide, out, quantized=True)
        made.add(f"{name}/expansion_conv/bias", out)

    made.add("entry_flow/conv_in/filters", 3, 3, 3, 4, quantized=True)
    made.add("entry_flow/conv_in/bias", 4)
    reduction("entry_flow/reduction_block_0", 4, 5)
    reduction("entry_flow/reduction_block_1", 5, 6)
    for block in range(2):
        for step in range(3):
            separable(f"middle_flow/main_block_{block}/separable_conv{step}", 6, 6)
    reduction("exit_flow/reduction_block", 6, 7)
    separable("exit_flow/separable_conv", 7, 8)
    made.add("fc/age/weights", 8, 1, quantized=True)
    made.add("fc/age/bias", 1)
    made.add("fc/gender/weights", 8, 2, value=np.full((8, 2), GENDER))
    made.add("fc/gender/bias", 2, value=np.full(2, GENDER))
    return made


def faceapi_members(made: FakePackage) -> dict[str, bytes]:
    """The package's files."""
    manifest = [{"weights": made.manifest, "paths": ["net.bin"]}]
    return {"package/net-manifest.json": json.dumps(manifest).encode(), "package/net.bin": made.blob}


def faceapi_reference(made: FakePackage, pixels: Array) -> float:
    """Run the net in plain numpy, after TinyXception.ts."""
    w = made.weights

    def conv(x: Array, name: str, stride: int) -> Array:
        return same(x, w[f"{name}/filters"], stride=stride) + w[f"{name}/bias"]

    def separable(x: Array, name: str) -> Array:
        deep = same(x, w[f"{name}/depthwise_filter"], depthwise=True)
        return same(deep, w[f"{name}/pointwise_filter"]) + w[f"{name}/bias"]

    def relu(x: Array) -> Array:
        return np.maximum(x, 0)

    def reduction(x: Array, name: str, *, activate: bool) -> Array:
        y = separable(relu(x) if activate else x, f"{name}/separable_conv0")
        y = separable(relu(y), f"{name}/separable_conv1")
        return pooled(y) + conv(x, f"{name}/expansion_conv", 2)

    x = (pixels - np.array([122.782, 117.001, 104.298], np.float32)) / np.float32(255)
    x = relu(conv(x, "entry_flow/conv_in", 2))
    x = reduction(x, "entry_flow/reduction_block_0", activate=False)
    x = reduction(x, "entry_flow/reduction_block_1", activate=True)
    for block in range(2):
        y = x
        for step in range(3):
            y = separable(relu(y), f"middle_flow/main_block_{block}/separable_conv{step}")
        x = x + y
    x = reduction(x, "exit_flow/reduction_block", activate=True)
    x = relu(separable(x, "exit_flow/separable_conv"))
    return float((x.mean(axis=(0, 1)) @ w["fc/age/weights"] + w["fc/age/bias"])[0])


def node(
    name: str, operator: str, *inputs: str, stride: int = 1, fused: tuple[str, ...] = ()
) -> dict[str, Any]:
    """One node of a TensorFlow.js graph."""

    def text(value: str) -> str:
        return base64.b64encode(value.encode()).decode()

    return {
        "name": name,
        "op": operator,
        "input": list(inputs),
        "attr": {
            "strides": {"list": {"i": ["1", str(stride), str(stride), "1"]}},
            "padding": {"s": text("SAME")},
            "data_format": {"s": text("NHWC")},
            "fused_ops": {"list": {"s": [text(step) for step in fused]}},
        },
    }


def faceres_package() -> tuple[FakePackage, list[dict[str, Any]]]:
    """A small net with the operators and heads of the real one."""
    made = FakePackage(seed=1)
    made.add("stem", 3, 3, 3, 4, value=made.random.normal(0, 0.02, (3, 3, 3, 4)).astype(np.float32))
    made.add("shift", 4)
    made.add("six", value=np.float32(6))
    made.add("zero", value=np.float32(0))
    made.add("deep", 3, 3, 4, 1)
    made.add("scale", 4)
    made.add("feats/kernel", 4, 8)
    made.add("feats/bias", 8)
    made.add("age_pred/kernel", 8, 100)
    made.add("age_pred/bias", 100)
    made.add("gender_pred/kernel", 8, 1, value=np.full((8, 1), GENDER))
    made.add("gender_pred/bias", 1, value=np.full(1, GENDER))
    axes = np.array([1, 2], "<i4")
    made.blob += axes.tobytes()
    made.manifest.append({"name": "axes", "shape": [2], "dtype": "int32"})
    consts = [node(entry["name"], "Const") for entry in made.manifest]
    nodes = [
        node("input", "Placeholder"),
        node("a", "Conv2D", "input", "stem", stride=2),
        node("b", "Add", "a", "shift"),
        node("c", "Relu", "b"),
        node("d", "Minimum", "c", "six"),
        node("e", "Maximum", "d", "zero"),
        node("f", "DepthwiseConv2dNative", "e", "deep", stride=2),
        node("g", "Mul", "f", "scale"),
        node("h", "Mean", "g", "axes"),
        node("i", "_FusedMatMul", "h", "feats/kernel", "feats/bias", fused=("BiasAdd", "Relu")),
        node("j", "_FusedMatMul", "i", "age_pred/kernel", "age_pred/bias", fused=("BiasAdd",)),
        node("k", "_FusedMatMul", "i", "gender_pred/kernel", "gender_pred/bias", fused=("BiasAdd",)),
        node("gender_pred/Sigmoid", "Sigmoid", "k"),
        node("age_pred/Softmax", "Softmax", "j"),
    ]
    return made, consts + nodes


def faceres_members(made: FakePackage, nodes: list[dict[str, Any]]) -> dict[str, bytes]:
    """The package's files."""
    model = {
        "modelTopology": {"node": nodes},
        "weightsManifest": [{"weights": made.manifest, "paths": ["net.bin"]}],
    }
    return {"package/net.json": json.dumps(model).encode(), "package/net.bin": made.blob}


def faceres_reference(made: FakePackage, pixels: Array) -> float:
    """Run the small net in plain numpy."""
    w = made.weights
    x = pixels[:, :, ::-1] - np.array([103.939, 116.779, 123.68], np.float32)
    x = np.clip(same(x, w["stem"], stride=2) + w["shift"], 0, 6)
    x = same(x, w["deep"], stride=2, depthwise=True) * w["scale"]
    x = np.maximum(x.mean(axis=(0, 1)) @ w["feats/kernel"] + w["feats/bias"], 0)
    logits = x @ w["age_pred/kernel"] + w["age_pred/bias"]
    shares = np.exp(logits - logits.max())
    return float((shares / shares.sum()) @ np.arange(100))


def run(data: bytes, pixels: Array) -> list[float]:
    """Run a converted net on pictures, (N, S, S, 3) RGB."""
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return [float(age) for age in session.run(["age"], {"pixels": pixels.transpose(0, 3, 1, 2).copy()})[0]]


def pictures(size: int) -> Array:
    """Two random pictures of different colours."""
    shown = np.random.default_rng(5).integers(0, 256, (2, size, size, 3)).astype(np.float32)
    return shown * np.array([[[[1.0, 0.6, 0.2]]], [[[0.9, 0.2, 0.5]]]], np.float32)


def test_faceapi_age_is_the_nets_own() -> None:
    """The converted TinyXception gives what the net gives in plain numpy, for each picture of a batch."""
    made = faceapi_package()
    shown = pictures(FACEAPI_SIZE_PX)
    data = faceapi_age(faceapi_members(made))["age.onnx"]
    wanted = [faceapi_reference(made, picture) for picture in shown]
    assert abs(wanted[0] - wanted[1]) > 1e-3
    assert run(data, shown) == pytest.approx(wanted, rel=1e-3, abs=1e-3)


def test_faceres_age_is_the_expectation() -> None:
    """The converted graph gives the expected year of the net's probabilities, from RGB although the net wants BGR."""
    made, nodes = faceres_package()
    shown = pictures(FACERES_SIZE_PX)
    data = faceres_deep_age(faceres_members(made, nodes))["age.onnx"]
    wanted = [faceres_reference(made, picture) for picture in shown]
    assert abs(wanted[0] - wanted[1]) > 1e-3
    assert run(data, shown) == pytest.approx(wanted, rel=1e-3, abs=1e-3)


def converted() -> Mapping[str, bytes]:
    """Both results."""
    return {
        "faceapi": faceapi_age(faceapi_members(faceapi_package()))["age.onnx"],
        "faceres": faceres_deep_age(faceres_members(*faceres_package()))["age.onnx"],
    }


@pytest.mark.parametrize("net", ["faceapi", "faceres"])
def test_only_the_age_comes_out(net: str) -> None:
    """Neither an output nor a weight of the gender head is in the converted file."""
    data = converted()[net]
    model = onnx.load_model_from_string(data)
    assert [output.name for output in model.graph.output] == ["age"]
    assert not [weight.name for weight in model.graph.initializer if "gender" in weight.name]
    assert np.array([GENDER], "<f4").tobytes() not in data
    used = {name for step in model.graph.node for name in step.input}
    assert {weight.name for weight in model.graph.initializer} <= used


def test_bytes_are_the_same_each_time() -> None:
    """Converting twice gives the same bytes, so that their sha256 can be pinned."""
    assert converted() == converted()


def broken() -> Mapping[str, tuple[Any, dict[str, bytes]]]:
    """Members that are not the nets."""
    made = faceapi_package()
    good = faceapi_members(made)
    manifest, blob = good
    less = FakePackage(seed=2)
    less.add("fc/age/weights", 8, 1)
    small, nodes = faceres_package()
    unknown = [*nodes[:-1], node("age_pred/Softmax", "Tanh", "j")]
    missing = [step for step in nodes if step["name"] != "d"]
    valid = json.loads(json.dumps(nodes))
    for step in valid:
        step["attr"]["padding"]["s"] = base64.b64encode(b"VALID").decode()
    return {
        "truncated weights": (faceapi_age, {**good, blob: good[blob][:-1]}),
        "too many weights": (faceapi_age, {**good, blob: good[blob] + b"\0"}),
        "not json": (faceapi_age, {**good, manifest: b"{"}),
        "no weights file": (faceapi_age, {manifest: good[manifest]}),
        "a layer is missing": (faceapi_age, faceapi_members(less)),
        "unknown operator": (faceres_deep_age, faceres_members(small, unknown)),
        "a node is missing": (faceres_deep_age, faceres_members(small, missing)),
        "other padding": (faceres_deep_age, faceres_members(small, valid)),
    }


@pytest.mark.parametrize("case", list(broken()))
def test_another_net_is_refused(case: str) -> None:
    """Members that are not the net that was measured raise `ValueError`, whatever is wrong with them."""
    convert, members = broken()[case]
    with pytest.raises(ValueError, match="not the net"):
        convert(members)
