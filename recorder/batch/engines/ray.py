"""The engine of a Ray cluster: actors that hold one worker process each, so that models stay loaded.

Through Ray travel the job, the items and what happened: URLs, ids and figures as short JSON, which Ray passes inside
its messages. No frame, sample or word ever enters its object store, so none can be spilled to a disk.

Who tries again: nobody here. Actors are created with `max_restarts=0` and their calls with `max_task_retries=0`, so
Ray neither restarts an actor nor repeats a call whose answer was lost: a recording might else be redacted twice without
the plan knowing. An actor or node that is lost gives `LOST` for its one item, the actor is killed for good (it may only
have been cut off), and the driver alone decides by its ledger whether the item is tried once more. Only an item that an
idle actor never began, since its node was gone by then, is given to another actor at once. A recording that is refused
is an answer, not a failure, and is never tried again for being refused.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter

from recorder import __version__
from recorder.batch.contract import BatchEvent, JobSpec, Outcome, OutcomeState, WorkItem
from recorder.batch.engines.local import LocalEngine, PoolSize
from recorder.runtime.hardening import harden_process, silence_libraries
from recorder.runtime.signals import unchanged_handlers
from redaction.errors import ExitCode, InternalError, UsageError

if TYPE_CHECKING:
    from ray import ObjectRef

__all__ = ["EMBEDDED", "Placement", "RayEngine"]

EMBEDDED: Final = "local"
"""Address of a Ray that lives and dies with this process."""

_POLL_S: Final = 1.0
_ACTOR_BYTES: Final = 256 << 20
"""What an actor takes beside its worker process."""
_OBJECT_STORE_BYTES: Final = 80 << 20
"""The least that Ray accepts: nothing is put there."""
_LOOK_EVERY_S: Final = 5.0
_CLOSE_S: Final = 70.0
_PLACING_S: Final = 15.0
"""An actor with a place answers sooner."""
_LAST_WORDS_S: Final = 5.0
_LONGEST_FOLDER: Final = 20
"""Characters of the temporary folder below which the paths of Ray's sockets stay within the 107 of unix(7)."""
_EVENTS: TypeAdapter[list[BatchEvent]] = TypeAdapter(list[BatchEvent])
_QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    "RAY_memory_monitor_refresh_ms": "0",  # it would end actors; their workers are bounded, and the kernel's first
    "RAY_enable_metrics_collection": "0",
}
_ALONE: Final = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
_LOOPBACK: Final = "127.0.0.1"
_TOKEN: Final = "RAY_AUTH_TOKEN"  # noqa: S105 - the name of it


@dataclass(frozen=True, slots=True)
class Placement:
    """What each actor asks of the cluster.

    Attributes:
        cpus: cores; the worker's threads.
        gpus: share of a GPU, 0 for none.
        memory_bytes: of the worker process.
        start_s: how long an actor may wait for a place, which on a cluster that grows includes booting a machine.
    """

    cpus: float
    memory_bytes: int
    gpus: float = 0.0
    start_s: float = 900.0


class _Holder:
    """What runs as an actor: a local engine of one worker."""

    def __init__(self, job: str, version: str, module: str) -> None:
        harden_process()
        silence_libraries()
        if version != __version__:
            raise RuntimeError("versions differ")
        spec = JobSpec.model_validate_json(job)
        size = PoolSize(jobs=1, threads=spec.threads, memory_bytes=spec.limits.memory_bytes, cores=((),))
        self._engine = LocalEngine(spec, size, module=module)

    def begin(self, item: str) -> bytes:
        """Begin an item, and return what happened first."""
        self._engine.submit(WorkItem.model_validate_json(item))
        return self.poll()

    def poll(self) -> bytes:
        """Return what happened as JSON; waits a moment for the first of it."""
        return _EVENTS.dump_json(list(self._engine.poll(_POLL_S)))

    def close(self, now: bool) -> None:
        """End the worker."""
        self._engine.close(now=now)


@dataclass(slots=True)
class _Slot:
    """An actor and the item it works on.

    Attributes:
        answered: the actor has answered ever, so it runs.
        begun: it has answered since it was given the item.
    """

    name: str
    actor: Any
    began: float
    item: WorkItem | None = None
    call: ObjectRef[bytes] | None = None
    answered: bool = False
    begun: bool = False


@dataclass(slots=True)
class _Cluster:
    """A connection to Ray, and the folder of an embedded one."""

    connected: bool
    folder: Path | None = None


class RayEngine:
    """An `Engine` of actors on a Ray cluster.

    Args:
        job: what every worker knows; `destination` and `source` must mean the same on every node.
        placement: what each actor asks for.
        address: `ray://HOST:10001`, `HOST:6379`, `auto`, or `local` for a Ray that lives and dies with this process.
        jobs: number of actors; None takes as many as the nodes that are there carry, looked at anew as it goes on.
            On a cluster that grows by demand it must be given, since waiting actors are that demand.
        module: what is run as a worker.

    Raises:
        UsageError: Ray is not installed, or there is no cluster at the address.
    """

    def __init__(
        self,
        job: JobSpec,
        placement: Placement,
        *,
        address: str = EMBEDDED,
        jobs: int | None = None,
        module: str = "recorder.batch.engines.worker",
    ) -> None:
        if importlib.util.find_spec("ray") is None:
            raise UsageError(
                "The engine `ray` needs a package that is not there: pip install 'offrecord[ray]'."
            )
        self._job = job.model_dump_json()
        self._module = module
        self._placement = placement
        self._jobs = jobs
        self._slots: list[_Slot] = []
        self._ended: list[Outcome] = []
        self._count = 0
        self._closed = False
        self._looked_at = float("-inf")
        self._room = 0
        self._cluster = _connect(address)
        if not self.slots:
            _disconnect(self._cluster)
            raise UsageError("No node of the Ray cluster has the cores and memory that one worker needs.")

    @property
    def slots(self) -> int:
        """Number of actors that the cluster carries, or that was asked for."""
        if self._jobs is not None:
            return self._jobs
        if time.monotonic() - self._looked_at > _LOOK_EVERY_S:
            self._looked_at = time.monotonic()
            self._room = _room(self._placement)
        return self._room

    def submit(self, item: WorkItem) -> None:
        """Begin an item on an idle actor, or on a new one.

        Raises:
            InternalError: every slot is taken.
        """
        busy = sum(slot.item is not None for slot in self._slots)
        if self._closed or busy >= (
            self._jobs or max(1, self._room)
        ):  # as the caller saw it, not looked up anew
            raise InternalError("A recording was given to an engine whose workers are all busy.")
        self._assign(
            item, next((slot for slot in self._slots if slot.item is None), None) or self._new_slot()
        )

    def _assign(self, item: WorkItem, slot: _Slot) -> None:
        slot.item = item
        slot.began = time.monotonic()
        slot.begun = False
        slot.call = slot.actor.begin.remote(item.model_dump_json())

    def poll(self, timeout_s: float) -> Sequence[BatchEvent]:
        """Return what has happened, waiting at most that long for the first of it."""
        import ray

        self._move_waiting()
        events: list[BatchEvent] = [*self._ended]
        self._ended.clear()
        calls: dict[Any, _Slot] = {slot.call: slot for slot in self._slots if slot.call is not None}
        if not calls:
            if not events:
                time.sleep(max(0.001, timeout_s))
            return events
        ready, _ = ray.wait(
            list(calls), num_returns=1, timeout=0 if events else max(0.001, timeout_s), fetch_local=False
        )
        if ready:  # and whatever else is there already
            ready, _ = ray.wait(list(calls), num_returns=len(calls), timeout=0, fetch_local=False)
        for call in ready:
            events += self._take(calls[call])
        return [*events, *self._drop_waiting()]

    def close(self, *, now: bool) -> None:
        """End the actors, and the cluster if it is embedded."""
        import ray

        if self._closed:
            return
        self._closed = True
        calls: list[Any] = [slot.actor.close.remote(now) for slot in self._slots if slot.answered or not now]
        if calls:
            ray.wait(calls, num_returns=len(calls), timeout=_CLOSE_S if now else None, fetch_local=False)
            for slot in self._slots:
                if slot.item is not None and slot.answered:
                    self._ended += [item for item in self._last_events(slot) if isinstance(item, Outcome)]
        for slot in self._slots:
            _end(slot)
        self._slots.clear()
        _disconnect(self._cluster)

    def _last_events(self, slot: _Slot) -> list[BatchEvent]:
        import ray

        try:
            answers = ray.get(
                [call for call in (slot.call, slot.actor.poll.remote()) if call is not None], timeout=5
            )
        except (ray.exceptions.RayError, ConnectionError):
            return []
        return [event for part in answers for event in self._events_of(slot, part)]

    def _new_slot(self) -> _Slot:
        import ray

        self._count += 1
        placement = self._placement
        remote = ray.remote(_Holder).options(
            num_cpus=placement.cpus,
            num_gpus=placement.gpus,
            memory=placement.memory_bytes + _ACTOR_BYTES,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=2,  # asked to stop while it is being polled
        )
        slot = _Slot(f"r{self._count}", remote.remote(self._job, __version__, self._module), time.monotonic())
        self._slots.append(slot)
        return slot

    def _take(self, slot: _Slot) -> list[BatchEvent]:
        """Take an answer and ask for the next one; an actor that is gone gives the outcome of its item."""
        import ray

        call: Any = slot.call
        try:
            events = self._events_of(slot, ray.get(call))
        except (ray.exceptions.RayError, ConnectionError) as error:
            return self._lose(slot, error)
        slot.answered = slot.begun = True
        ended = any(isinstance(event, Outcome) for event in events)
        slot.item = None if ended else slot.item
        slot.call = None if ended else slot.actor.poll.remote()
        return events

    def _events_of(self, slot: _Slot, answers: bytes) -> list[BatchEvent]:
        return [item.model_copy(update={"worker": slot.name}) for item in _EVENTS.validate_json(answers)]

    def _move_waiting(self) -> None:
        """Give items whose actor finds no place to idle ones, which may hold just that place."""
        late = time.monotonic() - _PLACING_S
        idle = [slot for slot in self._slots if slot.item is None]
        for slot in [slot for slot in self._slots if slot.item and not slot.answered and slot.began < late]:
            if not idle or slot.item is None:
                return
            _end(slot)
            self._slots.remove(slot)
            self._assign(slot.item, idle.pop())

    def _drop_waiting(self) -> list[BatchEvent]:
        """Give up items whose actor found no place in time."""
        late = time.monotonic() - self._placement.start_s
        waiting = [slot for slot in self._slots if slot.item and not slot.answered and slot.began < late]
        return [event for slot in waiting for event in self._lose(slot, None)]

    def _lose(self, slot: _Slot, error: Exception | None) -> list[BatchEvent]:
        """Count an actor as lost: it may live on behind a broken line, so it is killed."""
        item = slot.item
        if item is None:
            raise InternalError("An actor without an item was waited for.")
        _end(slot)
        self._slots.remove(slot)
        if slot.answered and not slot.begun and not self._closed:
            self._assign(item, self._new_slot())
            return []
        return [
            Outcome(
                item=item.id,
                state=OutcomeState.LOST,
                status=int(ExitCode.INTERNAL),
                reason=_reason(error, slot),
                seconds=round(time.monotonic() - slot.began, 3),
                worker=slot.name,
            )
        ]


def _end(slot: _Slot) -> None:
    import ray

    with suppress(
        ray.exceptions.RayError, ConnectionError, ValueError
    ):  # the cluster may know that it is gone
        ray.kill(slot.actor, no_restart=True)


def _reason(error: Exception | None, slot: _Slot) -> str:
    if error is None:
        return "No machine of the cluster had room for its worker in time."
    if not slot.answered:
        return "Its worker was lost as it started; is the same version of offrecord on every node?"
    return f"The machine or process of its worker was lost ({type(error).__name__})."


def _room(placement: Placement) -> int:
    """Return how many actors the nodes that are there carry when nothing else runs on them."""
    import ray

    room = 0
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    for node in nodes:
        has = node["Resources"] if node["Alive"] else {}
        counts = [
            has.get("CPU", 0) // placement.cpus,
            has.get("memory", 0) // (placement.memory_bytes + _ACTOR_BYTES),
        ]
        if placement.gpus:
            counts.append(has.get("GPU", 0) // placement.gpus)
        room += int(min(counts))
    return room


def _connect(address: str) -> _Cluster:
    """Connect to a cluster, or start one."""
    os.environ.update(_QUIET)
    if address == EMBEDDED:
        # Read when Ray is imported, which would else take the address that others see, and listen on all of them.
        os.environ.update(_ALONE, **{_TOKEN: secrets.token_hex(32)})
    import ray

    if ray.is_initialized():
        return _Cluster(connected=False)
    # Ray would tell of lost nodes and workers on standard output, which belongs to the result.
    ray._private.worker.print_to_stdstream = _silence_ray
    cluster = _Cluster(connected=True)
    try:
        with unchanged_handlers():  # Ray takes SIGTERM for itself
            if address == EMBEDDED:
                _embed(cluster)
            else:
                ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, RuntimeError, ValueError, OSError):
        _disconnect(cluster)
        raise UsageError(
            "There is no Ray cluster at the address given, or it could not be started; see docs/batch.md."
        ) from None
    return cluster


def _embed(cluster: _Cluster) -> None:
    """Start a Ray that reports nothing, shows nothing, and listens on this machine alone to who knows a secret."""
    import ray
    from ray._private import services

    roomy = len(tempfile.gettempdir()) <= _LONGEST_FOLDER
    cluster.folder = Path(tempfile.mkdtemp(prefix="offrecord-", dir=None if roomy else "/tmp"))  # noqa: S108
    # Without a dashboard Ray still starts its process, which asks the addresses of clouds' metadata where it runs.
    start = services.start_api_server
    services.start_api_server = _no_dashboard
    try:
        ray.init(
            address="local",
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            _node_ip_address=_LOOPBACK,
            _temp_dir=str(cluster.folder),
            log_to_driver=False,
            logging_level=logging.CRITICAL,
        )
    finally:
        services.start_api_server = start
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    if any(node["NodeManagerAddress"] != _LOOPBACK for node in nodes):
        _disconnect(cluster)
        raise InternalError(
            "Ray would listen to other machines: it was imported before the engine was chosen."
        )


def _silence_ray(*_given: object, **_events_of: object) -> None:
    """Print nothing: the outcome of each item tells what was lost."""


def _no_dashboard(*_given: object, **_events_of: object) -> tuple[str, None]:
    """Start no process; there is no address."""
    return "", None


def _disconnect(cluster: _Cluster) -> None:
    import ray

    if cluster.connected:
        ray.shutdown()
    if cluster.folder is not None:
        for name in (*_ALONE, _TOKEN):
            os.environ.pop(name, None)
        shutil.rmtree(cluster.folder, ignore_errors=True)
