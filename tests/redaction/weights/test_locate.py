from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from redaction.errors import ExitCode, ModelAltered, ModelMissing
from redaction.weights import cache_root, identify, locate, read
from tests.redaction.weights.conftest import Place


def flip_byte(path: Path) -> None:
    """Change one bit of the middle byte in place, keeping size and times."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_single_file(place: Place, cache: Path) -> None:
    """A model of one file is located as that file and identified by its sha256."""
    place("toy.one", net_bin=b"weights")
    assert locate("toy.one") == cache / "toy.one/net.bin"
    assert identify("toy.one") == hashlib.sha256(b"weights").hexdigest()


def test_folder(place: Place, cache: Path) -> None:
    """A folder is located as the folder; its identity covers every file's content and name."""
    place("toy.many", folder=True, a_bin=b"1", b_bin=b"2")
    first = identify("toy.many")
    assert locate("toy.many") == cache / "toy.many"
    place("toy.many", folder=True, a_bin=b"1", b_bin=b"3")
    second = identify("toy.many")
    place("toy.many", folder=True, a_bin=b"1", c_bin=b"2")
    assert len({first, second, identify("toy.many")}) == 3


def test_missing_file(place: Place, cache: Path) -> None:
    """A file that is gone ends in exit 6 and a sentence that says what to run."""
    place("toy.many", folder=True, a_bin=b"1", b_bin=b"2")
    (cache / "toy.many/b.bin").unlink()
    with pytest.raises(ModelMissing, match="offrecord models fetch") as caught:
        locate("toy.many")
    assert caught.value.exit_code is ExitCode.MODEL
    assert str(cache) not in caught.value.sentence


@pytest.mark.parametrize("name", ["toy.unknown", "../escape", "", "face.yunet/../x"])
def test_unknown_name(cache: Path, name: str) -> None:
    """A name that the catalog lacks is refused, however it is spelled."""
    with pytest.raises(ModelMissing, match="models list"):
        locate(name)


def test_empty_cache(cache: Path) -> None:
    """A real entry is missing when the cache is empty."""
    with pytest.raises(ModelMissing, match=r"face\.yunet"):
        locate("face.yunet")


def test_altered_by_one_bit_before_first_use(place: Place, cache: Path) -> None:
    """One flipped bit is refused by locate, identify and read."""
    place("toy.one", net_bin=b"weights")
    flip_byte(cache / "toy.one/net.bin")
    for use in (locate, identify, read):
        with pytest.raises(ModelAltered, match="offrecord models fetch") as caught:
            use("toy.one")
        assert caught.value.exit_code is ExitCode.MODEL


def test_altered_after_first_use_with_times_restored(place: Place, cache: Path) -> None:
    """A file changed in place is refused even when its size and modification time are put back."""
    place("toy.one", net_bin=b"weights")
    locate("toy.one")
    flip_byte(cache / "toy.one/net.bin")
    with pytest.raises(ModelAltered):
        locate("toy.one")


def test_swapped_after_first_use(place: Place, cache: Path, tmp_path: Path) -> None:
    """Another file of the same size and time under the same name is refused."""
    place("toy.one", net_bin=b"weights")
    path = locate("toy.one")
    before = path.stat()
    other = tmp_path / "other"
    other.write_bytes(b"WEIGHTS")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    with pytest.raises(ModelAltered):
        locate("toy.one")


def test_truncated(place: Place, cache: Path) -> None:
    """A truncated file is altered."""
    place("toy.one", net_bin=b"weights")
    os.truncate(cache / "toy.one/net.bin", 3)
    with pytest.raises(ModelAltered):
        locate("toy.one")


def test_file_added_to_a_folder(place: Place, cache: Path) -> None:
    """A file put beside the pinned ones is refused, for loaders would read it; one being fetched is let be."""
    place("toy.many", folder=True, a_bin=b"1")
    (cache / "toy.many/.fetch-1").write_bytes(b"being written")
    locate("toy.many")
    (cache / "toy.many/deep").mkdir()
    (cache / "toy.many/deep/config.json").write_bytes(b"{}")
    with pytest.raises(ModelAltered, match="does not belong"):
        locate("toy.many")


def test_folder_in_place_of_a_file(place: Place, cache: Path) -> None:
    """A folder where a file belongs is not taken for the file."""
    place("toy.one", net_bin=b"weights")
    (cache / "toy.one/net.bin").unlink()
    (cache / "toy.one/net.bin").mkdir()
    with pytest.raises(ModelMissing):
        locate("toy.one")


def test_unchanged_file_is_hashed_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unchanged file is hashed once in a process."""
    place("toy.one", net_bin=b"weights")
    hashed: list[object] = []
    digest = hashlib.file_digest

    def counting(stream: object, name: str) -> object:
        hashed.append(stream)
        return digest(stream, name)  # type: ignore[arg-type]

    monkeypatch.setattr(hashlib, "file_digest", counting)
    for _ in range(3):
        locate("toy.one")
    assert len(hashed) == 1


def test_read_gives_checked_bytes(place: Place) -> None:
    """Read returns the only file, a named file, or the only graph of a folder."""
    place("toy.one", net_bin=b"weights")
    place("toy.many", folder=True, a_onnx=b"graph", b_json=b"{}")
    assert read("toy.one") == b"weights"
    assert read("toy.many") == b"graph"
    assert read("toy.many", "b.json") == b"{}"


@pytest.mark.parametrize("file", ["c.json", "../toy.one/net.bin", "/etc/hostname"])
def test_read_refuses_files_outside_the_entry(place: Place, file: str) -> None:
    """Only files that the entry lists can be read."""
    place("toy.one", net_bin=b"weights")
    place("toy.many", folder=True, a_onnx=b"graph")
    with pytest.raises(ModelMissing):
        read("toy.many", file)


def test_own_path_wins(place: Place, cache: Path, tmp_path: Path) -> None:
    """A user's own absolute path is taken as it is, with an identity that follows its content."""
    own = tmp_path / "my-model"
    own.mkdir()
    (own / "model.bin").write_bytes(b"mine")
    assert locate(str(own)) == own
    assert read(str(own), "model.bin") == b"mine"
    assert read(str(own / "model.bin")) == b"mine"
    assert identify(str(own / "model.bin")) == hashlib.sha256(b"mine").hexdigest()
    first = identify(str(own))
    (own / "model.bin").write_bytes(b"changed")
    assert identify(str(own)) != first


def test_own_folder_is_identified_like_a_catalog_folder(place: Place, cache: Path) -> None:
    """The same files have the same identity by name and by path."""
    place("toy.many", folder=True, a_bin=b"1", b_bin=b"2")
    assert identify(str(cache / "toy.many")) == identify("toy.many")


def test_own_path_missing_is_not_named(cache: Path, tmp_path: Path) -> None:
    """A missing path of the user ends in exit 6 without repeating the path."""
    for use in (locate, read, identify):
        with pytest.raises(ModelMissing) as caught:
            use(str(tmp_path / "Jane Doe" / "model"))
        assert "Jane" not in caught.value.sentence


def test_cache_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """OFFRECORD_MODELS wins over the default below the home folder."""
    monkeypatch.setenv("OFFRECORD_MODELS", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.delenv("OFFRECORD_MODELS")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_root() == tmp_path / ".cache/offrecord/models"
