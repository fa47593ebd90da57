from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from recorder.models.convert.detectors import size_free_centerface, size_free_yunet
from redaction.errors import ModelMissing
from redaction.weights import CATALOG, open_session, read

Arrays = list[NDArray[np.float32]]


def cached(name: str) -> bytes:
    """Return a model from the cache, or skip."""
    try:
        return read(name)
    except ModelMissing:
        pytest.skip(f"{name} is not in the model cache")


def declare(value: onnx.ValueInfoProto, shape: Sequence[int]) -> None:
    """Fix the declared shape of an input or output."""
    for dim, size in zip(value.type.tensor_type.shape.dim, shape, strict=True):
        dim.dim_value = size


def fixed(data: bytes, shape: Sequence[int], outputs: Sequence[Sequence[int]]) -> bytes:
    """Return the graph declared for one size only, as its makers exported it."""
    model = onnx.load_model_from_string(data)
    declare(model.graph.input[0], shape)
    for output, output_shape in zip(model.graph.output, outputs, strict=True):
        declare(output, output_shape)
    return bytes(model.SerializeToString(deterministic=True))


def run(data: bytes, picture: NDArray[np.float32]) -> Arrays:
    """Run a graph on one input."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return list(session.run(None, {session.get_inputs()[0].name: picture}))


def noise(*shape: int) -> NDArray[np.float32]:
    """Return float32 noise, 0 to 255."""
    return np.random.default_rng(1).integers(0, 256, shape).astype(np.float32)


YUNET_OUTPUTS = [(1, cells, width) for width in (1, 1, 4, 10) for cells in (6400, 1600, 400)]


def test_yunet_equals_its_fixed_size() -> None:
    """At 640x640 the size-free YuNet gives exactly what the graph of fixed size gives."""
    data = cached("face.yunet")
    picture = noise(1, 3, 640, 640)
    one_size = fixed(data, picture.shape, YUNET_OUTPUTS)
    for free, exact in zip(run(data, picture), run(one_size, picture), strict=True):
        assert np.array_equal(free, exact)


def test_yunet_conversion_gives_the_pinned_bytes() -> None:
    """Freeing a fixed-size YuNet gives the pinned file again, with this version of onnx."""
    one_size = fixed(cached("face.yunet"), (1, 3, 640, 640), YUNET_OUTPUTS)
    assert one_size != read("face.yunet")
    (made,) = size_free_yunet({"carried": one_size}).values()
    assert [hashlib.sha256(made).hexdigest()] == list(CATALOG["face.yunet"].files.values())


def test_centerface_equals_its_fixed_size() -> None:
    """At its native 10 x 32x32 the size-free CenterFace gives what the graph of fixed size gives."""
    data = cached("face.centerface")
    picture = noise(10, 3, 32, 32)
    one_size = fixed(data, picture.shape, [(10, channels, 8, 8) for channels in (1, 2, 2, 10)])
    for free, exact in zip(run(data, picture), run(one_size, picture), strict=True):
        np.testing.assert_allclose(free, exact, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(736, 1280), (64, 32), (1088, 1920)])
def test_yunet_runs_at_any_multiple_of_32(height: int, width: int) -> None:
    """YuNet gives one row per cell of each stride at any size that is a multiple of 32."""
    cached("face.yunet")
    session = open_session("face.yunet", threads=2)
    results = session.run(None, {"input": noise(1, 3, height, width)})
    cells = [height * width // stride**2 for stride in (8, 16, 32)]
    assert [result.shape[1] for result in results] == cells * 4
    assert all(np.isfinite(result).all() for result in results)


@pytest.mark.parametrize(("batch", "height", "width"), [(1, 384, 640), (2, 64, 96)])
def test_centerface_runs_at_any_multiple_of_32(batch: int, height: int, width: int) -> None:
    """CenterFace gives maps of a quarter of any size that is a multiple of 32, for any batch."""
    cached("face.centerface")
    results = open_session("face.centerface", threads=2).run(
        None, {"input.1": noise(batch, 3, height, width)}
    )
    assert [result.shape for result in results] == [
        (batch, channels, height // 4, width // 4) for channels in (1, 2, 2, 10)
    ]


def test_centerface_conversion_changes_no_weight() -> None:
    """Weights that were also inputs stay as they are; counters that no node reads go; results are equal."""
    weight = onnx.numpy_helper.from_array(np.full((2, 3, 1, 1), 0.5, np.float32), "w")
    counter = onnx.numpy_helper.from_array(np.array(7, np.int64), "num_batches_tracked")
    kind = onnx.TensorProto.FLOAT
    inputs = [
        onnx.helper.make_tensor_value_info("input.1", kind, [10, 3, 32, 32]),
        onnx.helper.make_tensor_value_info("w", kind, [2, 3, 1, 1]),
        onnx.helper.make_tensor_value_info("num_batches_tracked", onnx.TensorProto.INT64, []),
    ]
    output = onnx.helper.make_tensor_value_info("538", kind, [10, 2, 32, 32])
    node = onnx.helper.make_node("Conv", ["input.1", "w"], ["538"])
    graph = onnx.helper.make_graph([node], "g", inputs, [output], [weight, counter])
    carried = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 9)], ir_version=4)
    data = bytes(carried.SerializeToString())
    (made,) = size_free_centerface({"carried": data}).values()
    freed = onnx.load_model_from_string(made)
    assert [value.name for value in freed.graph.input] == ["input.1"]
    assert [value.name for value in freed.graph.initializer] == ["w"]
    assert freed.graph.initializer[0].SerializeToString() == weight.SerializeToString()
    picture = noise(10, 3, 32, 32)
    np.testing.assert_allclose(run(made, picture)[0], run(data, picture)[0], rtol=1e-6)
    assert run(made, noise(1, 3, 5, 7))[0].shape == (1, 2, 5, 7)
