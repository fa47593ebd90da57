"""Read a bundle that somebody hands over, and verify it step by step."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from recorder.bundle.log import LOG, check_chain
from recorder.bundle.manifest import BundleState, Manifest
from recorder.bundle.writer import MANIFEST, digest_file
from recorder.runtime.terminal import printable
from redaction.errors import RedactionIncomplete, UnreadableInput

__all__ = ["LARGEST_MANIFEST", "check_contents", "read_manifest", "verify_bundle"]

LARGEST_MANIFEST: Final = 64 << 20


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
    # Step 1: it was published, not left half way.
    if manifest.state is not BundleState.PUBLISHED or bundle.resolve().name.endswith(".partial"):
        raise RedactionIncomplete("The bundle was never published.")
    done.append("It was verified and published.")
    done += check_contents(bundle, manifest)
    # Step 5: what was checked before publishing had passed.
    failed = [check.name for check in manifest.checks if not check.passed]
    done.append(
        f"{len(manifest.checks) - len(failed)} of {len(manifest.checks)} checks had passed before publishing"
        + (f"; not passed: {', '.join(failed)}." if failed else ".")
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
    done.append(f"All {len(present)} files are there, and no other.")
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
    done.append(f"The log of {manifest.log_lines} lines is unbroken.")
    return done
