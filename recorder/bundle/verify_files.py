"""Read a bundle that somebody hands over, and verify it step by step."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import ValidationError

from recorder.bundle.log import LOG, check_chain
from recorder.bundle.manifest import VOICE_CHECK, BundleState, Manifest
from recorder.bundle.writer import MANIFEST, digest_file
from recorder.runtime.terminal import printable
from redaction.errors import RedactionIncomplete, UnreadableInput
from redaction.model import EventKind

__all__ = ["LARGEST_MANIFEST", "check_contents", "read_manifest", "verify_bundle"]

LARGEST_MANIFEST: Final = 64 << 20
_COURSE: Final = (BundleState.REDACTED, BundleState.VERIFIED, BundleState.PUBLISHED)


def read_manifest(bundle: Path) -> Manifest:
    """Read and validate the manifest.

    Raises:
        UnreadableInput: there is no bundle, or its manifest cannot be understood.
    """
    path = bundle / MANIFEST
    try:
        untrusted = path.lstat()
        if not stat.S_ISREG(untrusted.st_mode):
            raise UnreadableInput("The bundle's manifest is not a plain file.")
        if untrusted.st_size > LARGEST_MANIFEST:
            raise UnreadableInput("The bundle's manifest is far too large to be one.")
        untrusted_text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UnreadableInput(
            "There is no bundle at that place; name a folder that ends in .offrecord."
        ) from None
    try:
        return Manifest.model_validate_json(untrusted_text)
    except ValidationError:
        raise UnreadableInput("The bundle's manifest is not one that this version understands.") from None


def verify_bundle(bundle: Path) -> list[str]:
    """Verify a published bundle.

    Returns:
        What was checked, one sentence a step.

    Raises:
        UnreadableInput: there is no bundle.
        RedactionIncomplete: the first step that failed.
    """
    manifest = read_manifest(bundle)
    done: list[str] = []
    # Step 1: it was published, not left half way, and is kept for as long as its policy says.
    if manifest.state is not BundleState.PUBLISHED or bundle.resolve().name.endswith(".partial"):
        raise RedactionIncomplete("The bundle was never published.")
    if manifest.expires - manifest.created != timedelta(days=manifest.retention_days):
        raise RedactionIncomplete("The bundle expires at another time than its retention says.")
    done.append("It was verified and published, and expires when its retention is over.")
    done += check_contents(bundle, manifest)
    # Step 5: what was checked before publishing had passed, but where the policy says why not.
    people = manifest.participants.people if manifest.participants is not None else ()
    checks = (*manifest.checks, *(check for person in people for check in person.checks))
    failed = sorted({check.name for check in checks if not check.passed})
    excused = {VOICE_CHECK} if manifest.voice.method == "disguise" else set()
    if unexcused := set(failed) - excused:
        raise RedactionIncomplete(f"{len(unexcused)} check(s) had not passed before publishing.")
    done.append(
        f"All {len(manifest.checks)} checks had passed before publishing"
        + (f", but {', '.join(failed)}, since the policy asks for a disguised voice." if failed else ".")
    )
    return done


def check_contents(bundle: Path, manifest: Manifest, *, besides: str = "") -> list[str]:
    """Hold the files of a bundle against its manifest.

    Args:
        bundle: the folder.
        manifest: of it.
        besides: a folder in it that is left out of account.

    Returns:
        What was checked, one sentence a step.

    Raises:
        RedactionIncomplete: the first step that failed.
    """
    done: list[str] = []
    # Step 2: the files are those of the manifest, no more and no fewer.
    present = {
        item.relative_to(bundle).as_posix()
        for item in bundle.rglob("*")
        if (item.is_symlink() or not item.is_dir())
        and item != bundle / MANIFEST
        and not (besides and item.relative_to(bundle).parts[0] == besides)
    }
    if present != set(manifest.files):
        raise RedactionIncomplete(
            f"{len(present ^ set(manifest.files))} file(s) are missing from the bundle or do not belong to it."
        )
    listed = {parent for name in present for parent in PurePosixPath(name).parents}
    for item in bundle.rglob("*"):
        inner = PurePosixPath(item.relative_to(bundle).as_posix())
        if item.is_dir() and not item.is_symlink() and inner not in listed and inner.parts[0] != besides:
            raise RedactionIncomplete("The bundle holds a folder that no file of it is in.")
    done.append(f"All {len(present)} files are there, and no other, nor any empty folder.")
    # Step 3: each has its size and sha256.
    for name, expected in manifest.files.items():
        path = bundle / name
        if not stat.S_ISREG(path.lstat().st_mode) or digest_file(path) != expected:
            raise RedactionIncomplete(f"The file {printable(name)} is not the one that was published.")
    done.append("Every file has its sha256.")
    # Step 4: the log's chain is unbroken and ends where the manifest says.
    if LOG not in present:
        raise RedactionIncomplete("The bundle has no log.")
    if check_chain(bundle / LOG) != (manifest.log_head, manifest.log_lines):
        raise RedactionIncomplete("The log does not end where the manifest says.")
    _check_course(bundle / LOG, manifest.policy_digest)
    done.append(f"The log of {manifest.log_lines} lines is unbroken, of this policy, and in order.")
    return done


def _check_course(log: Path, policy_digest: str) -> None:
    """Hold the log's beginning and its states against what every recording goes through.

    Raises:
        RedactionIncomplete: it began under another policy, or was not redacted, verified and published in that order.
    """
    states: list[object] = []
    first, last = "", ""
    with log.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            record = json.loads(line)
            first, last = first or line, str(record.get("event", ""))
            if last == EventKind.STATE:
                states.append(record.get("state"))
    start = json.loads(first or "{}")
    if start.get("event") != EventKind.STARTED or start.get("sha256") != policy_digest:
        raise RedactionIncomplete("The log does not begin under the policy that the manifest names.")
    if states != [str(state) for state in _COURSE] or last != EventKind.STATE:
        raise RedactionIncomplete(
            "The log does not tell that it was redacted, verified and published, in order."
        )
