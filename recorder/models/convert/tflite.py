"""Turns small TensorFlow Lite nets of known operators into ONNX files; all of them only ever attack.

Pictures go in as float32 (N, 3, H, W) whatever the file says of their order, and of any number and, where no layer
is dense, of any size. An operator that is not known here is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from flatbuffers import packer
from mediapipe.tasks.metadata import schema_py_generated as schema
from numpy.typing import NDArray
from onnx import TensorProto, helper

from recorder.models.convert.tfjs import TensorGraph, model_bytes, unexpected

__all__ = ["lite_nets"]

_DTYPES: Final = {schema.TensorType.FLOAT32: np.dtype("<f4"), schema.TensorType.INT32: np.dtype("<i4")}
_OPERATORS: Final = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)
}
_ELEMENTWISE: Final = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div"}
_ONE_INPUT: Final = {"RELU": "Relu", "ABS": "Abs", "NEG": "Neg", "EXP": "Exp"}
_REDUCTIONS: Final = {"REDUCE_MAX": "ReduceMax", "SUM": "ReduceSum"}
_FREE: Final = "n"


def lite_nets(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Convert each member `NAME.tflite` to `NAME.onnx` in lower case.

    Raises:
        ValueError: a member is not such a file, or uses what is not known here.
    """
    return {
        f"{path.rpartition('/')[2].removesuffix('.tflite').lower()}.onnx": _Net(data).converted()
        for path, data in members.items()
    }


class _Net:
    """One file while it is converted. Pictures are (N, C, H, W) inside; their constants are turned to match."""

    def __init__(self, data: bytes) -> None:
        try:
            model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
            (self._part,) = model.subgraphs
        except (TypeError, ValueError, IndexError, AttributeError, packer.struct.error):
            raise unexpected() from None
        self._model = model
        self._graph = TensorGraph()
        self._values: dict[int, str] = {}

    def converted(self) -> bytes:
        """Return the ONNX file."""
        (first,) = self._part.inputs
        self._values[first] = "pixels"
        for operator in self._part.operators:
            (output,) = operator.outputs
            self._values[output] = self._node(operator)
        outputs = []
        for number, tensor in enumerate(self._part.outputs):
            public = f"output{number}"
            self._graph.nodes.append(helper.make_node("Identity", [self._values[tensor]], [public]))
            outputs.append(helper.make_tensor_value_info(public, TensorProto.FLOAT, self._sizes(tensor)))
        graph = helper.make_graph(
            self._graph.nodes,
            "lite",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, self._sizes(first))],
            outputs,
            initializer=list(self._graph.constants.values()),
        )
        return model_bytes(graph)

    def _sizes(self, tensor: int) -> list[str | int]:
        shape = list(self._shape(tensor))
        if len(shape) != 4:
            return [_FREE, *shape[1:]]
        return [_FREE, shape[3], f"h{tensor}", f"w{tensor}"] if self._fully_convolutional() else [
            _FREE, shape[3], *shape[1:3]
        ]  # fmt: skip

    def _fully_convolutional(self) -> bool:
        return all(len(self._shape(tensor)) == 4 for tensor in self._part.outputs)

    def _shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(int(size) for size in self._part.tensors[tensor].shape)

    def _constant(self, tensor: int) -> NDArray[Any] | None:
        entry = self._part.tensors[tensor]
        data = self._model.buffers[entry.buffer].data
        if data is None or len(data) == 0:
            return None
        dtype = _DTYPES.get(entry.type)
        if dtype is None:
            raise unexpected()
        return np.frombuffer(bytes(data), dtype).reshape(self._shape(tensor))

    def _node(self, operator: Any) -> str:
        code = self._model.operatorCodes[operator.opcodeIndex]
        name = _OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]
        known: dict[str, Callable[[Any], str]] = {
            "CONV_2D": self._conv,
            "DEPTHWISE_CONV_2D": self._depthwise,
            "MAX_POOL_2D": self._pool,
            "FULLY_CONNECTED": self._dense,
            "RESHAPE": self._flatten,
        }
        if name in known:
            return known[name](operator)
        if name in _ONE_INPUT:
            return self._graph.add(_ONE_INPUT[name], [self._values[operator.inputs[0]]])
        if name in _REDUCTIONS:
            return self._reduction(_REDUCTIONS[name], operator)
        if name in _ELEMENTWISE:
            inputs = [self._operand(tensor) for tensor in operator.inputs]
            return self._activated(self._graph.add(_ELEMENTWISE[name], inputs), operator)
        raise unexpected()

    def _operand(self, tensor: int) -> str:
        """Return a value, or a constant turned so that its last axis meets the channels."""
        constant = self._constant(tensor)
        if constant is None:
            return self._values[tensor]
        if constant.ndim == 4:
            constant = constant.transpose(0, 3, 1, 2)
        elif constant.ndim == 1 and not self._flat(tensor):
            constant = constant.reshape(1, -1, 1, 1)
        return self._graph.constant(f"t{tensor}", constant)

    def _flat(self, tensor: int) -> bool:
        """Tell whether the other operand of a constant is no picture."""
        for operator in self._part.operators:
            if tensor in operator.inputs:
                return len(self._shape(operator.outputs[0])) != 4
        raise unexpected()

    def _activated(self, value: str, operator: Any) -> str:
        activation = operator.builtinOptions.fusedActivationFunction
        if activation == schema.ActivationFunctionType.NONE:
            return value
        if activation == schema.ActivationFunctionType.RELU:
            return self._graph.add("Relu", [value])
        raise unexpected()

    def _weights(self, tensor: int) -> NDArray[Any]:
        constant = self._constant(tensor)
        if constant is None:
            raise unexpected()
        return constant

    def _convolved(self, operator: Any, kernel: NDArray[Any], groups: int) -> str:
        options = operator.builtinOptions
        if (options.dilationHFactor, options.dilationWFactor) != (1, 1):
            raise unexpected()
        value, weights, bias = operator.inputs
        out = self._graph.add(
            "Conv",
            [
                self._values[value],
                self._graph.constant(f"t{weights}", kernel),
                self._graph.constant(f"t{bias}", self._weights(bias)),
            ],
            kernel_shape=list(kernel.shape[2:]),
            strides=[options.strideH, options.strideW],
            group=groups,
            auto_pad=_padding(options),
        )
        return self._activated(out, operator)

    def _conv(self, operator: Any) -> str:
        return self._convolved(operator, self._weights(operator.inputs[1]).transpose(0, 3, 1, 2), 1)

    def _depthwise(self, operator: Any) -> str:
        kernel = self._weights(operator.inputs[1]).transpose(3, 0, 1, 2)
        if operator.builtinOptions.depthMultiplier != 1:
            raise unexpected()
        return self._convolved(operator, kernel, len(kernel))

    def _pool(self, operator: Any) -> str:
        options = operator.builtinOptions
        out = self._graph.add(
            "MaxPool",
            [self._values[operator.inputs[0]]],
            kernel_shape=[options.filterHeight, options.filterWidth],
            strides=[options.strideH, options.strideW],
            auto_pad=_padding(options),
        )
        return self._activated(out, operator)

    def _rows(self, tensor: int, width: int) -> str:
        """Return a value as rows, a picture's pixels in the file's own order."""
        value = self._values[tensor]
        if len(self._shape(tensor)) == 4:
            value = self._graph.add("Transpose", [value], perm=[0, 2, 3, 1])
        return self._graph.add(
            "Reshape", [value, self._graph.constant(f"rows{width}", np.array([-1, width]))]
        )

    def _dense(self, operator: Any) -> str:
        value, weights, bias = operator.inputs
        kernel = self._weights(weights)
        out = self._graph.add(
            "Gemm",
            [
                self._rows(value, kernel.shape[1]),
                self._graph.constant(f"t{weights}", kernel),
                self._graph.constant(f"t{bias}", self._weights(bias)),
            ],
            transB=1,
        )
        return self._activated(out, operator)

    def _flatten(self, operator: Any) -> str:
        output = self._shape(operator.outputs[0])
        if len(output) != 2:
            raise unexpected()
        return self._rows(operator.inputs[0], output[1])

    def _reduction(self, kind: str, operator: Any) -> str:
        """Reduce the channels, and keep them as an axis."""
        value, axis = operator.inputs
        (last,) = self._weights(axis).reshape(-1).tolist()
        rank = len(self._shape(value))
        if last not in (-1, rank - 1) or not operator.builtinOptions.keepDims:
            raise unexpected()
        if kind == "ReduceSum":  # its axes are an input from opset 13 on
            return self._graph.add(
                kind, [self._values[value], self._graph.constant("channels", np.array([1]))]
            )
        return self._graph.add(kind, [self._values[value]], axes=[1])


def _padding(options: Any) -> str:
    return "SAME_UPPER" if options.padding == schema.Padding.SAME else "VALID"
