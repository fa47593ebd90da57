"""Reads TensorFlow.js weights, and writes ONNX graphs of nets whose layers are known.

The graphs take `pixels`, float32 (N, 3, S, S), and give one output. The same weights give the same bytes everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

__all__ = [
    "TensorGraph",
    "Weights",
    "model_bytes",
    "only_group",
    "read_weights",
    "split_members",
    "take",
    "unexpected",
]

_OPSET = 17
_IR_VERSION = 8

Weights = dict[str, NDArray[Any]]


@dataclass(slots=True)
class TensorGraph:
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

    def serialise(self, output: str, *, size: int, name: str, result: str, width: int | None = None) -> bytes:
        """Finish the graph and return the file's bytes.

        Args:
            output: the value that comes out.
            size: height and width of the input, `pixels`.
            name: of the graph.
            result: the output's public name.
            width: values for each picture; None for a single one, float32 (N,).
        """
        rest = [] if width is None else [width]
        shape = self.constant("shape", np.array([-1, *rest], np.int64))
        self.nodes.append(helper.make_node("Reshape", [output, shape], [result]))
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, size, size])],
            [helper.make_tensor_value_info(result, TensorProto.FLOAT, ["n", *rest])],
            initializer=list(self.constants.values()),
        )
        return model_bytes(graph)


def model_bytes(graph: onnx.GraphProto) -> bytes:
    """Return a checked graph as a file, the same bytes on every machine."""
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="offrecord"
    )
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def split_members(members: Mapping[str, bytes]) -> tuple[Any, bytes]:
    """Return the parsed JSON member and the bytes of the weights member."""
    texts = [data for path, data in members.items() if path.endswith(".json")]
    blobs = [data for path, data in members.items() if path.endswith(".bin")]
    if len(texts) != 1 or len(blobs) != 1:
        raise unexpected()
    try:
        return json.loads(texts[0]), blobs[0]
    except ValueError:
        raise unexpected() from None


def only_group(groups: Any) -> Any:
    """Return the only group of a weights manifest."""
    if not isinstance(groups, list) or len(groups) != 1:
        raise unexpected()
    return groups[0]


def read_weights(manifest: Sequence[Mapping[str, Any]], blob: bytes) -> Weights:
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
            raise unexpected()
        array = np.frombuffer(blob, stored, count, offset).reshape(shape)
        offset += count * stored.itemsize
        if quantization:
            # In float32 like TensorFlow.js, so that the results agree.
            array = array.astype(np.float32) * np.float32(quantization["scale"])
            array = array + np.float32(quantization["min"])
        weights[entry["name"]] = array
    if offset != len(blob):
        raise unexpected()
    return weights


def take(weights: Weights, name: str) -> NDArray[Any]:
    """Return a weight by name."""
    try:
        return weights[name]
    except KeyError:
        raise unexpected() from None


def unexpected() -> ValueError:
    """Return the error that a transform raises for members of another net."""
    return ValueError("the members are not the net that was measured")
