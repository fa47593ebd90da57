"""A recording from its path to its bundle, as `offrecord redact` does it: the library's way in."""

from __future__ import annotations

from pathlib import Path

from recorder.bundle.publish import Published
from recorder.bundle.verify_files import read_manifest
from recorder.bundle.writer import BundleWriter
from recorder.offline.session import redact_file
from recorder.runtime.context import Run
from recorder.sources.discover import recording_at, recordings_in
from recorder.sources.recording import Recording, bundle_name, refuse_unknown
from redaction.errors import OffrecordError, UsageError
from redaction.policy import Policy
from redaction.stages import Stages

__all__ = ["redact_recording", "refuse_other"]


def redact_recording(
    source: Path | str,
    folder: Path | str,
    *,
    policy: Policy | None = None,
    stages: Stages | None = None,
    name: str | None = None,
    replace: bool = False,
    run: Run | None = None,
) -> Published:
    """Redact one recorded call into a bundle: verified and published, or an error and nothing.

    Args:
        source: a recording; the folder of one that Zoom, Jitsi or BigBlueButton left is one recording too.
        folder: where the bundle will stand.
        policy: what to redact, and how; by default `Policy()`.
        stages: the models, to be shared by several recordings; they bring their own policy.
        name: of the bundle, without its suffix and without personal data; by default from the recording's content.
        replace: replace a bundle of that name, if it is one of a recorded file.
        run: whom to tell how far it is, and how to stop it.

    Raises:
        UsageError: the arguments contradict each other, or a bundle of that name exists.
        UnreadableInput: the recording cannot be read.
        RedactionIncomplete: something personal would be left.
        OffrecordError: with the exit status of another cause. In every case nothing was published.
    """
    recording = _only(Path(source))
    if stages is not None and policy is not None and policy.digest != stages.policy.digest:
        raise UsageError("The models were loaded under another policy than the one given.")
    used = stages or Stages(policy or Policy())
    try:
        opened = recording.open()
        refuse_unknown(opened.source)
        named = name or bundle_name(*recording.read)
        if replace:
            refuse_other(Path(folder) / f"{named}.offrecord")
        writer = BundleWriter(Path(folder), named, replace=replace)
        return redact_file(opened.source, writer, stages=used, run=run or Run(), beside=opened.beside)
    finally:
        if stages is None:
            used.close()


def _only(path: Path) -> Recording:
    if not path.is_dir():
        return recording_at(path)
    found = recordings_in(path)
    if len(found) != 1:
        raise UsageError(f"The folder holds {len(found)} recordings; name one of them.")
    return found[0]


def refuse_other(place: Path) -> None:
    """Let nothing but a bundle of a recorded file be replaced; of which one its name says, see `bundle_name`.

    Nor is one that a reviewer mended: another run from the source would lose what they covered, muted and masked.

    Raises:
        UsageError: something else stands there.
    """
    if not place.exists() or place.is_symlink():
        return
    try:
        manifest = read_manifest(place)
        of_a_file = manifest.participants is None
    except OffrecordError:
        of_a_file = False
    else:
        if any(entry.changed for entry in manifest.review):
            raise UsageError(
                "A reviewer mended the bundle in that place, and another run would lose it; move it away first."
            )
    if not of_a_file:
        raise UsageError(
            "What stands in the bundle's place is no bundle of a recorded file; move it away first."
        )
