"""The wheel and the sdist hold all that the program needs: modules, templates, page, word lists and samples."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from tests.paths import ROOT

PACKAGES = ("recorder", "redaction", "samples")
BUILD = "from setuptools import build_meta as build; print(build.build_sdist('dist')); print(build.build_wheel('dist'))"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build both from a copy of the source, without a network: the sdist and the wheel."""
    pytest.importorskip("setuptools")
    place = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place)
    done = subprocess.run(
        [sys.executable, "-c", BUILD], cwd=place, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (sdist,), (wheel,) = (place / "dist").glob("*.tar.gz"), (place / "dist").glob("*.whl")
    return sdist, wheel


def wanted() -> set[str]:
    """Return every file of the packages, as the repository has them."""
    return {
        str(path.relative_to(ROOT))
        for name in PACKAGES
        for path in (ROOT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.slow
def test_wheel_holds_every_file_of_the_packages(built: tuple[Path, Path]) -> None:
    """Nothing that a module reads beside itself is left out, and nothing else is in it."""
    with zipfile.ZipFile(built[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == wanted()


def test_sdist_holds_the_same_and_builds_again(built: tuple[Path, Path]) -> None:
    """Who builds from the sdist gets the same wheel."""
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert wanted() | {"pyproject.toml", "README.md", "LICENSE"} <= names
    assert not any(name.startswith(("tests/", "docs/")) for name in names)


def test_wheel_installs_the_command_on_every_python_that_is_supported(built: tuple[Path, Path]) -> None:
    """The wheel is for any platform, names its Python versions and its licence, and brings the command."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert built[1].name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(built[1]) as wheel:
        (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        (scripts,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
        said = message_from_string(wheel.read(metadata).decode())
        assert "offrecord = recorder.cli:main" in wheel.read(scripts).decode()
        assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
    assert {part.strip() for part in said["Requires-Python"].split(",")} == {">=3.11", "<3.15"}
    assert said["License-Expression"] == project["license"]
    asked = said.get_all("Requires-Dist") or []
    assert not [name for name in asked if "opencv" in name and not name.startswith("opencv-python=")]


def test_lock_has_hashes_names_no_host_and_serves_every_python() -> None:
    """One lock: every requirement pinned with hashes, no index named, and pocketsphinx for each version."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    pins = [block for block in lock.split("\n") if block and not block.startswith((" ", "#"))]
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    assert lock.count("--hash=sha256:") > len(pins)
    assert sorted(pin.partition(" ")[0] for pin in pins if pin.startswith("pocketsphinx")) == [
        "pocketsphinx==5.0.4",
        "pocketsphinx==5.1.1",
    ]
    names = [pin.partition("==")[0] for pin in pins if not pin.startswith("pocketsphinx")]
    assert len(names) == len(set(names)), (
        "two versions of one package: what was measured holds for one of them"
    )
