"""A published bundle as a program reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from recorder.bundle.chat import CHAT, Chat
from recorder.bundle.contents import RECORDING
from recorder.bundle.log import LOG, LoggedEvent, read_log
from recorder.bundle.manifest import Manifest
from recorder.bundle.transcript import TranscriptFile
from recorder.bundle.verify_files import read_manifest, verify_bundle
from redaction.errors import UnreadableInput

__all__ = ["Bundle", "open_bundle"]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle holds; its files are read when they are asked for.

    Attributes:
        path: the folder.
        checked: what was checked when it was opened, a sentence a step.
    """

    path: Path
    manifest: Manifest
    checked: tuple[str, ...]

    @property
    def recording(self) -> Path | None:
        """What a person watches; None in the bundle of a call that nobody is left in."""
        return self.path / RECORDING if RECORDING in self.manifest.files else None

    @property
    def tracks(self) -> dict[str, Path]:
        """The files of single tracks by their id, such as `P01-camera`."""
        return {
            track.id: self.path / track.file
            for track in self.manifest.tracks
            if track.file and track.file in self.manifest.files
        }

    def transcript(self) -> TranscriptFile | None:
        """Return the redacted words; None where nothing was said.

        Raises:
            UnreadableInput: this version does not understand it.
        """
        name = "transcript.json"
        if name not in self.manifest.files:
            return None
        try:
            return TranscriptFile.model_validate_json((self.path / name).read_bytes())
        except (OSError, ValidationError):
            raise UnreadableInput("The bundle's transcript cannot be understood.") from None

    def chat(self) -> Chat | None:
        """Return the redacted chat; None where there was none.

        Raises:
            UnreadableInput: this version does not understand it.
        """
        if CHAT not in self.manifest.files:
            return None
        try:
            return Chat.model_validate_json((self.path / CHAT).read_bytes())
        except (OSError, ValidationError):
            raise UnreadableInput("The bundle's chat cannot be understood.") from None

    def log(self) -> list[LoggedEvent]:
        """Return what was decided, covered and missed, in order.

        Raises:
            UnreadableInput: this version does not understand it.
        """
        try:
            return read_log(self.path / LOG)
        except (OSError, ValueError, KeyError, TypeError):
            raise UnreadableInput("The bundle's log cannot be understood.") from None


def open_bundle(untrusted_bundle: Path | str) -> Bundle:
    """Verify a published bundle, and open it.

    Raises:
        UnreadableInput: there is no bundle, or not one that this version understands.
        RedactionIncomplete: it is not whole, or was never published.
    """
    path = Path(untrusted_bundle)
    steps = verify_bundle(path)
    return Bundle(path, read_manifest(path), tuple(steps))
