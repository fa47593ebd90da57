"""A whole job: plan, adopt, redact, report. What the command line does, for programs too."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from recorder.batch.contract import BatchEngine, DestinationStore, ItemLimits, JobSpec
from recorder.batch.driver import Driver, Watcher, open_log
from recorder.batch.engines.local import LocalEngine, PoolSize, size_up
from recorder.batch.ledger.ledger import BatchLedger, Counts, PlannedItem, RecordState
from recorder.batch.ledger.plan import adopt_finished, job_digest, models_of
from recorder.batch.report import write_batch_report
from recorder.batch.stores.folder_destination import FolderDestination
from recorder.batch.stores.open import open_destination, open_sources
from recorder.batch.stores.remote import is_url
from recorder.runtime.context import Cancellation
from recorder.runtime.storage import storage_errors
from redaction.errors import OffrecordError, UnreadableInput, UsageError
from redaction.model import Event, EventKind
from redaction.policy import Policy

__all__ = ["Finished", "Options", "expire_bundles", "links_to_bundles", "run_job", "size_and_spec"]

_GIB: Final = 1 << 30
_NODE_SHARE_GIB: Final = 2
"""What a worker asks of a cluster's node. Source: README, Figures (1.14 GB at 720p), with room for larger pictures."""


@dataclass(frozen=True, slots=True)
class Options:
    """What an operator may choose.

    Attributes:
        jobs: number of workers; None takes what the machine or the cluster carries.
        threads: of each worker; None shares the cores out.
        memory_gib: that one worker may take; None shares the free memory out.
        patience_s: how long a recording may stand still before it is given up; None for the default.
        limit: do at most so many.
        sample: do so many drawn at random.
        retry: try again what was refused before.
        scratch: folder for UNREDACTED copies of what cannot be streamed.
        address: of the Ray cluster.
    """

    source: str = field(repr=False)
    destination: str = field(repr=False)
    policy: Policy = field(default_factory=Policy, repr=False)
    engine: Literal["local", "ray"] = "local"
    address: str = "local"
    jobs: int | None = None
    threads: int | None = None
    memory_gib: float | None = None
    patience_s: float | None = None
    limit: int | None = None
    sample: int | None = None
    retry: bool = False
    delete_source: bool = False
    scratch: Path | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """What a job came to."""

    planned: PlannedItem
    counts: Counts
    report: Path
    adopted: int
    sources_kept: int


def size_and_spec(options: Options, state: Path, *, at_most: int | None = None) -> tuple[PoolSize, JobSpec]:
    """Divide the machine and say what every worker must know.

    Args:
        options: the operator's choice.
        state: the destination's folder for what is local.
        at_most: number of recordings to do.

    Raises:
        UsageError: the number of workers is out of range, or the scratch folder is none.
    """
    if options.scratch is not None and not options.scratch.is_dir():
        raise UsageError("The scratch folder does not exist; name one that only you may read.")
    if options.engine == "ray":  # what this machine has free says nothing of a cluster's nodes
        size = PoolSize(options.jobs or 1, options.threads or 1, _NODE_SHARE_GIB * _GIB, ())
    else:
        size = size_up(options.jobs, threads=options.threads, at_most=at_most)
    memory = int(options.memory_gib * _GIB) if options.memory_gib else size.memory_bytes
    limits = ItemLimits(memory_bytes=memory)
    if options.patience_s:
        limits = limits.model_copy(update={"stall_s": options.patience_s})
    return size, JobSpec(
        policy=options.policy,
        source=_anywhere(options.source),
        destination=_anywhere(options.destination),
        state=state,
        scratch=options.scratch,
        threads=size.threads,
        limits=limits,
    )


def run_job(
    options: Options,
    *,
    watcher: Watcher,
    cancellation: Cancellation,
    engine: Callable[[JobSpec, PoolSize], BatchEngine] | None = None,
) -> Finished:
    """Redact what the source holds and is not published yet.

    Args:
        options: the operator's choice.
        watcher: is told what happens.
        cancellation: asks to stop.
        engine: makes another engine than the options name.

    Raises:
        UnreadableInput: the source cannot be listed, or holds nothing.
        ModelUnavailable: a model is missing or altered.
        StorageFailed: the destination or its store cannot be written.
        UsageError: an option is wrong, or another batch with another policy is running here.
    """
    models = models_of(options.policy)
    destination = open_destination(options.destination)
    sources = open_sources(options.source)
    key = destination.key()
    size_and_spec(options, destination.state)  # a wrong option is told before anything is planned
    with BatchLedger(destination.state, create=True) as store:
        store.begin(job_digest(options.policy, models, key=key))
        try:
            destination.sweep(busy=store.busy())
            planned = store.plan(
                sources.list(), key=key, spec=options.source, present=destination.names(), retry=options.retry
            )
            if not planned.listed:
                raise UnreadableInput(
                    "The source holds no recording; name a folder, a pattern or a list of them."
                )
            adopted = adopt_finished(store, destination, policy=options.policy, models=models)
            if options.sample or options.limit:
                store.choose(options.sample or options.limit or 0, at_random=bool(options.sample))
            driver = Driver(
                store,
                sources=sources,
                destination=destination,
                watcher=watcher,
                cancellation=cancellation,
                delete_source=options.delete_source,
            )
            size, spec = size_and_spec(options, destination.state, at_most=store.counts(mine=True).left)
            made = _engine(options, spec, size, engine)
            watcher.planned(planned, made.slots)
            counts = driver.run(made)
        finally:
            store.end()
        report = write_batch_report(store, destination.state, links=links_to_bundles(destination))
    return Finished(planned, counts, report, len(adopted), driver.kept_sources)


def _anywhere(text: str) -> str:
    """Return a place as a worker finds it that does not run in this process's folder."""
    if not text.strip():
        raise UsageError("A place is empty; name the source and the destination.")
    return text if is_url(text) else str(Path(text).absolute())


def _engine(
    options: Options,
    spec: JobSpec,
    size: PoolSize,
    given: Callable[[JobSpec, PoolSize], BatchEngine] | None,
) -> BatchEngine:
    if given is not None:
        return given(spec, size)
    if options.engine == "ray":
        from recorder.batch.engines.ray import Placement, RayEngine  # takes seconds to import

        placement = Placement(cpus=spec.threads, memory_bytes=spec.limits.memory_bytes)
        return RayEngine(spec, placement, address=options.address, jobs=options.jobs)
    return LocalEngine(spec, size)


def links_to_bundles(destination: DestinationStore) -> str:
    """Return what leads from the report to the bundles; empty when they are elsewhere."""
    return "../" if isinstance(destination, FolderDestination) else ""


def expire_bundles(destination_text: str, *, dry_run: bool) -> tuple[list[str], list[str]]:
    """Delete the bundles whose time has come, and log it.

    Returns:
        Names of the deleted bundles, or of those that would be, and of bundles whose manifest cannot be read.

    Raises:
        StorageFailed: the destination cannot be written.
    """
    destination = open_destination(destination_text)
    now = datetime.now(UTC)
    over: list[str] = []
    unread: list[str] = []
    for name in sorted(destination.names()):
        try:
            if destination.manifest(name).expires <= now:
                over.append(name)
        except OffrecordError:
            unread.append(name)
    if over and not dry_run:
        _delete_bundles(destination, over)
    return over, unread


def _delete_bundles(destination: DestinationStore, names: list[str]) -> None:
    with storage_errors():
        destination.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        store: BatchLedger | None = BatchLedger(destination.state, create=False)
    except UsageError:
        store = None  # bundles that no batch made
    try:
        with closing(open_log(destination.state, "expire")) as log:
            for name in names:
                destination.delete(name)
                log.append(
                    Event(
                        EventKind.DELETED, detail={"kind": "bundle", "name": name, "reason": "retention over"}
                    )
                )
                if store is not None:
                    store.mark(name.removeprefix("recording-"), state=RecordState.EXPIRED)
        if store is not None:
            write_batch_report(store, destination.state, links=links_to_bundles(destination))
    finally:
        if store is not None:
            store.close()
