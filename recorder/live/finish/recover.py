"""Finish a call whose recording process died, by the same code that finishes every call."""

from __future__ import annotations

from pathlib import Path

from recorder.bundle.publish import Published, publish_sealed
from recorder.bundle.writer import BundleWriter
from recorder.live.finish.finish import finish
from recorder.live.store.load import recorded_policy
from recorder.runtime.context import Run
from redaction.errors import UsageError
from redaction.policy import Policy
from redaction.stages import Stages

__all__ = ["recover_call"]


def recover_call(
    untrusted_partial: Path,
    *,
    policy: Policy | None = None,
    run: Run,
) -> Published:
    """Finish a call's partial bundle to a verified one; safe to run again if it is killed.

    Args:
        untrusted_partial: the folder `NAME.offrecord.partial`.
        policy: the one that the call was recorded under, with its lists of words; by default the one that the folder
            holds, which has none.
        run: is told of the progress, and stops the work when somebody asks.

    Raises:
        UnreadableInput: there is no unfinished call, or its folder holds what no recording process writes.
        UsageError: the policy is another, or a bundle of that name exists.
        StorageFailed: the recording process is alive, or the disk refused.
        RedactionIncomplete: something personal would be left; the folder stays.
        ConsentRefused: nothing is stored of anybody; the folder is removed.
    """
    writer = BundleWriter.adopt(untrusted_partial)
    try:
        sealed = publish_sealed(writer)
        if sealed is not None:
            return sealed
        recorded = recorded_policy(writer.partial)
        if policy is not None and policy.digest != recorded.digest:
            raise UsageError("The call was recorded under another policy than the one given.")
        stages = Stages(policy or recorded)
        try:
            return finish(writer, stages=stages, run=run)
        finally:
            stages.close()
    finally:
        writer.discard()
