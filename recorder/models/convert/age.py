"""Turns the two age nets, shipped as TensorFlow.js weights, into ONNX files that give an age and nothing else.

Both packages' nets also say a gender, and one gives a face embedding: those heads are left behind here, so no file
in the cache can tell them. Both results take the same input, float32 (N, 3, S, S) RGB in 0 to 255, and give
`age`, float32 (N,), in years; what each net wants of its pixels is part of its graph.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = ["FACEAPI_SIZE_PX", "FACERES_SIZE_PX", "faceapi_age", "faceres_deep_age"]

FACEAPI_SIZE_PX = 112
FACERES_SIZE_PX = 224

# Source: TinyXception.ts of @vladmandic/face-api 1.7.15.
_FACEAPI_MEAN_RGB = (122.782, 117.001, 104.298)
# Source: Caffe's ImageNet means, in the order blue, green, red, as HSE_FaceRec_tf feeds its MobileNet.
_FACERES_MEAN_BGR = (103.939, 116.779, 123.68)
_FACERES_OUTPUT = "age_pred/Softmax"

_OPSET = 17
_IR_VERSION = 8

Weights = dict[str, NDArray[Any]]


def faceapi_age(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Convert face-api.js's age and gender net to an ONNX file with the age head alone.

    Args:
        members: the weights manifest (`...manifest.json`) and the weights (`.bin`) by path.

    Returns:
        `age.onnx` with its bytes, the same on every machine.

    Raises:
        ValueError: the members are not the net that this was written for.
    """
    manifest, blob = _split(members)
    weights = _read_weights(_first(manifest)["weights"], blob)
    graph = _Graph()
    mean = graph.constant("mean", np.array(_FACEAPI_MEAN_RGB, np.float32).reshape(1, 3, 1, 1))
    scale = graph.constant("scale", np.float32(255.0))
    pixels = graph.add("Div", [graph.add("Sub", ["pixels", mean]), scale])

    net = _TinyXception(graph, weights)
    out = graph.add("Relu", [net.conv(pixels, "entry_flow/conv_in", stride=2)])
    out = net.reduction(out, "entry_flow/reduction_block_0", activate=False)
    out = net.reduction(out, "entry_flow/reduction_block_1")
    for block in range(2):
        out = net.main(out, f"middle_flow/main_block_{block}")
    out = net.reduction(out, "exit_flow/reduction_block")
    out = graph.add("Relu", [net.separable(out, "exit_flow/separable_conv")])

    pooled = graph.add("Flatten", [graph.add("GlobalAveragePool", [out])], axis=1)
    kernel = graph.constant("fc/age/weights", _take(weights, "fc/age/weights"))
    bias = graph.constant("fc/age/bias", _take(weights, "fc/age/bias"))
    years = graph.add("Add", [graph.add("MatMul", [pooled, kernel]), bias])
    return {"age.onnx": graph.serialise(years, size=FACEAPI_SIZE_PX, name="faceapi-age")}


def faceres_deep_age(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Convert HSE's faceres-deep graph to an ONNX file with the age head alone.

    The net gives a probability for each year of age; the result is their expectation.

    Args:
        members: the graph model (`.json`) and the weights (`.bin`) by path.

    Returns:
        `age.onnx` with its bytes, the same on every machine.

    Raises:
        ValueError: the members are not the net that this was written for.
    """
    model, blob = _split(members)
    weights = _read_weights(_first(model["weightsManifest"])["weights"], blob)
    nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
    graph = _Graph()
    order = graph.constant("bgr", np.array([2, 1, 0], np.int64))
    mean = graph.constant("mean", np.array(_FACERES_MEAN_BGR, np.float32).reshape(1, 3, 1, 1))
    pixels = graph.add("Sub", [graph.add("Gather", ["pixels", order], axis=1), mean])
    probabilities = _TensorFlowGraph(graph, nodes, weights, pixels).value(_FACERES_OUTPUT)
    years = graph.constant("years", np.arange(_width(weights, "age_pred/bias"), dtype=np.float32)[:, None])
    expected = graph.add("MatMul", [probabilities, years])
    return {"age.onnx": graph.serialise(expected, size=FACERES_SIZE_PX, name="faceres-deep-age")}


@dataclass(slots=True)
class _Graph:
    """An ONNX graph under construction: values are named in the order they are added."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def constant(self, name: str, value: NDArray[Any] | np.generic) -> str:
        """Add a weight once and return its name."""
        if name not in self.constants:
            array = np.asarray(value)
            # Not ascontiguousarray: it turns a scalar into a vector.
            self.constants[name] = numpy_helper.from_array(array.copy(order="C"), name)
        return name

    def add(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node and return the name of its only output."""
        output = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def conv(self, value: str, name: str, kernel: NDArray[Any], *, stride: int = 1, groups: int = 1) -> str:
        """Add a convolution, padded as TensorFlow pads `SAME`, with a kernel in ONNX's layout."""
        return self.add(
            "Conv",
            [value, self.constant(name, kernel)],
            kernel_shape=list(kernel.shape[2:]),
            strides=[stride, stride],
            group=groups,
            auto_pad="SAME_UPPER",
        )

    def serialise(self, output: str, *, size: int, name: str) -> bytes:
        """Finish the graph and return the file's bytes: `pixels` in, `age` out."""
        shape = self.constant("shape", np.array([-1], np.int64))
        self.nodes.append(helper.make_node("Reshape", [output, shape], ["age"]))
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, size, size])],
            [helper.make_tensor_value_info("age", TensorProto.FLOAT, ["n"])],
            initializer=list(self.constants.values()),
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="offrecord"
        )
        model.ir_version = _IR_VERSION
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


@dataclass(frozen=True, slots=True)
class _TinyXception:
    """The blocks of face-api.js's feature extractor. Source: TinyXception.ts of @vladmandic/face-api 1.7.15."""

    graph: _Graph
    weights: Weights

    def conv(self, value: str, name: str, *, stride: int = 1) -> str:
        """Add a plain convolution with its bias."""
        kernel = _take(self.weights, f"{name}/filters").transpose(3, 2, 0, 1)
        out = self.graph.conv(value, f"{name}/filters", kernel, stride=stride)
        return self._biased(out, name)

    def separable(self, value: str, name: str) -> str:
        """Add a depthwise convolution, a pointwise one and their bias."""
        depthwise = _take(self.weights, f"{name}/depthwise_filter").transpose(2, 3, 0, 1)
        pointwise = _take(self.weights, f"{name}/pointwise_filter").transpose(3, 2, 0, 1)
        out = self.graph.conv(value, f"{name}/depthwise_filter", depthwise, groups=len(depthwise))
        return self._biased(self.graph.conv(out, f"{name}/pointwise_filter", pointwise), name)

    def reduction(self, value: str, name: str, *, activate: bool = True) -> str:
        """Add two separable convolutions and a pool beside a strided shortcut."""
        out = self.graph.add("Relu", [value]) if activate else value
        out = self.separable(out, f"{name}/separable_conv0")
        out = self.separable(self.graph.add("Relu", [out]), f"{name}/separable_conv1")
        out = self.graph.add("MaxPool", [out], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
        return self.graph.add("Add", [out, self.conv(value, f"{name}/expansion_conv", stride=2)])

    def main(self, value: str, name: str) -> str:
        """Add three separable convolutions beside an identity."""
        out = value
        for step in range(3):
            out = self.separable(self.graph.add("Relu", [out]), f"{name}/separable_conv{step}")
        return self.graph.add("Add", [out, value])

    def _biased(self, value: str, name: str) -> str:
        bias = _take(self.weights, f"{name}/bias").reshape(1, -1, 1, 1)
        return self.graph.add("Add", [value, self.graph.constant(f"{name}/bias", bias)])


@dataclass(slots=True)
class _TensorFlowGraph:
    """A walk back from one output of a TensorFlow.js graph; what that output does not need is never visited."""

    graph: _Graph
    nodes: Mapping[str, Mapping[str, Any]]
    weights: Weights
    pixels: str
    done: dict[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """Return the ONNX name of a node's value, converting what it needs first."""
        chain, pending = [], [name]
        while pending:
            current = pending.pop()
            chain.append(current)
            pending += [step for step in self._inputs(current) if self._node(step)["op"] != "Const"]
        for current in reversed(chain):
            if current not in self.done:
                self.done[current] = self._convert(current)
        return self.done[name]

    def _node(self, name: str) -> Mapping[str, Any]:
        try:
            return self.nodes[name]
        except KeyError:
            raise _altered() from None

    def _inputs(self, name: str) -> list[str]:
        return list(self._node(name).get("input", []))

    def _convert(self, name: str) -> str:
        node, operator = self._node(name), str(self._node(name)["op"])
        inputs = self._inputs(name)
        match operator:
            case "Placeholder":
                return self.pixels
            case "Conv2D":
                kernel = _take(self.weights, inputs[1]).transpose(3, 2, 0, 1)
                return self.graph.conv(self.done[inputs[0]], inputs[1], kernel, stride=_stride(node))
            case "DepthwiseConv2dNative":
                kernel = _take(self.weights, inputs[1]).transpose(2, 3, 0, 1)
                return self.graph.conv(
                    self.done[inputs[0]], inputs[1], kernel, stride=_stride(node), groups=len(kernel)
                )
            case "Add" | "Mul":
                return self.graph.add(operator, [self.done[inputs[0]], self._per_channel(inputs[1])])
            case "Minimum" | "Maximum":
                bound = self.graph.constant(inputs[1], _take(self.weights, inputs[1]))
                return self.graph.add(operator[:3], [self.done[inputs[0]], bound])
            case "Relu":
                return self.graph.add("Relu", [self.done[inputs[0]]])
            case "Mean" if list(_take(self.weights, inputs[1])) == [1, 2]:
                pooled = self.graph.add("GlobalAveragePool", [self.done[inputs[0]]])
                return self.graph.add("Flatten", [pooled], axis=1)
            case "_FusedMatMul":
                return self._dense(node, inputs)
            case "Softmax":
                return self.graph.add("Softmax", [self.done[inputs[0]]], axis=-1)
            case _:
                raise _altered()

    def _per_channel(self, name: str) -> str:
        return self.graph.constant(name, _take(self.weights, name).reshape(1, -1, 1, 1))

    def _dense(self, node: Mapping[str, Any], inputs: Sequence[str]) -> str:
        kernel = self.graph.constant(inputs[1], _take(self.weights, inputs[1]))
        bias = self.graph.constant(inputs[2], _take(self.weights, inputs[2]))
        out = self.graph.add("Add", [self.graph.add("MatMul", [self.done[inputs[0]], kernel]), bias])
        fused = [base64.b64decode(step) for step in node["attr"]["fused_ops"]["list"]["s"]]
        match fused:
            case [b"BiasAdd"]:
                return out
            case [b"BiasAdd", b"Relu"]:
                return self.graph.add("Relu", [out])
            case _:
                raise _altered()


def _stride(node: Mapping[str, Any]) -> int:
    attributes = node["attr"]
    strides = [int(step) for step in attributes["strides"]["list"]["i"]]
    same = base64.b64decode(attributes["padding"]["s"]) == b"SAME"
    channels_last = base64.b64decode(attributes["data_format"]["s"]) == b"NHWC"
    if not (same and channels_last and strides[1] == strides[2]):
        raise _altered()
    return strides[1]


def _split(members: Mapping[str, bytes]) -> tuple[Any, bytes]:
    """Return the parsed JSON member and the bytes of the weights member."""
    texts = [data for path, data in members.items() if path.endswith(".json")]
    blobs = [data for path, data in members.items() if path.endswith(".bin")]
    if len(texts) != 1 or len(blobs) != 1:
        raise _altered()
    try:
        return json.loads(texts[0]), blobs[0]
    except ValueError:
        raise _altered() from None


def _first(groups: Any) -> Any:
    if not isinstance(groups, list) or len(groups) != 1:
        raise _altered()
    return groups[0]


def _read_weights(manifest: Sequence[Mapping[str, Any]], blob: bytes) -> Weights:
    """Return float32 and int32 arrays by name; uint8 weights are scaled back.

    Source: the weights manifest of TensorFlow.js: `value = stored * scale + min`.
    """
    weights: Weights = {}
    offset = 0
    for entry in manifest:
        quantization = entry.get("quantization")
        stored = np.dtype(quantization["dtype"] if quantization else entry["dtype"]).newbyteorder("<")
        shape = tuple(int(length) for length in entry["shape"])
        count = int(np.prod(shape, dtype=np.int64))
        if stored.name not in {"uint8", "float32", "int32"} or offset + count * stored.itemsize > len(blob):
            raise _altered()
        array = np.frombuffer(blob, stored, count, offset).reshape(shape)
        offset += count * stored.itemsize
        if quantization:
            # In float32 like TensorFlow.js, so that the results agree.
            array = array.astype(np.float32) * np.float32(quantization["scale"])
            array = array + np.float32(quantization["min"])
        weights[entry["name"]] = array
    if offset != len(blob):
        raise _altered()
    return weights


def _take(weights: Weights, name: str) -> NDArray[Any]:
    try:
        return weights[name]
    except KeyError:
        raise _altered() from None


def _width(weights: Weights, name: str) -> int:
    return int(_take(weights, name).shape[-1])


def _altered() -> ValueError:
    return ValueError("the members are not the age net that was measured")
