"""Writes the ONNX graphs of the two speaker models from their tensors.

Both networks are published as torch state dicts. Their layers are few and well described, so the graphs are
written here node by node and torch is needed nowhere. The same tensors give the same bytes on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from recorder.models.convert.statedict import Tensor, read_old_state_dict, read_state_dict
from redaction.errors import ModelAltered

__all__ = ["campplus", "resemblyzer", "segmentation"]

WeightArray = NDArray[np.float32]

_OPSET = 17
_IR_VERSION = 8

_BLOCKS = ((12, 1), (24, 2), (16, 2))
"""Layers and dilation of CAM++'s dense blocks. Source: Wang et al., "CAM++", Interspeech 2023, table 1."""

_SEGMENT = 100
"""Frames of one context segment of CAM++'s masks. Source: same, section 2.2."""

_SINC_TAPS = 251
_SINC_MIN_HZ = 50.0
_SINC_STEP = 10
"""SincNet front end at 16 kHz, every tenth sample. Source: Ravanelli and Bengio, "Speaker recognition from
raw waveform with SincNet", 2018; both phases as in Pariente et al., "Filterbank design for end-to-end speech
separation", 2020; the stride is segmentation-3.0's own."""


def campplus(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return CAM++ (Chinese and English, 192 values) as ONNX.

    Input `features` float32 (N, T, 80): log-mel energies less their mean over T; frames of 10 ms, T at least
    12.
    Output `embedding` float32 (N, 192), not normalised.

    Source: Wang, Zheng, Chen, Cheng and Chen, "CAM++: A Fast and Efficient Network for Speaker Verification
    Using Context-Aware Masking", Interspeech 2023. The last layer is a batch norm without scale
    or shift, as published.
    """
    (data,) = members.values()
    return {"campplus.onnx": _CampPlus(_Graph(read_state_dict(data))).written()}


def segmentation(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return pyannote segmentation-3.0 as ONNX.

    Input `samples` float32 (N, 1, S), 16 kHz, S at least 1400. Output `log_probabilities` float32 (N, F, 7)
    over nobody, the speakers 1, 2, 3, and the pairs 1+2, 1+3, 2+3, one frame each 270 samples.

    Source: Plaquet and Bredin, "Powerset multi-class cross entropy loss for neural speaker diarization",
    Interspeech 2023; Bredin and Laurent, "End-to-end speaker segmentation", Interspeech 2021.
    """
    (data,) = members.values()
    return {"segmentation.onnx": _Segmentation(_Graph(read_state_dict(data, under="state_dict"))).written()}


def resemblyzer(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return Resemblyzer's encoder as ONNX.

    Input `mel` float32 (N, 160, 40): mel energies, not their logarithms, in frames of 10 ms. Output `embedding`
    float32 (N, 256) of at least 0, not normalised.

    Source: Wan, Wang, Papir and Lopez Moreno, "Generalized end-to-end loss for speaker verification", 2018.
    """
    (data,) = members.values()
    tensors = read_old_state_dict(data, under="model_state")
    graph = _Graph({name: value for name, value in tensors.items() if not name.startswith("similarity_")})
    value = graph.add("Transpose", "mel", perm=[1, 0, 2])
    for layer in range(3):
        names = [
            graph.constant(f"lstm{layer}.{part}", _gates(graph.take(f"lstm.weight_{part}_l{layer}"))[None])
            for part in ("ih", "hh")
        ]
        biases = [_gates(graph.take(f"lstm.bias_{part}_l{layer}")) for part in ("ih", "hh")]
        names.append(graph.constant(f"lstm{layer}.bias", np.concatenate(biases)[None]))
        both = graph.add("LSTM", value, *names, hidden_size=256)
        value = graph.add("Squeeze", both, graph.constant("axis_direction", [1]))
    last = graph.add("Gather", value, graph.constant("last", [-1]), axis=0)
    last = graph.add("Squeeze", last, graph.constant("axis_frame", [0]))
    weight = graph.constant("linear.weight", graph.take("linear.weight").T)
    dense = graph.add("Add", graph.add("MatMul", last, weight), graph.weight("linear.bias"))
    vector = graph.add("Relu", dense)
    data = graph.written(
        source=("mel", ["batch", "frames", 40]), result=(vector, "embedding", ["batch", 256])
    )
    return {"resemblyzer.onnx": data}


class _Graph:
    """A graph being written: nodes in order, constants, and the tensors that no node has taken yet."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = dict(tensors)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def take(self, name: str) -> WeightArray:
        """Return a tensor of the state dict; each must be used for the graph to be whole."""
        try:
            return np.asarray(self._tensors.pop(name), np.float32)
        except KeyError:
            raise ModelAltered("A model file lacks a tensor that its network needs.") from None

    def has(self, name: str) -> bool:
        """Tell whether a tensor is there and not yet taken."""
        return name in self._tensors

    def constant(self, name: str, values: Sequence[int] | Tensor) -> str:
        """Store values under a name and return it; ints become int64."""
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def weight(self, name: str) -> str:
        """Take a tensor as a constant of the same name."""
        return self.constant(name, self.take(name))

    def add(self, kind: str, *inputs: str, **attributes: object) -> str:
        """Append a node and return the name of its only output."""
        output = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def batch_norm(self, value: str, layer: str) -> str:
        """Append a batch norm with its running figures (scale 1 and shift 0 when it has none)."""
        self._tensors.pop(f"{layer}.num_batches_tracked", None)
        mean, variance = self.take(f"{layer}.running_mean"), self.take(f"{layer}.running_var")
        affine = self.has(f"{layer}.weight")
        scale = self.take(f"{layer}.weight") if affine else np.ones_like(mean)
        shift = self.take(f"{layer}.bias") if affine else np.zeros_like(mean)
        names = [
            self.constant(f"{layer}.{part}", values)
            for part, values in (("scale", scale), ("shift", shift), ("mean", mean), ("variance", variance))
        ]
        return self.add("BatchNormalization", value, *names, epsilon=1e-5)

    def written(
        self, *, source: tuple[str, list[str | int]], result: tuple[str, str, list[str | int]]
    ) -> bytes:
        """Return the model's bytes.

        Args:
            source: name and shape of the input.
            result: name of the last node's output, its public name and its shape.
        """
        if self._tensors:
            raise ModelAltered("A model file holds a tensor that its network does not know.")
        last, public, shape = result
        self._nodes.append(helper.make_node("Identity", [last], [public], name=public))
        graph = helper.make_graph(
            self._nodes,
            public,
            [helper.make_tensor_value_info(source[0], TensorProto.FLOAT, source[1])],
            [helper.make_tensor_value_info(public, TensorProto.FLOAT, shape)],
            [self._constants[name] for name in sorted(self._constants)],
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="offrecord"
        )
        model.ir_version = _IR_VERSION
        onnx.checker.check_model(model)
        data: bytes = model.SerializeToString(deterministic=True)
        return data


class _CampPlus:
    """CAM++: a 2-D convolutional head, three dense blocks of masked time-delay layers, mean and deviation."""

    def __init__(self, graph: _Graph) -> None:
        self._graph = graph

    def written(self) -> bytes:
        graph = self._graph
        frames = self._time_delay(self._head())
        first_segment, of_frame = self._segments(frames)
        for block, (layers, dilation) in enumerate(_BLOCKS, start=1):
            for layer in range(1, layers + 1):
                name = f"xvector.block{block}.tdnnd{layer}"
                new = self._dense_layer(name, frames, dilation=dilation, of_frame=of_frame)
                frames = graph.add("Concat", frames, new, axis=1)
            frames = self._norm_relu(frames, f"xvector.transit{block}.nonlinear.batchnorm")
            frames = graph.add("Conv", frames, graph.weight(f"xvector.transit{block}.linear.weight"))
        frames = self._norm_relu(frames, "xvector.out_nonlinear.batchnorm")
        dense = graph.add(
            "Conv", self._statistics(frames, first_segment), graph.weight("xvector.dense.linear.weight")
        )
        normed = graph.batch_norm(dense, "xvector.dense.nonlinear.batchnorm")
        vector = graph.add("Squeeze", normed, graph.constant("axis_time", [2]))
        return graph.written(
            source=("features", ["batch", "frames", 80]), result=(vector, "embedding", ["batch", 192])
        )

    def _norm_relu(self, value: str, layer: str) -> str:
        return self._graph.add("Relu", self._graph.batch_norm(value, layer))

    def _conv2d(self, value: str, layer: str, *, stride: int = 1, kernel: int = 3) -> str:
        pad = kernel // 2
        weight = self._graph.weight(f"{layer}.weight")
        return self._graph.add("Conv", value, weight, strides=[stride, 1], pads=[pad] * 4)

    def _head(self) -> str:
        """Append the head: (N, T, 80) to (N, 320, T), frequencies halved three times."""
        graph = self._graph
        value = graph.add("Transpose", "features", perm=[0, 2, 1])
        value = graph.add("Unsqueeze", value, graph.constant("axis_channel", [1]))
        value = self._norm_relu(self._conv2d(value, "head.conv1"), "head.bn1")
        for layer in ("head.layer1.0", "head.layer1.1", "head.layer2.0", "head.layer2.1"):
            value = self._residual(value, layer)
        value = self._norm_relu(self._conv2d(value, "head.conv2", stride=2), "head.bn2")
        return graph.add("Reshape", value, graph.constant("head_shape", [0, 320, -1]))

    def _residual(self, value: str, layer: str) -> str:
        graph = self._graph
        shortcut, stride = value, 1
        if graph.has(f"{layer}.shortcut.0.weight"):
            stride = 2
            shortcut = self._conv2d(value, f"{layer}.shortcut.0", stride=2, kernel=1)
            shortcut = graph.batch_norm(shortcut, f"{layer}.shortcut.1")
        value = self._norm_relu(self._conv2d(value, f"{layer}.conv1", stride=stride), f"{layer}.bn1")
        value = graph.batch_norm(self._conv2d(value, f"{layer}.conv2"), f"{layer}.bn2")
        return graph.add("Relu", graph.add("Add", value, shortcut))

    def _time_delay(self, value: str) -> str:
        weight = self._graph.weight("xvector.tdnn.linear.weight")
        value = self._graph.add("Conv", value, weight, strides=[2], pads=[2, 2])
        return self._norm_relu(value, "xvector.tdnn.nonlinear.batchnorm")

    def _segments(self, frames: str) -> tuple[str, str]:
        """Append the count of frames, int64 (1,), and the segment each frame lies in, int64 (T,)."""
        graph = self._graph
        count = graph.add("Shape", frames, start=2, end=3)
        scalar = graph.add("Squeeze", count)
        zero = graph.constant("zero", np.array(0, np.int64))
        one = graph.constant("one", np.array(1, np.int64))
        numbers = graph.add("Range", zero, scalar, one)
        return count, graph.add("Div", numbers, graph.constant("segment_frames", [_SEGMENT]))

    def _dense_layer(self, name: str, frames: str, *, dilation: int, of_frame: str) -> str:
        """Append one masked time-delay layer.

        The mask depends on the segment alone, so it is worked out once a segment and spread over its frames.
        """
        graph = self._graph
        value = self._norm_relu(frames, f"{name}.nonlinear1.batchnorm")
        value = graph.add("Conv", value, graph.weight(f"{name}.linear1.weight"))
        value = self._norm_relu(value, f"{name}.nonlinear2.batchnorm")
        mask = f"{name}.cam_layer"
        local = graph.add(
            "Conv",
            value,
            graph.weight(f"{mask}.linear_local.weight"),
            dilations=[dilation],
            pads=[dilation, dilation],
        )
        whole = graph.add("ReduceMean", value, axes=[2], keepdims=1)
        part = graph.add(
            "AveragePool",
            value,
            kernel_shape=[_SEGMENT],
            strides=[_SEGMENT],
            ceil_mode=1,
            count_include_pad=0,
        )
        context = graph.add("Add", whole, part)
        for layer, activation in ((f"{mask}.linear1", "Relu"), (f"{mask}.linear2", "Sigmoid")):
            weight, bias = graph.weight(f"{layer}.weight"), graph.weight(f"{layer}.bias")
            context = graph.add(activation, graph.add("Conv", context, weight, bias))
        return graph.add("Mul", local, graph.add("Gather", context, of_frame, axis=2))

    def _statistics(self, frames: str, count: str) -> str:
        """Append mean and unbiased standard deviation over time, float32 (N, 2C, 1)."""
        graph = self._graph
        mean = graph.add("ReduceMean", frames, axes=[2], keepdims=1)
        apart = graph.add("Sub", frames, mean)
        total = graph.add(
            "ReduceSum", graph.add("Mul", apart, apart), graph.constant("axis_frames", [2]), keepdims=1
        )
        others = graph.add("Max", graph.add("Sub", count, "one"), "one")
        variance = graph.add("Div", total, graph.add("Cast", others, to=TensorProto.FLOAT))
        return graph.add("Concat", mean, graph.add("Sqrt", variance), axis=1)


class _Segmentation:
    """Sinc filters, two convolutions, four two-way LSTMs, two linear layers and a classifier."""

    def __init__(self, graph: _Graph) -> None:
        self._graph = graph

    def written(self) -> bytes:
        graph = self._graph
        value = self._instance_norm("samples", "sincnet.wav_norm1d")
        filters = graph.constant("sinc_filters", self._sinc_filters())
        value = graph.add("Abs", graph.add("Conv", value, filters, strides=[_SINC_STEP]))
        value = self._pooled(value, "sincnet.norm1d.0")
        for layer in (1, 2):
            weight = graph.weight(f"sincnet.conv1d.{layer}.weight")
            bias = graph.weight(f"sincnet.conv1d.{layer}.bias")
            value = self._pooled(graph.add("Conv", value, weight, bias), f"sincnet.norm1d.{layer}")
        value = graph.add("Transpose", value, perm=[2, 0, 1])
        for layer in range(4):
            value = self._lstm(value, layer)
        value = graph.add("Transpose", value, perm=[1, 0, 2])
        for name in ("linear.0", "linear.1"):
            value = graph.add("LeakyRelu", self._linear(value, name), alpha=0.01)
        value = graph.add("LogSoftmax", self._linear(value, "classifier"), axis=-1)
        return graph.written(
            source=("samples", ["batch", 1, "samples"]),
            result=(value, "log_probabilities", ["batch", "frames", 7]),
        )

    def _instance_norm(self, value: str, layer: str) -> str:
        graph = self._graph
        weight, bias = graph.weight(f"{layer}.weight"), graph.weight(f"{layer}.bias")
        return graph.add("InstanceNormalization", value, weight, bias, epsilon=1e-5)

    def _pooled(self, value: str, layer: str) -> str:
        pooled = self._graph.add("MaxPool", value, kernel_shape=[3], strides=[3])
        return self._graph.add("LeakyRelu", self._instance_norm(pooled, layer), alpha=0.01)

    def _linear(self, value: str, layer: str) -> str:
        graph = self._graph
        weight = graph.constant(f"{layer}.weight", graph.take(f"{layer}.weight").T)
        return graph.add("Add", graph.add("MatMul", value, weight), graph.weight(f"{layer}.bias"))

    def _lstm(self, value: str, layer: int) -> str:
        """Append a two-way LSTM: (F, N, in) to (F, N, 256)."""
        graph = self._graph
        stacked: dict[str, list[WeightArray]] = {"ih": [], "hh": [], "bias": []}
        for end in ("", "_reverse"):
            place = f"l{layer}{end}"
            stacked["ih"].append(_gates(graph.take(f"lstm.weight_ih_{place}")))
            stacked["hh"].append(_gates(graph.take(f"lstm.weight_hh_{place}")))
            biases = [_gates(graph.take(f"lstm.bias_{part}_{place}")) for part in ("ih", "hh")]
            stacked["bias"].append(np.concatenate(biases))
        names = [graph.constant(f"lstm{layer}.{part}", np.stack(pair)) for part, pair in stacked.items()]
        both = graph.add("LSTM", value, *names, hidden_size=128, direction="bidirectional")
        side_by_side = graph.add("Transpose", both, perm=[0, 2, 1, 3])
        return graph.add("Reshape", side_by_side, graph.constant("lstm_shape", [0, 0, 256]))

    def _sinc_filters(self) -> WeightArray:
        """Return the 80 band-pass filters float32 (80, 1, 251): 40 even ones, then 40 odd ones.

        Worked out in double precision and rounded to 2**-30, so that a mathematics library which differs in
        the last bit gives the same file.
        """
        graph, bank = self._graph, "sincnet.conv1d.0.filterbank"
        lows = _SINC_MIN_HZ + np.abs(graph.take(f"{bank}.low_hz_")[:, 0].astype(np.float64))
        widths = np.abs(graph.take(f"{bank}.band_hz_")[:, 0].astype(np.float64))
        highs = np.clip(lows + _SINC_MIN_HZ + widths, _SINC_MIN_HZ, 8000.0)
        window = graph.take(f"{bank}.window_").astype(np.float64)
        times = graph.take(f"{bank}.n_")[0].astype(np.float64)
        filters = np.zeros((80, 1, _SINC_TAPS), np.float64)
        half = _SINC_TAPS // 2
        for band, (low, high) in enumerate(zip(lows.tolist(), highs.tolist(), strict=True)):
            for tap, (time, fade) in enumerate(zip(times.tolist(), window.tolist(), strict=True)):
                scale = fade / (time / 2) / (2 * (high - low))
                even = (math.sin(high * time) - math.sin(low * time)) * scale
                odd = (math.cos(low * time) - math.cos(high * time)) * scale
                filters[band, 0, [tap, -1 - tap]] = even
                filters[40 + band, 0, tap], filters[40 + band, 0, -1 - tap] = odd, -odd
            filters[band, 0, half] = 1.0
        return (np.round(filters * 2**30) / 2**30).astype(np.float32)


def _gates(rows: WeightArray) -> WeightArray:
    """Put the four gates, stacked on the first axis, from torch's order (i f c o) into ONNX's (i o f c)."""
    gate_in, forget, cell, out = np.split(rows, 4)
    return np.concatenate([gate_in, out, forget, cell])
