from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from redaction.weights import CATALOG, GROUPS, ModelEntry, select

HEX = re.compile(r"[0-9a-f]{64}")
ENTRIES = [pytest.param(entry, id=name) for name, entry in CATALOG.items()]


@pytest.mark.parametrize("entry", ENTRIES)
def test_entry_is_whole(entry: ModelEntry) -> None:
    """Every entry names licence, origin, purpose, an exact version, and a sha256 for every file and member."""
    assert entry.files
    assert entry.carriers
    assert all((entry.licence, entry.origin, entry.purpose))
    assert entry.group in GROUPS
    assert all(HEX.fullmatch(sha256) for sha256 in entry.files.values())
    for carrier in entry.carriers:
        assert re.fullmatch(r"\d+(\.\d+)+", carrier.version)
        assert carrier.members
        assert all(HEX.fullmatch(member.sha256) for member in carrier.members)
        assert carrier.index == "pypi" or all(m.path.startswith("package/") for m in carrier.members)


@pytest.mark.parametrize("entry", ENTRIES)
def test_files_stay_in_the_entrys_folder(entry: ModelEntry) -> None:
    """Every final file lies below a folder of the entry's name, so that entries cannot overwrite each other."""
    for file in entry.files:
        path = PurePosixPath(file)
        assert path.parts[0] == entry.name
        assert len(path.parts) > 1
        assert ".." not in path.parts
    assert entry.folder or len(entry.files) == 1


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_file_has_a_source(entry: ModelEntry) -> None:
    """Files are members stored as they are, or come from a transform; members are used by one of the two."""
    stored = {
        f"{entry.name}/{member.target}": member.sha256
        for carrier in entry.carriers
        for member in carrier.members
        if member.target is not None
    }
    feeding = [m for carrier in entry.carriers for m in carrier.members if m.target is None]
    assert stored.items() <= entry.files.items()
    assert (entry.transform is None) == (not feeding)
    assert (entry.transform is None) == (stored.keys() == entry.files.keys())
    paths = [member.path for carrier in entry.carriers for member in carrier.members]
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize("entry", ENTRIES)
def test_nothing_for_evaluation_is_fetched_by_default(entry: ModelEntry) -> None:
    """A model that may only measure is never in the default group."""
    assert not (entry.evaluation_only and entry.group == "core")


def test_default_models_are_there() -> None:
    """The names that the engine and the default policy use are in the core group."""
    core = {entry.name for entry in select()}
    assert core >= {
        "face.yunet",
        "face.centerface",
        "face.blazeface",
        "person.selfie",
        "speech.whisper_tiny_en",
        "align.pocketsphinx",
        "voice.hibari",
        "text.rampart",
    }


def test_select() -> None:
    """Names win over groups and come back once each; an unknown name is an error."""
    assert [e.name for e in select(["text.rampart", "face.yunet", "text.rampart"])] == [
        "text.rampart",
        "face.yunet",
    ]
    assert {e.group for e in select(groups=("multilingual",))} == {"multilingual"}
    with pytest.raises(KeyError):
        select(["face.unknown"])
