"""What the parts of a batch agree on: the work, its outcome, and the three seams (engine, sources, destination).

    ledger/plan.py  ->  driver.py  ->  engines/{local,ray}.py  ->  engines/supervisor.py  ->  worker process

The driver hands an engine one item for each free slot and takes back steps and outcomes. Whatever the engine, an item
is redacted in a worker *process* of its own (`python -m recorder.batch.engines.worker`), held in bounds of time
and memory by

    supervisor.Supervisor(job, name="w1", emit=..., module="recorder.batch.engines.worker")
        .run(item) -> Outcome   blocks; never raises for what a recording does; starts or replaces the process
        .stop()                 from another thread: the item under way ends as STOPPED
        .close()                ends the process

A thread of the local engine owns one, or an actor of Ray. So a poisoned recording never kills an engine, and what
hardens a worker holds on every machine. The worker calls `storage.open_sources(job.source)`,
`storage.open_destination(job.destination)` and then `worker.redact_item(item, job, ...)` for each item.

Models of pydantic, since all of it crosses a pipe or a network as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Annotated, BinaryIO, Final, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field

from recorder.bundle.manifest import Manifest
from recorder.sources.recording import Recording
from redaction.errors import ExitCode
from redaction.policy import Policy

__all__ = [
    "STATE_FOLDER",
    "BatchEngine",
    "BatchEvent",
    "DestinationStore",
    "Found",
    "Hello",
    "ItemLimits",
    "JobSpec",
    "Outcome",
    "OutcomeState",
    "SourceOpener",
    "SourceStore",
    "Step",
    "WorkItem",
]

STATE_FOLDER: Final = ".offrecord-batch"
"""Name of the folder beside the bundles that holds the store, the log, the report and the destination's key."""

_Id = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Found(_Message):
    """One recording as a listing shows it.

    Attributes:
        source: its URL, or the absolute path of a local file or of the local folder that is one recording; personal,
            so it is in no `repr`, log, table or report.
        size: bytes of all its files.
        version: what changes when the content does: modification time in nanoseconds, or the ETag; of several files
            a digest of their names, sizes and times.
    """

    source: str = Field(repr=False)
    size: int = Field(ge=0)
    version: str = Field(repr=False)


class WorkItem(Found):
    """One recording to redact.

    Attributes:
        id: HMAC of (source, size, version) under the destination's key, so that no name can be guessed from it.
    """

    id: _Id

    @property
    def name(self) -> str:
        """Name of the bundle, without its suffix."""
        return f"recording-{self.id}"


class ItemLimits(_Message):
    """Bounds of one recording; past them its worker is killed.

    Attributes:
        memory_bytes: resident memory of the worker.
        opening_s: until the recording's length is known, and a second more for each MiB of it.
        stall_s: without any stage moving, once the length is known.
        least_s: always allowed.
        seconds_per_media_second: allowed beyond that; a core redacts 720p several times faster.
    """

    memory_bytes: int = Field(gt=0)
    opening_s: float = Field(default=180, gt=0)
    stall_s: float = Field(default=600, gt=0)
    least_s: float = Field(default=900, gt=0)
    seconds_per_media_second: float = Field(default=60, gt=0)


class JobSpec(_Message):
    """What every worker of a job must know. Secrets of stores come from the environment, never from here.

    Attributes:
        policy: in full, roster included; hence in no `repr`.
        destination: URL or absolute path of the folder that receives bundles.
        source: URL or path that the user named, which tells a worker which `SourceStore` to open.
        state: local folder for what a worker must build on a disk; holds redacted data only.
        scratch: local folder for unredacted copies of what cannot be streamed; None forbids them.
        threads: of each worker's detectors, decoders and encoders.
    """

    policy: Policy = Field(repr=False)
    source: str = Field(repr=False)
    destination: str = Field(repr=False)
    state: Path = Field(repr=False)
    scratch: Path | None = Field(default=None, repr=False)
    threads: int = Field(default=1, ge=1, le=64)
    limits: ItemLimits


class Hello(_Message):
    """The first line that a worker process reads.

    Attributes:
        name: of the worker, in steps and outcomes.
        supervisor: process id of its supervisor, with which it must end.
        cores: that it may run on; empty for all.
    """

    job: JobSpec
    name: str
    supervisor: int
    cores: tuple[int, ...] = ()


class Step(_Message):
    """An item moved on: what a progress display shows, and what tells a busy worker from a hung one.

    Attributes:
        stage: the session's name of a stage, or `opening` and `publishing`.
        reached: seconds of media done in this stage.
        total: seconds of media of this stage, 0 when unknown.
        media_seconds: length of the recording, 0 until it is known.
    """

    type: Literal["step"] = "step"
    item: _Id
    worker: str
    stage: str
    reached: float = 0.0
    total: float = 0.0
    media_seconds: float = 0.0


class OutcomeState(StrEnum):
    """How one try ended."""

    PUBLISHED = "published"
    """Verified, and under its final name."""
    REFUSED = "refused"
    """The session said no, with a reason and an exit status; nothing was published."""
    LOST = "lost"
    """The worker died, hung, or took too much time or memory; nothing is known, so it may be tried once more."""
    STOPPED = "stopped"
    """The operator stopped the job."""


class Outcome(_Message):
    """How one try of one item ended. No field may hold a source's name or anything that was said or shown.

    Attributes:
        status: exit status that the same recording would have given `offrecord redact`.
        reason: one sentence for people.
        seconds: wall time of the try.
        media_seconds: length of the recording.
        bundle: where it was published; relative to the destination.
        worker: which one, as in `Step`.
        figures: counts for the report: faces, minors, gaps, mended ...
        attention: what a person should look at first, worst first.
    """

    type: Literal["outcome"] = "outcome"
    item: _Id
    state: OutcomeState
    status: int = int(ExitCode.OK)
    reason: str = ""
    seconds: float = 0.0
    media_seconds: float = 0.0
    bundle: str = ""
    worker: str = ""
    figures: dict[str, float] = Field(default_factory=dict)
    attention: tuple[str, ...] = ()


BatchEvent = Step | Outcome


class BatchEngine(Protocol):
    """Runs items on workers. It never decides to try again: that is the driver's.

    Every submitted item gives exactly one `Outcome`, whatever becomes of its worker: a worker or a node that is lost
    gives `LOST`, and the engine replaces it before the next item. Nothing is queued beyond the slots.
    """

    @property
    def slots(self) -> int:
        """Number of items that may be under way at once; may change while a cluster grows or shrinks."""

    def submit(self, item: WorkItem) -> None:
        """Begin an item; never blocks for long.

        Raises:
            InternalError: every slot is taken.
        """

    def poll(self, timeout_s: float) -> Sequence[BatchEvent]:
        """Return what has happened, waiting at most that long for the first of it; empty when nothing did.

        Steps may be dropped or merged when there are many; outcomes never.
        """

    def close(self, *, now: bool) -> None:
        """End the workers; with `now` they are asked to stop what they do and remove what is half done.

        Safe to call twice. Items under way may or may not still give an outcome through `poll`.
        """


class SourceOpener(Protocol):
    """A recording that can be opened again and again: every track is read by a handle of its own.

    `recorder.media.file.FileSource` takes one in place of a path.
    """

    @property
    def recording(self) -> Recording | None:
        """Its files, with what lies beside them, where they are on this machine; then nothing is streamed."""

    @property
    def size(self) -> int:
        """Bytes."""

    def open(self) -> BinaryIO:
        """Return a new seekable handle of its media with bounded buffers, independent of the others.

        Raises:
            UnreadableInput: it is gone, or may not be read.
        """

    def close(self) -> None:
        """Give up what the opener holds, such as an unredacted copy in the scratch folder."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class SourceStore(Protocol):
    """Where recordings come from: `recorder.batch.stores.open.open_sources(text)` picks one by the URL's scheme.

    Plain folders, globs and lists of local files are `recorder.batch.stores.folder_source.FolderSources`.
    """

    def list(self) -> Iterator[Found]:
        """Yield the recordings, each once, in bounded memory.

        What lies in a bundle or a hidden folder is no recording. The order does not matter.

        Raises:
            UnreadableInput: there is no such place, or it may not be read.
        """

    def open(self, item: Found, *, scratch: Path | None) -> SourceOpener:
        """Open one recording, streamed unless `scratch` allows a copy.

        Raises:
            UnreadableInput: it is gone, may not be read, or is no longer the version that was listed.
        """

    def check_unchanged(self, item: Found) -> None:
        """Look again, after the last byte was read and before anything is published or deleted.

        Raises:
            UnreadableInput: it is no longer the version that was listed.
        """

    def delete(self, item: Found) -> None:
        """Delete one recording for good, if it is still the version that was listed.

        Raises:
            UnreadableInput: it is no longer that version.
            StorageFailed: it cannot be deleted.
        """


class DestinationStore(Protocol):
    """Where bundles go: `recorder.batch.stores.open.open_destination(text)` picks one by the URL's scheme.

    Plain folders are `recorder.batch.stores.folder_destination.FolderDestination`. Names are without the suffix
    `.offrecord`.
    """

    @property
    def state(self) -> Path:
        """Local folder of the store, log and report, mode 0700: `DEST/.offrecord-batch` for a plain folder, else one in
        the user's state folder named after the URL's digest. It holds no unredacted media."""

    def key(self) -> bytes:
        """Return the secret of 32 bytes that ids of this destination are keyed with; made on first use, mode 0600.

        It lies at the destination, so that jobs of several machines give one recording the same id.

        Raises:
            StorageFailed: the destination cannot be written.
        """

    def workplace(self) -> Path:
        """Return the local folder in which `BundleWriter` builds: the destination itself, or one under `state`."""

    def names(self) -> Iterator[str]:
        """Yield the names of all published bundles in one listing, without looking into them."""

    def publish(self, bundle: Path, *, replace: bool, moved: Callable[[int], None] | None = None) -> str:
        """Make a finished, verified local bundle visible and return where it is, relative to the destination.

        For a plain folder it is visible already. A remote store gets every file under its place with `manifest.json`
        last and alone deciding, is read back and compared, and the local folder is removed then. If the same bundle
        was published meanwhile it stays, and the local one goes. `moved` is told the bytes sent so far, from any
        thread, so that a long upload is told from one that hangs.

        Raises:
            StorageFailed: the store refused or what it holds is not what was sent; nothing is visible.
        """

    def manifest(self, name: str) -> Manifest:
        """Read a published bundle's manifest.

        Raises:
            UnreadableInput: there is none.
        """

    def verify(self, name: str) -> Manifest:
        """Verify a published bundle in full, like `recorder.bundle.verify_files.verify_bundle`.

        Raises:
            UnreadableInput: there is none.
            RedactionIncomplete: the step that failed.
        """

    def delete(self, name: str) -> None:
        """Delete a bundle: its manifest first, so that it is no bundle at any moment; nothing when there is none.

        Raises:
            StorageFailed: it cannot be deleted.
        """

    def sweep(self, *, busy: Sequence[str]) -> int:
        """Remove partial bundles and uploads that no running job owns; return how many."""
