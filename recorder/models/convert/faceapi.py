"""Turns three nets of face-api.js, shipped as TensorFlow.js weights, into ONNX files; they only ever attack.

All take float32 (N, 3, S, S) RGB in 0 to 255; what each net wants of its pixels is part of its graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recorder.models.convert.tfjs import TensorGraph, Weights, only_group, read_weights, split_members, take

__all__ = [
    "DESCRIPTOR_SIZE_PX",
    "EXPRESSION_SIZE_PX",
    "SSD_SIZE_PX",
    "faceapi_descriptor",
    "faceapi_expression",
    "faceapi_ssd",
]

DESCRIPTOR_SIZE_PX = 150
EXPRESSION_SIZE_PX = 112
SSD_SIZE_PX = 512

# Source: FaceRecognitionNet.ts and FaceFeatureExtractor.ts of @vladmandic/face-api 1.7.15.
_MEAN_RGB = (122.782, 117.001, 104.298)
_DESCRIPTOR_BLOCKS = (
    "32_1", "32_2", "32_3", "64_down", "64_1", "64_2", "64_3", "128_down", "128_1", "128_2", "256_down", "256_1",
    "256_2", "256_down_out",
)  # fmt: skip


def faceapi_descriptor(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Convert face-api.js's recognition net, a port of dlib's ResNet, to `descriptor.onnx`: float32 (N, 128).

    Raises:
        ValueError: the members are not the net that this was written for.
    """
    graph, weights, pixels = _opened(members)
    net = _Residual(graph, weights)
    out = net.layer(pixels, "conv32_down", stride=2)
    out = graph.add("MaxPool", [out], kernel_shape=[3, 3], strides=[2, 2])
    for block in _DESCRIPTOR_BLOCKS:
        out = net.down(out, f"conv{block}") if "down" in block else net.block(out, f"conv{block}")
    pooled = graph.add("Flatten", [graph.add("GlobalAveragePool", [out])], axis=1)
    dense = take(weights, "fc")
    vector = graph.add("MatMul", [pooled, graph.constant("fc", dense)])
    data = graph.serialise(
        vector, size=DESCRIPTOR_SIZE_PX, name="faceapi-descriptor", result="descriptor", width=dense.shape[1]
    )
    return {"descriptor.onnx": data}


def faceapi_expression(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Convert face-api.js's expression net to `expression.onnx`: probabilities, float32 (N, 7).

    Raises:
        ValueError: the members are not the net that this was written for.
    """
    graph, weights, pixels = _opened(members)
    net = _Dense(graph, weights)
    out = pixels
    for block in range(4):
        out = net.block(out, f"dense{block}")
    out = graph.add("AveragePool", [out], kernel_shape=[7, 7], strides=[2, 2])
    flat = graph.add("Flatten", [out], axis=1)
    dense = take(weights, "fc/weights")
    scores = graph.add("MatMul", [flat, graph.constant("fc/weights", dense)])
    scores = graph.add("Add", [scores, graph.constant("fc/bias", take(weights, "fc/bias"))])
    likely = graph.add("Softmax", [scores], axis=-1)
    data = graph.serialise(
        likely, size=EXPRESSION_SIZE_PX, name="faceapi-expression", result="expression", width=dense.shape[1]
    )
    return {"expression.onnx": data}


def faceapi_ssd(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Convert face-api.js's SSD detector to `ssd.onnx`, for one picture at a time.

    It gives float32 (5118, 5): top, left, bottom and right as shares of the picture, and the score, 0 to 1.

    Raises:
        ValueError: the members are not the net that this was written for.
    """
    manifest, blob = split_members(members)
    weights = read_weights(only_group(manifest)["weights"], blob)
    graph = TensorGraph()
    half = graph.constant("half", np.float32(127.5))
    one = graph.constant("one", np.float32(1.0))
    net = _Ssd(graph, weights)
    sides = net.sides(graph.add("Sub", [graph.add("Div", ["pixels", half]), one]))
    encoded = graph.add(
        "Concat",
        [net.predicted(at, side, "BoxEncodingPredictor", 4) for at, side in enumerate(sides)],
        axis=0,
    )
    classes = graph.add(
        "Concat", [net.predicted(at, side, "ClassPredictor", 3) for at, side in enumerate(sides)], axis=0
    )
    face = graph.add(
        "Gather", [graph.add("Sigmoid", [classes]), graph.constant("face", np.array([1]))], axis=1
    )
    boxes = net.boxes(encoded)
    data = graph.serialise(
        graph.add("Concat", [boxes, face], axis=1),
        size=SSD_SIZE_PX,
        name="faceapi-ssd",
        result="faces",
        width=5,
    )
    return {"ssd.onnx": data}


def _opened(members: Mapping[str, bytes]) -> tuple[TensorGraph, Weights, str]:
    """Return a graph, the weights, and the pixels as the net wants them."""
    manifest, blob = split_members(members)
    weights = read_weights(only_group(manifest)["weights"], blob)
    graph = TensorGraph()
    mean = graph.constant("mean", np.array(_MEAN_RGB, np.float32).reshape(1, 3, 1, 1))
    scale = graph.constant("scale", np.float32(255.0))
    return graph, weights, graph.add("Div", [graph.add("Sub", ["pixels", mean]), scale])


@dataclass(frozen=True, slots=True)
class _Residual:
    """Blocks of the recognition net. Source: residualLayer.ts of @vladmandic/face-api 1.7.15."""

    graph: TensorGraph
    weights: Weights

    def layer(self, value: str, name: str, *, stride: int = 1, activate: bool = True) -> str:
        """Add a convolution with bias, scale and shift; strided ones are not padded."""
        graph = self.graph
        kernel = take(self.weights, f"{name}/conv/filters").transpose(3, 2, 0, 1)
        pad = 0 if stride > 1 else kernel.shape[2] // 2
        out = graph.add(
            "Conv",
            [value, graph.constant(f"{name}/filters", kernel)],
            kernel_shape=list(kernel.shape[2:]),
            strides=[stride, stride],
            pads=[pad] * 4,
        )
        for operator, part in (("Add", "conv/bias"), ("Mul", "scale/weights"), ("Add", "scale/biases")):
            weight = take(self.weights, f"{name}/{part}").reshape(1, -1, 1, 1)
            out = graph.add(operator, [out, graph.constant(f"{name}/{part}", weight)])
        return graph.add("Relu", [out]) if activate else out

    def block(self, value: str, name: str) -> str:
        """Add two convolutions beside an identity."""
        out = self.layer(self.layer(value, f"{name}/conv1"), f"{name}/conv2", activate=False)
        return self.graph.add("Relu", [self.graph.add("Add", [out, value])])

    def down(self, value: str, name: str) -> str:
        """Add two convolutions, the first strided, beside a pool; what one side lacks in size or channels is zero."""
        graph = self.graph
        out = self.layer(value, f"{name}/conv1", stride=2)
        out = self.layer(out, f"{name}/conv2", activate=False)
        pooled = graph.add("AveragePool", [value], kernel_shape=[2, 2], strides=[2, 2])
        shape, filters = (take(self.weights, f"{name}/conv{step}/conv/filters").shape for step in (1, 2))
        if filters[3] != shape[2]:
            pads = graph.constant(f"{name}/channels", np.array([0, 0, 0, 0, 0, filters[3] - shape[2], 0, 0]))
            pooled = graph.add("Pad", [pooled, pads])
        # An unpadded strided convolution gives one row and column less than the pool wherever the side is even.
        missing = graph.add("Sub", [graph.add("Shape", [pooled]), graph.add("Shape", [out])])
        before = graph.constant("none_before", np.zeros(4, np.int64))
        out = graph.add("Pad", [out, graph.add("Concat", [before, missing], axis=0)])
        return graph.add("Relu", [graph.add("Add", [pooled, out])])


@dataclass(frozen=True, slots=True)
class _Dense:
    """Blocks of the expression net. Source: denseBlock.ts of @vladmandic/face-api 1.7.15."""

    graph: TensorGraph
    weights: Weights

    def block(self, value: str, name: str) -> str:
        """Add four convolutions, the first strided, each after the sum of all before it."""
        total = self.graph.add("Relu", [self._conv(value, f"{name}/conv0", stride=2)])
        for step in (1, 2, 3):
            activated = total if step == 1 else self.graph.add("Relu", [total])
            total = self.graph.add("Add", [total, self._conv(activated, f"{name}/conv{step}", stride=1)])
        return self.graph.add("Relu", [total])

    def _conv(self, value: str, name: str, *, stride: int) -> str:
        graph = self.graph
        if f"{name}/filters" in self.weights:
            kernel = take(self.weights, f"{name}/filters").transpose(3, 2, 0, 1)
            out = graph.conv(value, f"{name}/filters", kernel, stride=stride)
        else:
            depthwise = take(self.weights, f"{name}/depthwise_filter").transpose(2, 3, 0, 1)
            pointwise = take(self.weights, f"{name}/pointwise_filter").transpose(3, 2, 0, 1)
            out = graph.conv(
                value, f"{name}/depthwise_filter", depthwise, stride=stride, groups=len(depthwise)
            )
            out = graph.conv(out, f"{name}/pointwise_filter", pointwise)
        bias = take(self.weights, f"{name}/bias").reshape(1, -1, 1, 1)
        return graph.add("Add", [out, graph.constant(f"{name}/bias", bias)])


@dataclass(frozen=True, slots=True)
class _Ssd:
    """MobileNet and the heads on six of its sizes. Source: ssdMobilenetv1/ of @vladmandic/face-api 1.7.15."""

    graph: TensorGraph
    weights: Weights

    def sides(self, value: str) -> list[str]:
        """Add the body and return the values that the heads look at."""
        sides = []
        out = self._pointwise(value, "MobilenetV1/Conv2d_0_pointwise", stride=2)
        for layer in range(1, 14):
            out = self._depthwise(
                out, f"MobilenetV1/Conv2d_{layer}_depthwise", stride=2 if layer in (2, 4, 6, 12) else 1
            )
            out = self._pointwise(out, f"MobilenetV1/Conv2d_{layer}_pointwise")
            if layer in (11, 13):
                sides.append(out)
        for layer in range(8):
            out = self._pointwise(out, f"Prediction/Conv2d_{layer}_pointwise", stride=1 + layer % 2)
            if layer % 2:
                sides.append(out)
        return sides

    def predicted(self, number: int, value: str, kind: str, width: int) -> str:
        """Add a head and return its values, a row for each anchor."""
        graph, name = self.graph, f"Prediction/BoxPredictor_{number}/{kind}"
        out = graph.conv(
            value, f"{name}/weights", take(self.weights, f"{name}/weights").transpose(3, 2, 0, 1)
        )
        bias = take(self.weights, f"{name}/biases").reshape(1, -1, 1, 1)
        out = graph.add("Add", [out, graph.constant(f"{name}/biases", bias)])
        out = graph.add("Transpose", [out], perm=[0, 2, 3, 1])
        return graph.add("Reshape", [out, graph.constant(f"rows{width}", np.array([-1, width]))])

    def boxes(self, encoded: str) -> str:
        """Add what turns offsets from the anchors into top, left, bottom and right."""
        graph = self.graph
        anchors = take(self.weights, "Output/extra_dim")[0]
        size = anchors[:, 2:] - anchors[:, :2]
        axis = graph.constant("columns", np.array([1]))
        moved, grown = (
            graph.add(
                "Slice",
                [
                    encoded,
                    graph.constant(f"from{at}", np.array([at])),
                    graph.constant(f"to{at}", np.array([at + 2])),
                    axis,
                ],
            )
            for at in (0, 2)
        )
        sizes = graph.constant("sizes", size)
        middles = graph.constant("middles", anchors[:, :2] + size / 2)
        move = graph.add("Div", [moved, graph.constant("ten", np.float32(10))])
        grow = graph.add("Exp", [graph.add("Div", [grown, graph.constant("five", np.float32(5))])])
        middle = graph.add("Add", [graph.add("Mul", [move, sizes]), middles])
        reach = graph.add("Div", [graph.add("Mul", [grow, sizes]), graph.constant("two", np.float32(2))])
        return graph.add(
            "Concat", [graph.add("Sub", [middle, reach]), graph.add("Add", [middle, reach])], axis=1
        )

    def _pointwise(self, value: str, name: str, *, stride: int = 1) -> str:
        kernel = take(self.weights, f"{name}/weights").transpose(3, 2, 0, 1)
        out = self.graph.conv(value, f"{name}/weights", kernel, stride=stride)
        shift = take(self.weights, f"{name}/convolution_bn_offset").reshape(1, -1, 1, 1)
        return self._clipped(self.graph.add("Add", [out, self.graph.constant(f"{name}/offset", shift)]))

    def _depthwise(self, value: str, name: str, *, stride: int) -> str:
        graph = self.graph
        kernel = take(self.weights, f"{name}/depthwise_weights").transpose(2, 3, 0, 1)
        out = graph.conv(value, f"{name}/weights", kernel, stride=stride, groups=len(kernel))
        parts = [
            graph.constant(f"{name}/{part}", take(self.weights, f"{name}/BatchNorm/{part}"))
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        ]
        return self._clipped(graph.add("BatchNormalization", [out, *parts], epsilon=0.001))

    def _clipped(self, value: str) -> str:
        graph = self.graph
        return graph.add(
            "Clip", [value, graph.constant("zero", np.float32(0)), graph.constant("six", np.float32(6))]
        )
