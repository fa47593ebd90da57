"""Turns the two age nets, shipped as TensorFlow.js weights, into ONNX files that give an age and nothing else.

Both packages' nets also say a gender, and one gives a face embedding: those heads are left behind here, so no file
in the cache can tell them. Both results take the same input, float32 (N, 3, S, S) RGB in 0 to 255, and give
`age`, float32 (N,), in years; what each net wants of its pixels is part of its graph.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recorder.models.convert.tfjs import (
    TensorGraph,
    Weights,
    only_group,
    read_weights,
    split_members,
    take,
    unexpected,
)

__all__ = ["FACEAPI_SIZE_PX", "FACERES_SIZE_PX", "faceapi_age", "faceres_deep_age"]

FACEAPI_SIZE_PX = 112
FACERES_SIZE_PX = 224

# Source: TinyXception.ts of @vladmandic/face-api 1.7.15.
_FACEAPI_MEAN_RGB = (122.782, 117.001, 104.298)
# Source: Caffe's ImageNet means, in the order blue, green, red, as HSE_FaceRec_tf feeds its MobileNet.
_FACERES_MEAN_BGR = (103.939, 116.779, 123.68)
_FACERES_OUTPUT = "age_pred/Softmax"


def faceapi_age(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Convert face-api.js's age and gender net to an ONNX file with the age head alone.

    Args:
        members: the weights manifest (`...manifest.json`) and the weights (`.bin`) by path.

    Returns:
        `age.onnx` with its bytes, the same on every machine.

    Raises:
        ValueError: the members are not the net that this was written for.
    """
    manifest, blob = split_members(members)
    weights = read_weights(only_group(manifest)["weights"], blob)
    graph = TensorGraph()
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
    kernel = graph.constant("fc/age/weights", take(weights, "fc/age/weights"))
    bias = graph.constant("fc/age/bias", take(weights, "fc/age/bias"))
    years = graph.add("Add", [graph.add("MatMul", [pooled, kernel]), bias])
    return {"age.onnx": graph.serialise(years, size=FACEAPI_SIZE_PX, name="faceapi-age", result="age")}


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
    model, blob = split_members(members)
    weights = read_weights(only_group(model["weightsManifest"])["weights"], blob)
    nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
    graph = TensorGraph()
    order = graph.constant("bgr", np.array([2, 1, 0], np.int64))
    mean = graph.constant("mean", np.array(_FACERES_MEAN_BGR, np.float32).reshape(1, 3, 1, 1))
    pixels = graph.add("Sub", [graph.add("Gather", ["pixels", order], axis=1), mean])
    probabilities = _TensorFlowGraph(graph, nodes, weights, pixels).value(_FACERES_OUTPUT)
    years = graph.constant("years", np.arange(_width(weights, "age_pred/bias"), dtype=np.float32)[:, None])
    expected = graph.add("MatMul", [probabilities, years])
    return {
        "age.onnx": graph.serialise(expected, size=FACERES_SIZE_PX, name="faceres-deep-age", result="age")
    }


@dataclass(frozen=True, slots=True)
class _TinyXception:
    """The blocks of face-api.js's feature extractor. Source: TinyXception.ts of @vladmandic/face-api 1.7.15."""

    graph: TensorGraph
    weights: Weights

    def conv(self, value: str, name: str, *, stride: int = 1) -> str:
        """Add a plain convolution with its bias."""
        kernel = take(self.weights, f"{name}/filters").transpose(3, 2, 0, 1)
        out = self.graph.conv(value, f"{name}/filters", kernel, stride=stride)
        return self._biased(out, name)

    def separable(self, value: str, name: str) -> str:
        """Add a depthwise convolution, a pointwise one and their bias."""
        depthwise = take(self.weights, f"{name}/depthwise_filter").transpose(2, 3, 0, 1)
        pointwise = take(self.weights, f"{name}/pointwise_filter").transpose(3, 2, 0, 1)
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
        bias = take(self.weights, f"{name}/bias").reshape(1, -1, 1, 1)
        return self.graph.add("Add", [value, self.graph.constant(f"{name}/bias", bias)])


@dataclass(slots=True)
class _TensorFlowGraph:
    """A walk back from one output of a TensorFlow.js graph; what that output does not need is never visited."""

    graph: TensorGraph
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
            raise unexpected() from None

    def _inputs(self, name: str) -> list[str]:
        return list(self._node(name).get("input", []))

    def _convert(self, name: str) -> str:
        node, operator = self._node(name), str(self._node(name)["op"])
        inputs = self._inputs(name)
        match operator:
            case "Placeholder":
                return self.pixels
            case "Conv2D":
                kernel = take(self.weights, inputs[1]).transpose(3, 2, 0, 1)
                return self.graph.conv(self.done[inputs[0]], inputs[1], kernel, stride=_stride(node))
            case "DepthwiseConv2dNative":
                kernel = take(self.weights, inputs[1]).transpose(2, 3, 0, 1)
                return self.graph.conv(
                    self.done[inputs[0]], inputs[1], kernel, stride=_stride(node), groups=len(kernel)
                )
            case "Add" | "Mul":
                return self.graph.add(operator, [self.done[inputs[0]], self._per_channel(inputs[1])])
            case "Minimum" | "Maximum":
                bound = self.graph.constant(inputs[1], take(self.weights, inputs[1]))
                return self.graph.add(operator[:3], [self.done[inputs[0]], bound])
            case "Relu":
                return self.graph.add("Relu", [self.done[inputs[0]]])
            case "Mean" if list(take(self.weights, inputs[1])) == [1, 2]:
                pooled = self.graph.add("GlobalAveragePool", [self.done[inputs[0]]])
                return self.graph.add("Flatten", [pooled], axis=1)
            case "_FusedMatMul":
                return self._dense(node, inputs)
            case "Softmax":
                return self.graph.add("Softmax", [self.done[inputs[0]]], axis=-1)
            case _:
                raise unexpected()

    def _per_channel(self, name: str) -> str:
        return self.graph.constant(name, take(self.weights, name).reshape(1, -1, 1, 1))

    def _dense(self, node: Mapping[str, Any], inputs: Sequence[str]) -> str:
        kernel = self.graph.constant(inputs[1], take(self.weights, inputs[1]))
        bias = self.graph.constant(inputs[2], take(self.weights, inputs[2]))
        out = self.graph.add("Add", [self.graph.add("MatMul", [self.done[inputs[0]], kernel]), bias])
        fused = [base64.b64decode(step) for step in node["attr"]["fused_ops"]["list"]["s"]]
        match fused:
            case [b"BiasAdd"]:
                return out
            case [b"BiasAdd", b"Relu"]:
                return self.graph.add("Relu", [out])
            case _:
                raise unexpected()


def _stride(node: Mapping[str, Any]) -> int:
    attributes = node["attr"]
    strides = [int(step) for step in attributes["strides"]["list"]["i"]]
    same = base64.b64decode(attributes["padding"]["s"]) == b"SAME"
    channels_last = base64.b64decode(attributes["data_format"]["s"]) == b"NHWC"
    if not (same and channels_last and strides[1] == strides[2]):
        raise unexpected()
    return strides[1]


def _width(weights: Weights, name: str) -> int:
    return int(take(weights, name).shape[-1])
