"""The threads that redact the cameras and screens of a call: one per core, each with models of its own."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Final

from recorder.live.capture.load_shedding import Governor, Level
from recorder.live.capture.video_worker import VideoWorker
from recorder.live.store.segments import TIME_BASE
from recorder.media.planes import black
from redaction.model import Box, VideoFrame
from redaction.video.faces.examine import FAULTS
from redaction.video.redact import VideoStages
from redaction.video.screen.known_names import MOST_SEEN, must_mask

__all__ = ["VideoPool"]

# A frame takes a fraction of a second; on a starved machine, and with models opened in it, more than ten seconds.
_HANGS_AFTER_S: Final = 60.0
_WAIT_S: Final = 0.5
_WARM_PX: Final = 64


class VideoPool:
    """Starts threads, replaces those that hang by one that covers, and ends them.

    Args:
        threads: how many.
        load: makes the models of one thread.
        on_error: told, from any thread, what a stage or the disk raised.
    """

    def __init__(
        self, threads: int, *, load: Callable[[], VideoStages], on_error: Callable[[BaseException], None]
    ) -> None:
        self._threads = threads
        self._load = load
        self._on_error = on_error
        self._loaded: list[VideoStages] = []
        self._read: dict[int, tuple[str, ...]] = {}  # what each set of models had read when it was last asked
        self._seen: set[str] = set()  # names read on any picture
        self.workers: list[VideoWorker] = []

    def start(self) -> None:
        """Load the models and start the threads.

        Raises:
            ModelUnavailable: a model file is missing or altered.
        """
        for number in range(self._threads):
            stages = self._load()
            _warm(stages)
            self._loaded.append(stages)
            self._add(f"redact-{number + 1}", stages)

    def least_busy(self) -> VideoWorker:
        """Return the thread that has the fewest tracks."""
        return min(self.workers, key=lambda worker: len(worker.lanes))

    def hanging(self, now: float) -> list[VideoWorker]:
        """Return the threads that died, or have worked on one frame for too long at a time of `time.monotonic`."""
        return [worker for worker in list(self.workers) if not worker.retired and _hangs(worker, now)]

    def replace(self, worker: VideoWorker) -> VideoWorker:
        """Return a thread that covers everything whole, in place of one that was retired."""
        fresh = self._add(f"{len(self.workers) + 1}-covered", None)
        self.workers.remove(worker)
        return fresh

    def know_names(self, names: Iterable[str]) -> None:
        """Cover these names on screens from now on."""
        new = list(names)
        for stages in self._loaded:
            if stages.screen is not None:
                stages.screen.know_names(new)

    def names_seen(self) -> list[str]:
        """Return the names that were read on any picture since the last call, and have to be masked in speech."""
        found: list[str] = []
        for number, stages in enumerate(self._loaded):
            names = () if stages.screen is None else stages.screen.names_seen()
            if names == self._read.get(number, ()):
                continue
            self._read[number] = names
            new = [name for name in must_mask(names) if name not in self._seen]
            new = new[: MOST_SEEN - len(self._seen)]
            self._seen.update(new)
            found += new
        return found

    def stop(self, timeout: float, *, on_ended: Callable[[int], None]) -> bool:
        """Wait until every thread has ended; one that hangs is replaced meanwhile, and not waited for.

        Args:
            timeout: in seconds.
            on_ended: told how many have ended, as it rises.

        Returns:
            Whether all have.
        """
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            # one that died is replaced by the watching thread in a moment
            left = [worker for worker in list(self.workers) if not worker.stop(0.0) or worker.died]
            on_ended(len(self.workers) - len(left))
            if not left:
                return True
            left[0].stop(_WAIT_S)
            time.sleep(_WAIT_S if left[0].died else 0.0)
        return False

    def close(self) -> None:
        """Let go of the models of threads that have ended."""
        for worker in self.workers:
            if worker.stages is not None and worker.ended:
                worker.stages.close()

    def _add(self, name: str, stages: VideoStages | None) -> VideoWorker:
        governor = Governor()
        if stages is None:
            governor.level = Level.COVERED
        worker = VideoWorker(name, on_error=self._on_error, governor=governor, stages=stages)
        self.workers.append(worker)
        worker.start()
        return worker


def _hangs(worker: VideoWorker, now: float) -> bool:
    since = worker.busy_since
    return worker.died or (since is not None and now - since > _HANGS_AFTER_S)


def _warm(stages: VideoStages) -> None:
    """Open what is opened at the first person, so that nobody waits for it in the call."""
    if stages.silhouettes is not None:
        planes = black(_WARM_PX, _WARM_PX)
        with contextlib.suppress(*FAULTS):
            stages.silhouettes.mask(VideoFrame(*planes, 0, TIME_BASE), Box(8, 8, 24, 24))
