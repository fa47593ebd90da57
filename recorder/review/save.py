"""Make the next version of a bundle: what a reviewer mended is applied, verified and published in the old one's place.

The old bundle is read and never written. The new one is built beside it and takes its place in one step once every
check has passed; whatever fails before, the old one stands.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from recorder.bundle.manifest import Manifest, ReviewEntry
from recorder.bundle.opened import Bundle
from recorder.bundle.publish import Published, publish
from recorder.bundle.verify_files import read_manifest, verify_bundle
from recorder.bundle.writer import MANIFEST, BundleWriter, digest_file, settle_replaced, taken_over
from recorder.review.call_draft import mended_call
from recorder.review.draft import ReviewDraft, Wanted
from recorder.review.file_draft import mended_file
from recorder.review.mends import Mend, counted
from recorder.review.policy_of import policy_of
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from recorder.runtime.terminal import printable
from redaction.errors import UnreadableInput, UsageError
from redaction.policy import Policy
from redaction.stages import Stages

__all__ = ["Looked", "kept_name", "save_review"]

_SUFFIX: Final = ".offrecord"
_WORK: Final = "mending"


@dataclass(frozen=True, slots=True)
class Looked:
    """What a reviewer did besides mending.

    Attributes:
        by: the name that they typed, or nothing.
        seen: seconds of the recording that they played.
        places: in the queue.
        looked_at: of these.
    """

    by: str = ""
    seen: float = 0.0
    places: int = 0
    looked_at: int = 0


def save_review(
    untrusted_bundle: Path,
    wanted: Sequence[Wanted],
    looked: Looked,
    *,
    expected: str = "",
    keep_old: bool = False,
    policy: Policy | None = None,
    stages_of: Callable[[Policy], Stages] = Stages,
    run: Run,
) -> Published:
    """Publish the next version of a bundle in the place of the old one.

    Args:
        untrusted_bundle: a published bundle.
        wanted: what is mended; nothing where somebody only signs.
        looked: who looked at how much.
        expected: sha256 of the manifest that was looked at; empty takes whatever stands there.
        keep_old: the old version stays beside the new one, under a name of its own.
        policy: that it was made under, if it had lists of words.
        stages_of: the models; loaded only when something has to be looked at or heard again.
        run: is told of the progress, and stops it.

    Raises:
        UnreadableInput: there is no bundle, or it holds what this version does not understand.
        UsageError: it changed meanwhile, or a mend does not fit it.
        RedactionIncomplete: the bundle is not whole, or the new one would not pass; the old one stands.
        StorageFailed: the disk refused; the old one stands.
    """
    began = time.monotonic()
    bundle = untrusted_bundle.absolute()
    if not bundle.name.endswith(_SUFFIX) or bundle.is_symlink():
        raise UnreadableInput(
            "There is no bundle at that place; name a folder, not a link, that ends in .offrecord."
        )
    settle_replaced(bundle)
    verify_bundle(bundle)
    manifest = read_manifest(bundle)
    with storage_errors():
        follows = digest_file(bundle / MANIFEST).sha256
    if expected and follows != expected:
        raise UsageError("The bundle changed since it was opened; open it again. Nothing was stored.")
    draft = ReviewDraft(
        bundle=bundle,
        manifest=manifest,
        review=_entry([one.mend for one in wanted], looked, follows=follows, manifest=manifest),
        wanted=tuple(wanted),
        policy=policy_of(manifest, policy, languages=_languages(bundle, manifest)),
    )
    writer = BundleWriter(bundle.parent, bundle.name.removesuffix(_SUFFIX), replace=True)
    work = writer.partial / _WORK
    try:
        with storage_errors():
            work.mkdir(mode=0o700)
        stages = stages_of(draft.policy)
        try:
            make = mended_call if wanted and manifest.participants is not None else mended_file
            log, contents = make(draft, writer, work=work, stages=stages, run=run)
        finally:
            stages.close()
        with storage_errors():
            shutil.rmtree(work)

        def keep() -> None:
            if keep_old:
                _kept(bundle, manifest, follows)

        with closing(log):
            return publish(contents, writer, log, began=began, run=run, before_publishing=keep)
    finally:
        writer.discard()


def kept_name(bundle: Path, follows: str) -> Path:
    """Return where the version with that manifest stays beside its bundle."""
    return bundle.with_name(f"{bundle.name.removesuffix(_SUFFIX)}.before-{follows[:12]}{_SUFFIX}")


def _entry(mends: Sequence[Mend], looked: Looked, *, follows: str, manifest: Manifest) -> ReviewEntry:
    return ReviewEntry(
        by=printable(looked.by).strip()[:80],
        time=datetime.now(UTC).replace(microsecond=0),
        follows=follows,
        seen=round(min(looked.seen, manifest.duration), 1),
        places=looked.places,
        looked_at=min(looked.looked_at, looked.places),
        changed=counted(mends),
    )


def _kept(bundle: Path, manifest: Manifest, follows: str) -> None:
    """Put the old version beside the new one, whole or not at all; its files are the same bytes on the disk."""
    place = kept_name(bundle, follows)
    if (place / MANIFEST).exists():
        return
    beside = place.with_name(place.name + ".partial")
    with storage_errors():
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(mode=0o700)
        for name in (*manifest.files, MANIFEST):
            (beside / name).parent.mkdir(mode=0o700, exist_ok=True)
            taken_over(bundle / name, beside / name)
        beside.rename(place)


def _languages(bundle: Path, manifest: Manifest) -> set[str]:
    transcript = Bundle(bundle, manifest, ()).transcript()
    return {one.language for one in transcript.utterances} if transcript is not None else set()
