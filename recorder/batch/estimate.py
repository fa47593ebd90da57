"""What a job would do and how long it may take: the plan without writing it, and a short calibration."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recorder.batch.contract import JobSpec, Outcome, OutcomeState, WorkItem
from recorder.batch.engines.local import PoolSize
from recorder.batch.engines.supervisor import Supervisor
from recorder.batch.job import Options, size_and_spec
from recorder.batch.ledger.ledger import BatchLedger, PlannedItem
from recorder.batch.ledger.plan import job_digest, models_of
from recorder.batch.stores.folder_destination import FolderDestination
from recorder.batch.stores.open import open_destination, open_sources

__all__ = ["Estimate", "estimate"]

_TRIED: Final = 3
_BUDGET_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What would be done.

    Attributes:
        tried: recordings redacted to calibrate, of which nothing was kept.
        seconds: the whole job may take; None when no recording could be tried.
        media_seconds: of what is to be done, by the size of what was tried.
    """

    planned: PlannedItem
    size: PoolSize
    tried: int
    seconds: float | None
    media_seconds: float | None

    def row(self) -> dict[str, int | float | None]:
        """Return it for programs."""
        return {
            "listed": self.planned.listed,
            "new": self.planned.new,
            "changed": self.planned.changed,
            "kept": self.planned.kept,
            "refused_before": self.planned.refused,
            "to_do": self.planned.to_do,
            "bytes_to_do": self.planned.bytes_to_do,
            "workers": self.size.jobs,
            "threads": self.size.threads,
            "tried": self.tried,
            "seconds": None if self.seconds is None else round(self.seconds, 1),
            "media_seconds": None if self.media_seconds is None else round(self.media_seconds, 1),
        }

    def lines(self) -> list[str]:
        """Return it for people."""
        planned = self.planned
        lines = [
            f"{planned.listed:,} recordings found: {planned.to_do:,} to do ({planned.bytes_to_do / 2**30:.2f} GiB), "
            f"{planned.kept:,} published before, {planned.refused:,} refused before.",
            f"{self.size.jobs} worker(s) of {self.size.threads} core(s), "
            f"{self.size.memory_bytes / 2**30:.1f} GiB of memory each.",
        ]
        if self.seconds is not None and self.media_seconds is not None:
            lines.append(
                f"About {self.seconds / 3600:.2f} hours for about {self.media_seconds / 3600:.2f} media hours, "
                f"judged by {self.tried} recording(s) drawn at random; a handful cannot tell what all are like."
            )
        elif planned.to_do:
            lines.append("How long it takes cannot be told: no recording that was tried could be redacted.")
        return [*lines, "Nothing was published."]


def estimate(options: Options) -> Estimate:
    """Plan without writing the plan, redact a few recordings into nowhere, and judge from them.

    Raises:
        UnreadableInput: the source cannot be listed.
        ModelUnavailable: a model is missing or altered.
        UsageError: an option is wrong.
    """
    destination = open_destination(options.destination)
    fresh = isinstance(destination, FolderDestination) and not destination.state.exists()
    key = secrets.token_bytes(32) if fresh else destination.key()
    with BatchLedger.in_memory(destination.state) as store:
        store.begin(job_digest(options.policy, models_of(options.policy), key=key))
        planned = store.plan(
            open_sources(options.source).list(),
            key=key,
            spec=options.source,
            present=destination.names(),
            retry=options.retry,
        )
        store.choose(_TRIED, at_random=True)
        items = [item for _ in range(_TRIED) if (item := store.claim()) is not None]
    size, spec = size_and_spec(options, destination.state, at_most=planned.to_do)
    nowhere = Path(tempfile.mkdtemp(prefix="offrecord-"))
    try:
        outcomes = _try(items, spec.model_copy(update={"destination": str(nowhere), "state": nowhere}), size)
    finally:
        shutil.rmtree(nowhere, ignore_errors=True)
    return _judge(planned, size, [(item, outcome) for item, outcome in outcomes if outcome.media_seconds])


def _try(items: list[WorkItem], spec: JobSpec, size: PoolSize) -> list[tuple[WorkItem, Outcome]]:
    """Redact items one after another, the smallest first, for it also loads the models; stop when time is up."""
    supervisor = Supervisor(spec, name="w1", emit=lambda _: None, cores=size.cores[0] if size.cores else ())
    timer = threading.Timer(_BUDGET_S, supervisor.stop)
    timer.daemon = True
    timer.start()
    try:
        items = sorted(items, key=lambda item: item.size)
        outcomes = [(item, supervisor.run(item)) for item in items]
    finally:
        timer.cancel()
        supervisor.close()
    return [(item, outcome) for item, outcome in outcomes if outcome.state is OutcomeState.PUBLISHED]


def _judge(planned: PlannedItem, size: PoolSize, tried: list[tuple[WorkItem, Outcome]]) -> Estimate:
    timed = tried[1:] or tried
    if not timed:
        return Estimate(planned, size, 0, None, None)
    weight = sum(item.size for item, _ in timed)
    seconds = sum(outcome.seconds for _, outcome in timed) / weight * planned.bytes_to_do
    media = sum(outcome.media_seconds for _, outcome in timed) / weight * planned.bytes_to_do
    workers = max(1, min(size.jobs, planned.to_do))
    return Estimate(planned, size, len(tried), seconds / workers, media)
