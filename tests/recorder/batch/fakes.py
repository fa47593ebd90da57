"""Stands in for the parts of a batch: recordings that are only names, an engine without workers, a watcher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recorder.batch.contract import BatchEvent, ItemLimits, JobSpec, Outcome, OutcomeState, Step, WorkItem
from recorder.batch.ledger.ledger import Counts, PlannedItem, Record
from recorder.bundle.log import ChainedLog
from recorder.bundle.manifest import BundleState, Coverage, Manifest, Models, VoiceEntry
from recorder.bundle.writer import BundleWriter
from redaction.errors import ExitCode, InternalError
from redaction.policy import Policy
from tests.recorder.bundle.test_writer import log_course

__all__ = ["FakeEngine", "FakeWatcher", "item_named", "job_in", "outcome", "write_bundle"]


def item_named(name: str, number: int = 0) -> WorkItem:
    """Return an item whose source is that name and nothing else."""
    return WorkItem(id=f"{number:016x}", source=f"/nowhere/{name}", size=1, version="1")


def job_in(folder: Path, **limits: float) -> JobSpec:
    """Return a job whose bounds are as given."""
    memory = int(limits.pop("memory_bytes", 1 << 30))
    return JobSpec(
        policy=Policy(),
        source=str(folder / "in"),
        destination=str(folder / "out"),
        state=folder,
        limits=ItemLimits.model_validate({"memory_bytes": memory, **limits}),
    )


def outcome(
    item: WorkItem, state: OutcomeState = OutcomeState.PUBLISHED, *, status: int | None = None
) -> Outcome:
    """Return how a try of an item ended."""
    good = state is OutcomeState.PUBLISHED
    return Outcome(
        item=item.id,
        state=state,
        status=status if status is not None else 0 if good else int(ExitCode.INTERNAL),
        reason="" if good else f"It was {state}.",
        seconds=2.0,
        media_seconds=10.0 if good else 0.0,
        bundle=f"{item.name}.offrecord" if good else "",
        worker="w1",
    )


def write_bundle(
    folder: Path,
    name: str,
    *,
    policy: Policy | None = None,
    days: float = 1,
    models: dict[str, str] | None = None,
) -> Path:
    """Publish a bundle that holds nothing but its log."""
    policy = policy or Policy()
    writer = BundleWriter(folder, name, replace=True)
    log = ChainedLog(writer.path("log.jsonl"))
    log_course(log, digest=policy.digest)
    now = datetime.now(UTC) + timedelta(days=days - 1)
    manifest = Manifest(
        state=BundleState.PUBLISHED,
        version="0",
        created=now,
        expires=now + timedelta(days=1),
        purpose="test",
        retention_days=1,
        policy_digest=policy.digest,
        policy={},
        models=tuple(Models(name=key, sha256=value) for key, value in (models or {}).items()),
        duration=10.0,
        tracks=(),
        gaps=(),
        coverage=Coverage(),
        redacted={},
        voice=VoiceEntry(method="none"),
        checks=(),
        files=writer.file_entries(),
        log_lines=log.count,
        log_head=log.head,
    )
    return writer.publish(manifest)


class FakeEngine:
    """An engine whose answer to each item is a function's; `submitted` holds every try in order."""

    def __init__(
        self, answer: Callable[[WorkItem, int], Outcome], *, slots: int = 2, begins: bool = True
    ) -> None:
        self._answer = answer
        self._begins = begins
        self._slots = slots
        self._ready: list[Outcome] = []
        self.submitted: list[WorkItem] = []
        self.closed = False

    @property
    def slots(self) -> int:
        """Items at once."""
        return self._slots

    def submit(self, item: WorkItem) -> None:
        """Answer at once, to be polled."""
        if len(self._ready) >= self._slots:
            raise InternalError("full")
        self.submitted.append(item)
        tries = sum(other.id == item.id for other in self.submitted)
        self._ready.append(self._answer(item, tries))

    def poll(self, timeout_s: float) -> Sequence[BatchEvent]:
        """Give one answer, after a step unless workers end before they begin."""
        if not self._ready:
            return []
        answer = self._ready.pop(0)
        step = Step(item=answer.item, worker=answer.worker, stage="opening")
        return [step, answer] if self._begins else [answer]

    def close(self, *, now: bool) -> None:
        """Remember."""
        self.closed = True


class FakeWatcher:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.plans: list[PlannedItem] = []
        self.steps: list[Step] = []
        self.ends: list[tuple[Record, Outcome]] = []
        self.counts: list[Counts] = []
        self.waited = 0

    def planned(self, planned: PlannedItem, slots: int) -> None:
        """Remember."""
        self.plans.append(planned)

    def step(self, step: Step) -> None:
        """Remember."""
        self.steps.append(step)

    def ended(self, record: Record, outcome: Outcome) -> None:
        """Remember."""
        self.ends.append((record, outcome))

    def counted(self, counts: Counts) -> None:
        """Remember."""
        self.counts.append(counts)

    def waiting(self, count: int) -> None:
        """Count."""
        self.waited += 1
