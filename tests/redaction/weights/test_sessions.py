from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from redaction.errors import ModelAltered, ModelMissing
from redaction.weights import locate, open_session
from tests.redaction.weights.conftest import Place


def test_runs(place: Place, graph: bytes) -> None:
    """A session runs the graph and names its inputs and outputs."""
    place("toy.net", net_onnx=graph)
    session = open_session("toy.net", threads=2)
    (result,) = session.run(None, {"x": np.array([1.5, -2.0], dtype=np.float32)})
    assert result.tolist() == [3.0, -4.0]
    assert [node.name for node in session.get_inputs()] == ["x"]
    assert [node.name for node in session.get_outputs()] == ["y"]


def test_takes_the_only_graph_of_a_folder(place: Place, graph: bytes) -> None:
    """A folder with one graph needs no file name; one with two does."""
    place("toy.folder", folder=True, net_onnx=graph, tokenizer_json=b"{}")
    assert open_session("toy.folder").get_inputs()[0].name == "x"
    place("toy.two", folder=True, a_onnx=graph, b_onnx=graph)
    with pytest.raises(ModelMissing):
        open_session("toy.two")
    assert open_session("toy.two", file="b.onnx").get_inputs()[0].name == "x"


def test_refuses_a_file_swapped_after_it_was_located(place: Place, graph: bytes) -> None:
    """What is loaded is what was checked: a graph swapped after `locate` is refused."""
    place("toy.net", net_onnx=graph)
    locate("toy.net").write_bytes(graph.replace(b"Add", b"Mul"))
    with pytest.raises(ModelAltered):
        open_session("toy.net")


class FakeSession:
    """Stands for an open model."""


def test_one_session_serves_all_who_ask_alike(place: Place, graph: bytes) -> None:
    """A model is held once for each number of threads, let go of with its last user, and checked when opened again."""
    place("toy.net", net_onnx=graph)
    first, second = open_session("toy.net"), open_session("toy.net")
    assert first is second
    assert open_session("toy.net", threads=2) is not first
    locate("toy.net").write_bytes(b"another")
    assert open_session("toy.net") is first, "what is open is what was checked"
    del first, second
    with pytest.raises(ModelAltered):
        open_session("toy.net")


def test_missing(place: Place, graph: bytes) -> None:
    """A missing graph is refused."""
    place("toy.net", net_onnx=graph)
    locate("toy.net").unlink()
    with pytest.raises(ModelMissing):
        open_session("toy.net")


@pytest.mark.parametrize("data", [b"", b"not a graph", bytes(1000)])
def test_own_file_that_is_no_graph(cache: Path, tmp_path: Path, data: bytes) -> None:
    """A user's own file that is no graph ends in exit 6, not in a crash of the runtime."""
    own = tmp_path / "own.onnx"
    own.write_bytes(data)
    with pytest.raises(ModelAltered):
        open_session(str(own))


def test_is_quiet_and_single_threaded_between_operators(
    place: Place, graph: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions are opened on the CPU with the threads asked for and without spinning."""
    import onnxruntime

    seen: dict[str, object] = {}

    def capture(data: bytes, options: onnxruntime.SessionOptions, providers: list[str]) -> object:
        seen.update(
            data=data,
            threads=options.intra_op_num_threads,
            arena=(options.enable_cpu_mem_arena, options.enable_mem_pattern),
            spinning=options.get_session_config_entry("session.intra_op.allow_spinning"),
            providers=providers,
        )
        return FakeSession()

    monkeypatch.setattr(onnxruntime, "InferenceSession", capture)
    place("toy.net", net_onnx=graph)
    open_session("toy.net", threads=2)
    assert seen == {
        "data": graph,
        "threads": 2,
        "arena": (True, False),
        "spinning": "0",
        "providers": ["CPUExecutionProvider"],
    }
