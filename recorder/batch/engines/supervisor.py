"""Holds one worker process: starts it, gives it one recording after another, and ends it when it goes out of bounds."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Final

from pydantic import TypeAdapter, ValidationError

from recorder.batch.contract import BatchEvent, Hello, JobSpec, Outcome, OutcomeState, Step, WorkItem
from redaction.errors import ExitCode, InternalError

__all__ = ["WORKER_GRACE_S", "Supervisor"]

WORKER_GRACE_S: Final = 30.0
"""How long a worker that was asked to stop may take; its own patience (`recorder.runtime.signals`) is shorter."""
_LOOK_EVERY_S: Final = 0.2
_LONGEST_LINE: Final = 1 << 20
_END_S: Final = 5.0
_SLOWEST_STORE: Final = 1 << 20
"""Bytes a second that a store gives at least: a container that does not state its length is read through to know it."""
_FIRST_TO_GO: Final = "800"
"""Weight by which the kernel ends a worker before anything else when memory runs out. Source: proc(5)."""
_THREAD_SETTINGS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
_HAPPENING: TypeAdapter[BatchEvent] = TypeAdapter(BatchEvent)


class _OutOfBounds(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Supervisor:
    """One worker at a time; after a loss the next recording gets a fresh one.

    `run` belongs to one thread, which must live as long as the worker does: the kernel ends the worker with it.
    """

    def __init__(
        self,
        job: JobSpec,
        *,
        name: str,
        emit: Callable[[Step], None],
        cores: Sequence[int] = (),
        module: str = "recorder.batch.engines.worker",
    ) -> None:
        """Name the worker; it is started by the first recording.

        Args:
            job: what every worker knows.
            name: as in steps and outcomes.
            emit: takes the steps; called in the thread of `run`.
            cores: that the worker may run on; empty for all.
            module: what is run as a worker.
        """
        self._job = job
        self._name = name
        self._emit = emit
        self._cores = tuple(cores)
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer = b""
        self._stopping = threading.Event()
        self._asked_at: float | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the worker, when there is one."""
        return self._process.pid if self._process is not None else None

    def run(self, item: WorkItem) -> Outcome:
        """Redact one recording; whatever becomes of the worker, an outcome is returned."""
        began = time.monotonic()
        watch = _Watch(self._job, item, began)
        try:
            return self._follow(item, watch)
        except _OutOfBounds as bound:
            self._kill()
            stopped = self._stopping.is_set()
            return Outcome(
                item=item.id,
                state=OutcomeState.STOPPED if stopped else OutcomeState.LOST,
                status=int(ExitCode.INTERRUPTED if stopped else ExitCode.INTERNAL),
                reason="The job was stopped." if stopped else bound.reason,
                seconds=round(time.monotonic() - began, 3),
                media_seconds=watch.media_seconds,
                worker=self._name,
            )

    def stop(self) -> None:
        """Ask for the item under way to be given up; may be called from any thread."""
        self._stopping.set()

    def confine(self, cores: Sequence[int]) -> None:
        """Let the worker, now and after a loss, run on these cores; may be called from any thread."""
        self._cores = tuple(cores)
        pid = self.pid
        if pid is None or not cores or not hasattr(os, "sched_setaffinity"):
            return
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), self._cores)
        except OSError:
            return  # it ended meanwhile, or may not be moved: it goes on where it is

    def close(self) -> None:
        """End the worker: in good order when it is idle, at once when it does not answer."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(timeout=_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _follow(self, item: WorkItem, watch: _Watch) -> Outcome:
        process = self._ready()
        self._write(process, item.model_dump_json())
        with selectors.DefaultSelector() as selector:
            stdout = _pipe(process.stdout)
            selector.register(stdout, selectors.EVENT_READ)
            while True:
                for event in self._read(stdout, process) if selector.select(_LOOK_EVERY_S) else ():
                    if isinstance(event, Outcome):
                        self._after(event, process)
                        return event
                    watch.record(event)
                    self._emit(event)
                self._check_process(process, watch)

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._stopping.is_set():
            raise _OutOfBounds("")
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._buffer = b""
            self._process = self._start()
            _prefer_as_oom_victim(self._process.pid)
            hello = Hello(job=self._job, name=self._name, supervisor=os.getpid(), cores=self._cores)
            self._write(self._process, hello.model_dump_json())
        return self._process

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a library may print what it read
                env={**os.environ, **dict.fromkeys(_THREAD_SETTINGS, str(self._job.threads))},
                start_new_session=True,  # Ctrl-C is the driver's
            )
        except OSError:
            raise _OutOfBounds("A worker could not be started: the machine is short of memory.") from None

    def _write(self, process: subprocess.Popen[bytes], line: str) -> None:
        pipe = _pipe(process.stdin)
        try:
            pipe.write(line.encode() + b"\n")
            pipe.flush()
        except BrokenPipeError:
            raise _OutOfBounds(_death(process)) from None

    def _read(self, stdout: IO[bytes], process: subprocess.Popen[bytes]) -> list[BatchEvent]:
        data = os.read(stdout.fileno(), 1 << 16)
        if not data:
            raise _OutOfBounds(_death(process))
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > _LONGEST_LINE:
            raise _OutOfBounds("Its worker said what could not be understood.")
        try:
            return [_HAPPENING.validate_json(line) for line in lines]
        except ValidationError:
            raise _OutOfBounds("Its worker said what could not be understood.") from None

    def _check_process(self, process: subprocess.Popen[bytes], watch: _Watch) -> None:
        watch.check(process.pid)
        if not self._stopping.is_set():
            return
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
            process.send_signal(signal.SIGTERM)
        elif now - self._asked_at > WORKER_GRACE_S:
            raise _OutOfBounds("")

    def _after(self, outcome: Outcome, process: subprocess.Popen[bytes]) -> None:
        """Wait for a worker that ends by itself, so that the next recording does not meet it dying."""
        if outcome.state in (OutcomeState.LOST, OutcomeState.STOPPED) or outcome.status == ExitCode.MODEL:
            try:
                process.wait(timeout=_END_S)
            except subprocess.TimeoutExpired:
                self._kill()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self.close()


class _Watch:
    """The bounds of one recording; time counts from its first step, since before that a worker may have to start."""

    def __init__(self, job: JobSpec, item: WorkItem, began: float) -> None:
        self._limits = job.limits
        self._opening_s = job.limits.opening_s + item.size / _SLOWEST_STORE
        self._given = began
        self._began: float | None = None
        self._moved = began
        self._reached: dict[str, float] = {}
        self.media_seconds = 0.0

    def record(self, step: Step) -> None:
        now = time.monotonic()
        if self._began is None:
            self._began = now
        if step.media_seconds > 0 and not self.media_seconds:
            self.media_seconds = step.media_seconds
            self._moved = now
        if self._reached.get(step.stage, -1.0) != step.reached:
            self._reached[step.stage] = step.reached
            self._moved = now

    def check(self, pid: int) -> None:
        limits, now = self._limits, time.monotonic()
        if not self.media_seconds and now - self._given > self._opening_s:
            raise _OutOfBounds(f"Its length was not known after {self._opening_s:.0f} s, so it was given up.")
        if self.media_seconds and now - self._moved > limits.stall_s:
            raise _OutOfBounds(f"Nothing moved for {limits.stall_s:.0f} s, so it was given up.")
        most = limits.least_s + limits.seconds_per_media_second * self.media_seconds
        if self._began is not None and now - self._began > most:
            raise _OutOfBounds(f"It took more than {most:.0f} s, so it was given up.")
        if _resident(pid) > limits.memory_bytes:
            raise _OutOfBounds(
                f"It needed more than {limits.memory_bytes / 2**20:,.0f} MiB of memory, so it was given up."
            )


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise InternalError("A worker was started without its pipes.")
    return pipe


def _death(process: subprocess.Popen[bytes]) -> str:
    try:
        status = process.wait(timeout=_END_S)
    except subprocess.TimeoutExpired:
        return "Its worker no longer answered."
    if status < 0:
        return f"Its worker was ended by signal {-status}."
    return f"Its worker ended with status {status}."


def _resident(pid: int) -> int:
    """Return a process's resident bytes; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _prefer_as_oom_victim(pid: int) -> None:
    try:
        Path(f"/proc/{pid}/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    except OSError:
        return  # the bound of memory holds all the same
