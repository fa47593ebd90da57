"""Erase a participant from a published bundle: everything of them goes, the others are numbered anew.

What is left says that somebody was erased, and binds the old manifest by its sha256, but not who it was: no count of
files or bytes, no gap in the numbers, no time of theirs. It begins and ends with those who are left. Whoever holds the
old manifest can see that this bundle follows from it; whoever holds the new one alone cannot tell what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from recorder.bundle.call_contents import CallContents, ParticipantContents, label
from recorder.bundle.compose_call import compose_call
from recorder.bundle.contents import TRACKS
from recorder.bundle.log import ChainedLog
from recorder.bundle.publish import Published, publish
from recorder.bundle.read_contents import participants_of, read_contents
from recorder.bundle.verify_files import read_manifest, verify_bundle
from recorder.bundle.window import cut_to_stored
from recorder.bundle.writer import MANIFEST, BundleWriter, digest_file, settle_replaced, taken_over
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from redaction.errors import UnreadableInput, UsageError
from redaction.model import Event, EventKind
from redaction.policy import OutputSection

__all__ = ["erase_participant", "tracks_taken_over", "without_participant"]

_SUFFIX = ".offrecord"


def erase_participant(
    untrusted_bundle: Path,
    *,
    participant: str = "",
    receipt: str = "",
    output: OutputSection | None = None,
    run: Run,
) -> Published:
    """Rebuild a bundle without one participant and put it in the place of the old one.

    Args:
        untrusted_bundle: a published bundle of a call.
        participant: `P01`, `P02` ... as in its manifest; or
        receipt: the id of their receipt.
        output: how to encode the recording that is composed anew.
        run: is told of the progress, and stops the work when somebody asks.

    Raises:
        UnreadableInput: there is no bundle.
        UsageError: it is not a call's, or there is no such participant.
        RedactionIncomplete: the bundle is not whole.
        StorageFailed: the disk refused; the old bundle stands.
    """
    began = time.monotonic()
    bundle = untrusted_bundle.absolute()
    if not bundle.name.endswith(_SUFFIX) or bundle.is_symlink():
        raise UnreadableInput(
            "There is no bundle at that place; name a folder, not a link, that ends in .offrecord."
        )
    if settle_replaced(bundle):
        raise UsageError(
            "An earlier erasure had been carried out but not tidied up, which is done now. Participants have other "
            "numbers since: look with `offrecord show`, and run this again if somebody else is to be erased."
        )
    manifest = read_manifest(bundle)
    participants_of(manifest)
    verify_bundle(bundle)
    parts = read_contents(bundle, manifest)
    gone = _chosen(parts, participant, receipt)
    writer = BundleWriter(bundle.parent, bundle.name.removesuffix(_SUFFIX), replace=True)
    try:
        with storage_errors():
            proof = Event(
                EventKind.ERASED,
                detail={"reason": "after publishing", "sha256": digest_file(bundle / MANIFEST).sha256},
            )
        left = without_participant(parts, gone)
        begun, left = left.call_events, replace(left, call_events=(proof,))
        left = replace(left, people=tracks_taken_over(left.people, writer))
        log = ChainedLog(writer.path("log.jsonl"))
        with closing(log):
            log.extend(begun)
            left = cut_to_stored(left, output=output or OutputSection(), run=run)
            contents = compose_call(left, writer, output=output or OutputSection(), run=run)
            return publish(contents, writer, log, began=began, run=run)
    finally:
        writer.discard()


def _chosen(parts: CallContents, participant: str, receipt: str) -> int:
    """Return the place of whoever is meant.

    Raises:
        UsageError: nobody is, or it is not said.
    """
    if bool(participant) == bool(receipt):
        raise UsageError("Say who is to be erased, either by --participant or by --receipt.")
    for number, person in enumerate(parts.people, start=1):
        if participant == label(number) or (receipt and receipt == person.receipt):
            return number - 1
    raise UsageError(
        "There is no such participant in the bundle; `offrecord show` lists them."
        if participant
        else "No participant in the bundle has that receipt: nothing of theirs is stored here."
    )


def without_participant(parts: CallContents, gone: int) -> CallContents:
    """Return the parts of a call without the participant at a place among them."""
    people = (*parts.people[:gone], *parts.people[gone + 1 :])
    staying = {person.receipt for person in people}
    return replace(
        parts,
        people=people,
        not_recorded=None if parts.not_recorded is None else parts.not_recorded + 1,
        receipts=tuple(item for item in parts.receipts if item.receipt_id in staying),
        call_events=tuple(event for event in parts.call_events if event.kind is not EventKind.ERASED),
    )


def tracks_taken_over(
    people: Sequence[ParticipantContents], writer: BundleWriter
) -> tuple[ParticipantContents, ...]:
    """Give the tracks that stay their new numbers in the new bundle."""
    taken: list[ParticipantContents] = []
    for number, person in enumerate(people, start=1):
        tracks = []
        for track in person.tracks:
            target = writer.path(f"{TRACKS}/{label(number).lower()}-{track.kind}{track.path.suffix}")
            with storage_errors():
                taken_over(track.path, target)
            tracks.append(replace(track, path=target))
        taken.append(replace(person, tracks=tuple(tracks)))
    return tuple(taken)
