"""What is attacked: bundles, or any media files, each beside its original where that is given."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recorder.bundle.opened import Bundle, open_bundle
from recorder.media.file import FileSource
from recorder.media.source import Source
from recorder.sources.discover import recording_at, recordings_in
from recorder.sources.recording import Recording, bundle_name
from redaction.errors import UnreadableInput, UsageError

__all__ = ["Attacked", "SourceRecording", "attacked_at", "sampled"]

_MANIFEST: Final = "manifest.json"
_SUFFIX: Final = ".offrecord"


@dataclass(frozen=True, slots=True)
class SourceRecording:
    """A source that a recording was made of.

    Attributes:
        recording: its files.
        person: whose it is, the folder it lies in; empty where all lie in one folder.
        stem: its file name without the suffix.
    """

    recording: Recording
    person: str
    stem: str

    def open(self) -> Source:
        """Open it."""
        return self.recording.open().source


@dataclass(frozen=True, slots=True)
class Attacked:
    """One published recording.

    Attributes:
        name: a bundle's own; of a media file its number, as file names may name people.
        path: what a person would watch; None in a bundle that nobody is left in.
        bundle: None of a media file.
        original: None where there is none.
    """

    name: str
    path: Path | None
    bundle: Bundle | None = None
    original: SourceRecording | None = None

    def open(self) -> FileSource | None:
        """Open what is watched."""
        return FileSource(self.path) if self.path is not None else None


def attacked_at(target: Path, originals: Path | None) -> list[Attacked]:
    """Return what stands at a place: a bundle, a folder of bundles, a media file or a folder of them.

    Raises:
        UnreadableInput: nothing that can be attacked stands there.
        RedactionIncomplete: a bundle is not whole.
        UsageError: none of the originals belongs to what is attacked.
    """
    known = _originals(originals) if originals is not None else []
    if (target / _MANIFEST).is_file():
        found = [_bundle(target)]
    elif target.is_dir() and (inside := sorted(target.glob(f"*{_SUFFIX}/{_MANIFEST}"))):
        found = [_bundle(path.parent) for path in inside]
    else:
        return _media(target, known)
    if known:
        by_name = {bundle_name(*one.recording.read): one for one in known}
        found = [
            Attacked(one.name, one.path, one.bundle, by_name.get(one.name.removesuffix(_SUFFIX)))
            for one in found
        ]
        found = _paired(found, known)
    return found


def sampled(found: Sequence[Attacked], sample: str) -> list[Attacked]:
    """Return a random part, such as `20` or `5%`, at least one; everything where `sample` is empty.

    Raises:
        UsageError: it is neither a number nor a percentage.
    """
    if not sample:
        return list(found)
    try:
        share = sample.rstrip().removesuffix("%")
        count = float(share) / 100 * len(found) if share != sample.rstrip() else float(int(share))
    except ValueError:
        count = -1.0
    if not 0 < count < float("inf"):
        raise UsageError("--sample is a number of recordings or a percentage, such as 20 or 5%.")
    picked = random.SystemRandom().sample(range(len(found)), min(len(found), max(1, round(count))))
    return [found[at] for at in sorted(picked)]


def _bundle(path: Path) -> Attacked:
    bundle = open_bundle(path)
    recording = bundle.recording
    return Attacked(path.name, recording, bundle)


def _media(target: Path, known: Sequence[SourceRecording]) -> list[Attacked]:
    if target.is_file():
        files = [target]
    elif target.is_dir():
        files = sorted({one.media[0] for one in recordings_in(target) if one.media})
    else:
        files = []
    if not files:
        raise UnreadableInput("There is no bundle and no recording at that place; check the path.")
    by_stem = {(one.person, one.stem): one for one in known} | {("", one.stem): one for one in known}
    found = [
        Attacked(
            f"file {number}",
            path,
            None,
            by_stem.get((path.parent.name, path.stem)) or by_stem.get(("", path.stem)),
        )
        for number, path in enumerate(files, start=1)
    ]
    return _paired(found, known) if known else found


def _paired(found: list[Attacked], known: Sequence[SourceRecording]) -> list[Attacked]:
    """Put one and one together; otherwise at least one pair is needed."""
    if any(one.original is not None for one in found):
        return found
    if len(found) == len(known) == 1:
        return [Attacked(found[0].name, found[0].path, found[0].bundle, known[0])]
    raise UsageError(
        "No original belongs to what is attacked: a bundle's name comes from its source's bytes."
    )


def _originals(folder: Path) -> list[SourceRecording]:
    if folder.is_file():
        return [SourceRecording(recording_at(folder), "", folder.stem)]
    if not folder.is_dir():
        raise UnreadableInput("The originals are not there; check the path given to --originals.")
    found = [_original(one, folder) for one in recordings_in(folder)]
    if not found:
        raise UnreadableInput(
            "The folder of originals holds no recording; check the path given to --originals."
        )
    return found


def _original(recording: Recording, folder: Path) -> SourceRecording:
    media = recording.media
    if not media:
        return SourceRecording(recording, "", "")
    below = media[0].relative_to(folder).parts
    person = below[0] if recording.layout == "plain" and len(below) > 1 else ""
    return SourceRecording(recording, person, media[0].stem)
