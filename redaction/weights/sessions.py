"""Opens onnxruntime sessions, all in one way, from bytes that were checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Final, Protocol, cast
from weakref import WeakValueDictionary

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    RuntimeException,
)
from onnxruntime.capi.onnxruntime_pybind11_state import (
    NotImplemented as OperatorMissing,
)

from redaction.errors import ModelAltered
from redaction.weights.locate import cache_root, read

__all__ = ["Node", "Session", "open_session"]

ERROR = 3  # onnxruntime's severity: nothing below an error is printed
_LOAD_ERRORS = (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    OperatorMissing,
    RuntimeException,
    RuntimeError,
)


class Node(Protocol):
    """An input or output of a graph."""

    @property
    def name(self) -> str:
        """Name to feed or ask for."""

    @property
    def shape(self) -> Sequence[int | str | None]:
        """Fixed sizes as numbers, free ones as names."""


class Facts(Protocol):
    """What a graph says of itself."""

    @property
    def custom_metadata_map(self) -> Mapping[str, str]:
        """Free text by key, as its makers left it."""


class Session(Protocol):
    """What is used of `onnxruntime.InferenceSession`."""

    def get_modelmeta(self) -> Facts:
        """Return what the graph says of itself."""

    def run(
        self, output_names: Sequence[str] | None, input_feed: Mapping[str, NDArray[np.generic]]
    ) -> list[NDArray[np.float32]]:
        """Return the outputs asked for, or all of them, in order."""

    def get_inputs(self) -> Sequence[Node]:
        """Return the inputs in order."""

    def get_outputs(self) -> Sequence[Node]:
        """Return the outputs in order."""


_Key = tuple[Path, str, str | None, int]
_OPEN: Final[WeakValueDictionary[_Key, Session]] = WeakValueDictionary()
_OPENING: Final = Lock()


def open_session(name: str, *, threads: int = 1, file: str | None = None) -> Session:
    """Open a model on the CPU from the bytes whose sha256 was checked.

    Whoever asks for a model of the catalog that is open already shares it: a session keeps no state between calls, and
    several threads may run it at a time.

    Args:
        name: a catalog name, or the absolute path of the user's own ONNX file.
        threads: threads inside one operator; they sleep between calls instead of spinning.
        file: path within the model's folder, when it holds several ONNX files.

    Raises:
        ModelMissing: the model is not in place.
        ModelAltered: the file has not the pinned sha256, or onnxruntime cannot load it.
    """
    if Path(name).is_absolute():
        return _opened(name, threads=threads, file=file)
    with _OPENING:
        key = cache_root(), name, file, threads
        session = _OPEN.get(key)
        if session is None:
            session = _OPEN[key] = _opened(name, threads=threads, file=file)
        return session


def _opened(name: str, *, threads: int, file: str | None) -> Session:
    data = read(name, file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # An arena spares a large net a third of its time, in which pages came and went. With a plan made for each size of
    # picture it would keep one block for each; without one it peaks below what a session without an arena does.
    options.enable_cpu_mem_arena = True
    options.enable_mem_pattern = False
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = ERROR
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    onnxruntime.disable_telemetry_events()
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except _LOAD_ERRORS:
        raise ModelAltered("A model file is not a graph that onnxruntime can load.") from None
    return cast(Session, session)
