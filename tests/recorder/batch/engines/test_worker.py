"""A worker: hardened, silent, bounded; every way a recording can end is an outcome without content."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recorder.batch.contract import OutcomeState, Step, WorkItem
from recorder.batch.engines import worker as module
from recorder.batch.engines.supervisor import Supervisor
from recorder.batch.engines.worker import redact_item
from recorder.batch.stores.folder_destination import FolderDestination
from recorder.batch.stores.folder_source import FolderSources
from recorder.media.source import Source
from recorder.runtime.context import Cancellation
from redaction.errors import ExitCode, RedactionIncomplete, StorageFailed
from redaction.policy import Policy
from redaction.stages import Stages
from redaction.text.sidecars import Sidecars
from tests.media import make_clip
from tests.recorder.batch.fakes import job_in

SECRET = "Adaeze Okonkwo"


@pytest.fixture
def item(tmp_path: Path) -> WorkItem:
    """A recording that can be opened."""
    source = tmp_path / "in"
    source.mkdir()
    make_clip(source / f"{SECRET}.mp4", seconds=0.4, size=(64, 48), audio=None)
    (found,) = FolderSources(str(source)).list()
    return WorkItem(id="0" * 16, **found.model_dump())


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor of a true worker."""
    supervisor = Supervisor(
        job_in(tmp_path), name="w1", emit=lambda _: None, cores=(min(os.sched_getaffinity(0)),)
    )
    yield supervisor
    supervisor.close()


def test_worker_is_hardened(held: Supervisor, tmp_path: Path) -> None:
    """A true worker dumps no core, prints nowhere, and keeps to its core and its memory."""
    text = tmp_path / "text.mp4"
    text.write_text(SECRET)
    (found,) = FolderSources(str(text)).list()
    outcome = held.run(WorkItem(id="1" * 16, **found.model_dump()))
    assert (outcome.state, outcome.status) == (OutcomeState.REFUSED, int(ExitCode.UNREADABLE))
    assert SECRET not in outcome.model_dump_json()
    process = Path(f"/proc/{held.pid}")
    limits = {
        line[:25].strip(): line[25:].split()[0] for line in (process / "limits").read_text().splitlines()
    }
    assert limits["Max core file size"] == "0"
    assert int(limits["Max data size"]) == (1 << 30) + (1 << 30)
    assert {str((process / "fd" / number).readlink()) for number in "12"} == {"/dev/null"}
    assert (process / "oom_score_adj").read_text().strip() == "800"
    assert os.sched_getaffinity(held.pid or 0) == {min(os.sched_getaffinity(0))}
    assert (process / "status").read_text().split("Umask:\t")[1][:4] == "0077"


@pytest.mark.parametrize(
    "enters",
    [
        "from recorder.batch.engines.worker import serve_jobs; serve_jobs(io.BytesIO(b''))",
        "from recorder.batch.engines.ray import _Holder\n"
        "with contextlib.suppress(RuntimeError): _Holder('', 'other', '')",
    ],
)
def test_every_process_of_a_worker_is_hushed(enters: str) -> None:
    """A worker and a Ray actor take the hooks that say what a thread or a finaliser died of without its content."""
    program = (
        "import contextlib, io, logging, os, resource, sys, threading\n"
        "said = os.dup(1)\n"
        f"{enters}\n"
        "hooks = threading.excepthook.__module__, sys.unraisablehook.__module__, len(logging.lastResort.filters)\n"
        "os.write(said, repr((hooks, resource.getrlimit(resource.RLIMIT_CORE))).encode())\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "(('recorder.runtime.hardening', 'recorder.runtime.hardening', 1), (0, 0))"


def _raises(error: BaseException) -> Callable[..., None]:
    def stand_in(*_: object, **__: object) -> None:
        raise error

    return stand_in


@pytest.mark.parametrize(
    ("error", "state", "status"),
    [
        (RedactionIncomplete("A detector failed."), OutcomeState.REFUSED, ExitCode.INCOMPLETE),
        (StorageFailed("The disk is full."), OutcomeState.REFUSED, ExitCode.STORAGE),
        (MemoryError(SECRET), OutcomeState.LOST, ExitCode.INTERNAL),
        (RuntimeError(SECRET), OutcomeState.LOST, ExitCode.INTERNAL),
    ],
)
def test_every_end_is_an_outcome(
    error: BaseException,
    state: OutcomeState,
    status: ExitCode,
    item: WorkItem,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the session raises becomes a state, a status and a sentence without content; nothing is published."""
    monkeypatch.setattr(module, "redact_file", _raises(error))
    steps: list[Step] = []
    destination = FolderDestination(str(tmp_path / "out"))
    outcome = redact_item(
        item,
        job_in(tmp_path),
        stages=Stages(Policy()),
        sources=FolderSources(str(tmp_path / "in")),
        destination=destination,
        emit=steps.append,
        cancellation=Cancellation(),
        worker="w1",
    )
    assert (outcome.state, outcome.status) == (state, int(status))
    assert outcome.reason.endswith(".")
    assert outcome.media_seconds > 0
    assert SECRET not in outcome.model_dump_json() + "".join(step.model_dump_json() for step in steps)
    assert list(destination.names()) == []


def test_cancelled(item: WorkItem, tmp_path: Path) -> None:
    """A wish to stop before the recording was opened is STOPPED, and nothing is built."""
    cancellation = Cancellation()
    cancellation.cancel()
    outcome = redact_item(
        item,
        job_in(tmp_path),
        stages=Stages(Policy()),
        sources=FolderSources(str(tmp_path / "in")),
        destination=FolderDestination(str(tmp_path / "out")),
        emit=lambda _: None,
        cancellation=cancellation,
    )
    assert outcome.state is OutcomeState.STOPPED
    assert not (tmp_path / "out").exists()


def test_source_that_changes_meanwhile(
    item: WorkItem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recording that is replaced while it is redacted is refused at the last moment."""

    def replace_then_look(*_: object, before_publishing: Callable[[], None], **__: object) -> None:
        Path(item.source).write_bytes(b"another call")
        before_publishing()

    monkeypatch.setattr(module, "redact_file", replace_then_look)
    outcome = redact_item(
        item,
        job_in(tmp_path),
        stages=Stages(Policy()),
        sources=FolderSources(str(tmp_path / "in")),
        destination=FolderDestination(str(tmp_path / "out")),
        emit=lambda _: None,
        cancellation=Cancellation(),
    )
    assert (outcome.state, outcome.status) == (OutcomeState.REFUSED, int(ExitCode.UNREADABLE))
    assert "changed" in outcome.reason


def test_a_folder_s_recording_is_redacted_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a folder that Zoom left, the worker redacts picture and participants' sound, told of the names beside them."""
    place = tmp_path / "in" / f"2026-03-02 10.00.00 {SECRET}'s Zoom Meeting"
    (place / "Audio Record").mkdir(parents=True)
    make_clip(place / "zoom_0.mp4", seconds=0.4, size=(64, 48))
    for name in ("Laura", "Daniel"):
        make_clip(place / "Audio Record" / f"audio{name}11234567.m4a", seconds=0.4, codec=None)
    (place / "chat.txt").write_text("10:00:00 From Berta Quandt to Everyone:\n\thello\n")
    (found,) = FolderSources(str(tmp_path / "in")).list()
    given: list[tuple[Source, Sidecars]] = []

    def stand_in(source: Source, *_: object, beside: Sidecars, **__: object) -> None:
        given.append((source, beside))
        raise RedactionIncomplete("Far enough.")

    monkeypatch.setattr(module, "redact_file", stand_in)
    outcome = redact_item(
        WorkItem(id="0" * 16, **found.model_dump()),
        job_in(tmp_path),
        stages=Stages(Policy()),
        sources=FolderSources(str(tmp_path / "in")),
        destination=FolderDestination(str(tmp_path / "out")),
        emit=lambda _: None,
        cancellation=Cancellation(),
    )
    assert outcome.reason == "Far enough."
    ((source, beside),) = given
    assert [track.id for track in source.info().tracks] == ["V1", "A1", "A2"]
    assert {SECRET, "Berta Quandt", "Laura", "Daniel"} <= set(beside.names)
    assert len(beside.chat) == 1
