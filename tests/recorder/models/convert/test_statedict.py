"""Reading tensors without unpickling."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.models.convert.statedict import MAX_BYTES, read_state_dict
from redaction.errors import ModelAltered


class Opens:
    """An object whose unpickling makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def text(value: str) -> bytes:
    """Return the instruction that pushes a string."""
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def number(value: int) -> bytes:
    """Return the instruction that pushes a number."""
    return b"J" + value.to_bytes(4, "little", signed=True)


def numbers(values: tuple[int, ...]) -> bytes:
    """Return the instructions that push a tuple of numbers."""
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    *,
    items: int,
    offset: int = 0,
    storage: str = "FloatStorage",
) -> bytes:
    """Return the instructions with which torch describes a tensor in storage `0`."""
    place = b"(" + text("storage") + f"ctorch\n{storage}\n".encode() + text("0") + text("cpu")
    place += number(items) + b"tQ"
    hooks = b"\x89ccollections\nOrderedDict\n)R"
    function = b"ctorch._utils\n_rebuild_tensor_v2\n"
    return function + b"(" + place + number(offset) + numbers(shape) + numbers(strides) + hooks + b"tR"


def saved(program: bytes, storage: bytes = b"", *, order: bytes = b"little") -> bytes:
    """Return a file as `torch.save` lays it out."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/byteorder", order)
        archive.writestr("archive/data/0", storage)
    return stream.getvalue()


def dictionary(value: bytes) -> bytes:
    """Return a pickle of {"weight": value}."""
    return b"\x80\x02}q\x00" + text("weight") + value + b"s."


SIX = np.arange(6, dtype="<f4")


def test_tensors_come_out_with_their_shape() -> None:
    """A tensor has the values, shape and type that the file describes."""
    program = dictionary(tensor((2, 3), (3, 1), items=6))
    weight = read_state_dict(saved(program, SIX.tobytes()))["weight"]
    assert weight.dtype == np.float32
    assert weight.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_transposed_views_are_laid_out_anew() -> None:
    """Strides and offset are followed, and the result is in C order."""
    program = dictionary(tensor((2, 2), (1, 2), items=6, offset=1))
    weight = read_state_dict(saved(program, SIX.tobytes()))["weight"]
    assert weight.tolist() == [[1, 3], [2, 4]]
    assert weight.flags.c_contiguous


def test_a_nested_dict_is_found() -> None:
    """`under` picks the state dict out of a larger saved dict, whose plain values are ignored."""
    inner = b"}" + text("weight") + tensor((6,), (1,), items=6) + b"s"
    program = b"\x80\x02}(" + text("version") + number(1) + text("state") + inner + b"u."
    assert list(read_state_dict(saved(program, SIX.tobytes()), under="state")) == ["weight"]


@pytest.mark.parametrize("protocol", range(6))
def test_a_malicious_pickle_is_refused_and_does_nothing(tmp_path: Path, protocol: int) -> None:
    """A pickle that would call a function on loading is refused, and the function is not called."""
    trace = tmp_path / "trace"
    program = pickle.dumps({"weight": Opens(trace)}, protocol=protocol)
    with pytest.raises(ModelAltered):
        read_state_dict(saved(program))
    assert not trace.exists()
    pickle.loads(program)["weight"].close()
    assert trace.exists()


@pytest.mark.parametrize(
    "name",
    [
        "builtins\neval",
        "os\nsystem",
        "torch._utils\n_rebuild_parameter",
        "collections\ndefaultdict",
        "torch\nload",
    ],
)
def test_names_a_state_dict_does_not_need_are_refused(name: str) -> None:
    """Only the names that describe tensors may be mentioned, even when nothing is called."""
    with pytest.raises(ModelAltered):
        read_state_dict(saved(dictionary(f"c{name}\n".encode())))


@pytest.mark.parametrize(
    "described",
    [
        tensor((2, 4), (4, 1), items=6),
        tensor((6,), (1,), items=6, offset=1),
        tensor((6,), (1,), items=7),
        tensor((2, 3), (100, 1), items=6),
        tensor((-6,), (1,), items=6),
        tensor((6,), (-1,), items=6, offset=5),
        tensor((6, 1), (1,), items=6),
        tensor((6,), (1,), items=6, storage="QInt8Storage"),
    ],
)
def test_a_tensor_outside_its_storage_is_refused(described: bytes) -> None:
    """Nothing outside the stored bytes can be read by shape, strides, offset or type."""
    with pytest.raises(ModelAltered):
        read_state_dict(saved(dictionary(described), SIX.tobytes()))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a zip",
        saved(b""),
        saved(b"\x80\x02."),
        saved(dictionary(number(3))),
        saved(b"\x80\x02]."),
        saved(dictionary(tensor((6,), (1,), items=6)), SIX.tobytes(), order=b"big"),
    ],
)
def test_broken_files_are_refused(data: bytes) -> None:
    """What is not a little-endian state dict is refused with one error."""
    with pytest.raises(ModelAltered):
        read_state_dict(data)


@pytest.mark.slow
def test_an_inflating_file_is_refused_before_it_is_read() -> None:
    """A small file that would inflate beyond the limit is refused."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("archive/data/0", "w") as storage:
            for _ in range(MAX_BYTES // 2**24 + 1):
                storage.write(bytes(2**24))
        archive.writestr("archive/data.pkl", dictionary(tensor((6,), (1,), items=6)))
    with pytest.raises(ModelAltered):
        read_state_dict(stream.getvalue())


@given(st.integers(0, 400), st.integers(0, 255))
def test_no_mutation_escapes(place: int, value: int) -> None:
    """A changed byte in the pickle gives tensors or the one error, never another."""
    program = bytearray(dictionary(tensor((2, 3), (3, 1), items=6)))
    program[place % len(program)] = value
    try:
        tensors = read_state_dict(saved(bytes(program), SIX.tobytes()))
    except ModelAltered:
        return
    assert all(isinstance(found, np.ndarray) for found in tensors.values())
