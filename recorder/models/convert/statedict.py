"""Reads the tensors of a torch state dict without torch, and without the power to run anything.

A state dict is a zip of raw tensor bytes and a pickle that names them. Unpickling may call any function that
a file names, so the pickle is not loaded: its instructions are stepped through here by a small machine that
knows plain values, containers and the one call that describes a tensor. Whatever else a file asks for is
refused.

Source: Python's `pickletools` for the instructions; the layout of `torch.save` (zip format) as documented
in PyTorch's serialization notes.
"""

from __future__ import annotations

import io
import pickletools
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from redaction.errors import ModelAltered

__all__ = ["Tensor", "read_old_state_dict", "read_state_dict"]

Tensor = NDArray[np.float32] | NDArray[np.int64]
_DType = np.dtype[np.float32] | np.dtype[np.int64]

MAX_BYTES: Final = 256 * 1024 * 1024
"""Largest state dict that is opened, in bytes; the two that are known have 6 and 28 MB."""

_STORAGES: Final[dict[str, _DType]] = {
    "torch FloatStorage": np.dtype("<f4"),
    "torch LongStorage": np.dtype("<i8"),
}
_TENSOR: Final = "torch._utils _rebuild_tensor_v2"
_ORDERED: Final = "collections OrderedDict"
_OLD_MAGIC: Final = 0x1950A86A20F9469CFC6C
_REFUSED: Final = "A model file holds something other than tensors and was refused."


@dataclass(frozen=True, slots=True)
class _Name:
    """A name the pickle mentions; it is compared with the allowed ones and never imported."""

    text: str


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    dtype: _DType
    items: int


class _Mark:
    """Where a container's items begin on the stack."""


class _Machine:
    """Steps through a state dict's pickle; it can build values and describe tensors, nothing else."""

    def __init__(self, tensor: Callable[[object], Tensor]) -> None:
        self._tensor = tensor
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}

    def run(self, program: bytes) -> object:
        """Return what the pickle describes.

        Raises:
            ModelAltered: an instruction or a name that a state dict has no need of, or a broken pickle.
        """
        try:
            for opcode, argument, _ in pickletools.genops(program):
                if opcode.name == "STOP":
                    (value,) = self._stack
                    return value
                if opcode.name != "PROTO":
                    self._step(opcode.name, argument)
        except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError):
            raise ModelAltered(_REFUSED) from None
        raise ModelAltered(_REFUSED)

    def _step(self, name: str, argument: object) -> None:
        if name in _PLAIN:
            self._stack.append(argument)
        elif name in _FRESH:
            self._stack.append(_FRESH[name]())
        elif name in _TUPLES:
            self._stack.append(self._pop_tuple(_TUPLES[name]))
        else:
            getattr(self, _VERBS[name])(argument)

    def _pop_tuple(self, count: int) -> tuple[object, ...]:
        items = tuple(self._stack[len(self._stack) - count :])
        if len(items) != count or any(isinstance(item, _Mark) for item in items):
            raise ModelAltered(_REFUSED)
        del self._stack[len(self._stack) - count :]
        return items

    def _pop_to_mark(self) -> list[object]:
        mark = max(place for place, item in enumerate(self._stack) if isinstance(item, _Mark))
        items = self._stack[mark + 1 :]
        del self._stack[mark:]
        return items

    def _tuple(self, _: object) -> None:
        self._stack.append(tuple(self._pop_to_mark()))

    def _put(self, argument: object) -> None:
        if not isinstance(argument, int):
            raise ModelAltered(_REFUSED)
        self._memo[argument] = self._stack[-1]

    def _get(self, argument: object) -> None:
        if not isinstance(argument, int):
            raise ModelAltered(_REFUSED)
        self._stack.append(self._memo[argument])

    def _set_item(self, _: object) -> None:
        key, value = self._pop_tuple(2)
        self._fill([key, value])

    def _set_items(self, _: object) -> None:
        self._fill(self._pop_to_mark())

    def _fill(self, pairs: list[object]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise ModelAltered(_REFUSED)
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if not isinstance(key, str | int):
                raise ModelAltered(_REFUSED)
            target[key] = value

    def _extend(self, _: object) -> None:
        items = self._pop_to_mark()
        target = self._stack[-1]
        if not isinstance(target, list):
            raise ModelAltered(_REFUSED)
        target.extend(items)

    def _append(self, _: object) -> None:
        value = self._stack.pop()
        target = self._stack[-1]
        if not isinstance(target, list):
            raise ModelAltered(_REFUSED)
        target.append(value)

    def _name(self, argument: object) -> None:
        if argument not in {_TENSOR, _ORDERED, *_STORAGES}:
            raise ModelAltered(_REFUSED)
        self._stack.append(_Name(str(argument)))

    def _call(self, _: object) -> None:
        function, arguments = self._pop_tuple(2)
        if function == _Name(_ORDERED) and arguments == ():
            self._stack.append({})
        elif function == _Name(_TENSOR):
            self._stack.append(self._tensor(arguments))
        else:
            raise ModelAltered(_REFUSED)

    def _storage(self, _: object) -> None:
        reference = self._stack.pop()
        if not isinstance(reference, tuple):
            raise ModelAltered(_REFUSED)
        kind, name, key, _device, items, *view = reference
        if view not in ([], [None]):
            raise ModelAltered(_REFUSED)
        if kind != "storage" or not isinstance(name, _Name) or not isinstance(key, str):
            raise ModelAltered(_REFUSED)
        if not isinstance(items, int):
            raise ModelAltered(_REFUSED)
        self._stack.append(_Storage(key, _STORAGES[name.text], items))

    def _drop_attributes(self, _: object) -> None:
        """Forget an OrderedDict's attributes (versions of its modules)."""
        self._stack.pop()
        if not isinstance(self._stack[-1], dict):
            raise ModelAltered(_REFUSED)


_PLAIN: Final = frozenset(
    {"BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "BINFLOAT", "LONG1"}
)
_FRESH: Final[dict[str, Callable[[], object]]] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "MARK": _Mark,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "NONE": lambda: None,
}
_TUPLES: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_VERBS: Final = {
    "TUPLE": "_tuple",
    "BINPUT": "_put",
    "LONG_BINPUT": "_put",
    "BINGET": "_get",
    "LONG_BINGET": "_get",
    "SETITEM": "_set_item",
    "SETITEMS": "_set_items",
    "APPEND": "_append",
    "APPENDS": "_extend",
    "GLOBAL": "_name",
    "REDUCE": "_call",
    "BINPERSID": "_storage",
    "BUILD": "_drop_attributes",
}


def read_state_dict(untrusted_data: bytes, *, under: str = "") -> dict[str, Tensor]:
    """Read the tensors of a file that `torch.save` wrote.

    Args:
        untrusted_data: the whole file.
        under: key of the state dict within the saved dict, empty when it is the saved dict itself.

    Returns:
        Name of each tensor -> its values, float32 or int64, C order, in the file's order.

    Raises:
        ModelAltered: not such a file, or it holds anything but tensors and plain values.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(untrusted_data)) as archive:
            return _tensors(archive, under)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, TypeError, ValueError):
        raise ModelAltered(_REFUSED) from None


def read_old_state_dict(untrusted_data: bytes, *, under: str) -> dict[str, Tensor]:
    """Read the tensors of a file as `torch.save` wrote it before version 1.6: five pickles, then the storages.

    Args:
        untrusted_data: the whole file.
        under: key of the state dict within the saved dict.

    Raises:
        ModelAltered: not such a file, or it holds anything but tensors and plain values.
    """
    if len(untrusted_data) > MAX_BYTES:
        raise ModelAltered(_REFUSED)
    stream = io.BytesIO(untrusted_data)
    programs = []
    try:
        for _ in range(5):
            begins = stream.tell()
            for _ in pickletools.genops(stream):
                pass
            programs.append(untrusted_data[begins : stream.tell()])
        keys = _Machine(_refused).run(programs[4])
        if not isinstance(keys, list) or _Machine(_refused).run(programs[0]) != _OLD_MAGIC:
            raise ModelAltered(_REFUSED)
        storages: dict[object, bytes] = {}
        for key in keys:
            (items,) = struct.unpack("<q", stream.read(8))
            data = stream.read(4 * items) if items >= 0 else b""
            storages[key] = data
        saved = _Machine(lambda arguments: _cut(lambda key: storages[key], arguments)).run(programs[3])
    except (ValueError, KeyError, TypeError, struct.error):
        raise ModelAltered(_REFUSED) from None
    state = saved.get(under) if isinstance(saved, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, np.ndarray) for value in state.values()):
        raise ModelAltered(_REFUSED)
    return state


def _refused(_: object) -> Tensor:
    raise ModelAltered(_REFUSED)


def _tensors(archive: zipfile.ZipFile, under: str) -> dict[str, Tensor]:
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise ModelAltered(_REFUSED)
    (program,) = (entry.filename for entry in entries if entry.filename.endswith("/data.pkl"))
    folder = program.removesuffix("/data.pkl")
    names = {entry.filename for entry in entries}
    if f"{folder}/byteorder" in names and archive.read(f"{folder}/byteorder") != b"little":
        raise ModelAltered(_REFUSED)
    read = _Machine(lambda arguments: _cut(lambda key: archive.read(f"{folder}/data/{key}"), arguments))
    saved = read.run(archive.read(program))
    state = saved[under] if under and isinstance(saved, dict) else saved
    if not isinstance(state, dict):
        raise ModelAltered(_REFUSED)
    tensors: dict[str, Tensor] = {}
    for name, value in state.items():
        if not isinstance(value, np.ndarray):
            raise ModelAltered(_REFUSED)
        tensors[name] = value
    return tensors


def _cut(read: Callable[[str], bytes], arguments: object) -> Tensor:
    """Cut one tensor out of its storage, within bounds."""
    if not isinstance(arguments, tuple) or len(arguments) < 4:
        raise ModelAltered(_REFUSED)
    storage, offset, shape, strides = arguments[:4]
    if not isinstance(storage, _Storage) or not all(
        isinstance(number, int) and number >= 0 for number in (offset, *shape, *strides)
    ):
        raise ModelAltered(_REFUSED)
    values = np.frombuffer(read(storage.key), dtype=storage.dtype)
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if len(values) != storage.items or 0 in shape or last >= len(values):
        raise ModelAltered(_REFUSED)
    view = as_strided(
        values[offset:], shape, [stride * storage.dtype.itemsize for stride in strides], writeable=False
    )
    return np.ascontiguousarray(view)
