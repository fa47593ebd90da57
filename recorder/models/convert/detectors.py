"""Frees the two face detectors' graphs from the one picture size they were exported at."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

__all__ = ["size_free_centerface", "size_free_yunet"]


def size_free_yunet(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return YuNet 2023mar with free height and width, batch 1.

    Input `input` float32 (1, 3, H, W) BGR, 0 to 255, H and W multiples of 32. Outputs per stride s of 8,
    16 and 32 are `cls_s`, `obj_s`, `bbox_s` and `kps_s`, float32 (1, H/s * W/s, 1, 1, 4 and 10). The network
    is fully convolutional and its reshapes already infer the cell count, so only declared shapes change.

    Source: Wu, Peng and Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023; OpenCV's model zoo made
    the same change for its later dynamic export.
    """
    (data,) = members.values()
    model = onnx.load_model_from_string(data)
    _declare(model.graph.input[0], (1, 3, "height", "width"))
    for output in model.graph.output:
        channels = output.type.tensor_type.shape.dim[2].dim_value
        _declare(output, (1, f"{output.name}_cells", channels))
    return {"face_detection_yunet_2023mar_any_size.onnx": _bytes(model)}


def size_free_centerface(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return CenterFace with free batch, height and width.

    Input `input.1` float32 (N, 3, H, W) RGB, 0 to 255, H and W multiples of 32. Outputs `537` heat map
    (N, 1, H/4, W/4), `538` log scale (N, 2, ...), `539` offset (N, 2, ...), `540` landmarks (N, 10, ...).
    The weights, which the file also declares as inputs, become constants, so that the runtime may fold
    them, and the batch counters of training, which no node reads, go.

    Source: Xu, Yan and Yang, "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019.
    """
    (data,) = members.values()
    model = onnx.load_model_from_string(data)
    weights = {initializer.name for initializer in model.graph.initializer}
    free = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(free)
    used = {name for node in model.graph.node for name in node.input}
    kept = [initializer for initializer in model.graph.initializer if initializer.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    _declare(model.graph.input[0], ("batch", 3, "height", "width"))
    for output in model.graph.output:
        channels = output.type.tensor_type.shape.dim[1].dim_value
        _declare(output, ("batch", channels, "cells_high", "cells_wide"))
    return {"centerface_any_size.onnx": _bytes(model)}


def _declare(value: onnx.ValueInfoProto, shape: tuple[int | str, ...]) -> None:
    dims = value.type.tensor_type.shape.dim
    for dim, size in zip(dims, shape, strict=True):
        if isinstance(size, str):
            dim.dim_param = size
        else:
            dim.dim_value = size


def _bytes(model: onnx.ModelProto) -> bytes:
    """Serialise without the intermediate shapes, which held for one size only."""
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
