"""A live engine with its journal, and pictures to show it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np

from recorder.call.source import TimedVideo
from recorder.live.capture.engine import LiveEngine
from recorder.media.orient import Geometry, Upright
from recorder.runtime.context import Run
from redaction.model import Box
from redaction.policy import Policy
from redaction.stages import Stages
from redaction.video.redact import VideoStages
from redaction.video.screen.reader import ScreenReader
from tests.paths import SHARED_DATA
from tests.recorder.live.scene import journal_of, lines, picture
from tests.recorder.live.speech import Scripted, stages_of
from tests.redaction.video.scene import FakeDetector, policy

__all__ = ["CLIPS", "DATA", "Call", "clip", "everything", "marked", "shows_marker"]

DATA = SHARED_DATA
CLIPS = DATA / "faces" / "clips"


class Call:
    """A live engine with fake models, its journal, and what it told."""

    def __init__(
        self,
        folder: Path,
        *tokens: str,
        detector: Callable[[], FakeDetector] = FakeDetector,
        script: Sequence[str] = (),
        names: tuple[str, ...] = (),
        cores: int = 2,
        real: bool = False,
        screen: ScreenReader | None = None,
    ) -> None:
        self.folder = folder
        self.journal = journal_of(folder, *tokens)
        self.errors: list[BaseException] = []
        self.minors: list[str] = []
        rules = Policy() if real else policy()
        stages = Stages(rules)
        stages._audio = stages_of(Scripted(*script), names=names, policy=rules)

        def models() -> VideoStages:
            eyes = detector()
            return VideoStages(eyes, eyes, screen=screen)

        self.live = LiveEngine(
            stages=stages,
            journal=self.journal,
            cores=cores,
            on_minor=self.minors.append,
            on_error=self.errors.append,
            video=None if real else models,
        )
        self.live.start()

    def show(self, lane: int, pictures: Sequence[TimedVideo], *, pace: bool = True) -> None:
        """Give pictures to a lane, waiting while its queue is a tenth full."""
        for one in pictures:
            while pace and self.fill(lane) > 0.1:
                time.sleep(0.002)
            self.live.video(lane, one)

    def fill(self, lane: int) -> float:
        """Return how full a lane's queue is."""
        video = self.live._tracks.video(lane)
        return 0.0 if video is None else video.lane.inbox.fill

    def finish(self) -> None:
        """End the call."""
        self.live.finish(Run())
        self.journal.close()

    def pieces(self, token: str, kind: str = "camera") -> list[Path]:
        """Return the pieces of a participant."""
        return sorted(self.journal.folder(token).glob(f"{kind}-*.mp4"))

    def facts(self, token: str, kind: str) -> list[dict[str, object]]:
        """Return the details of a participant's facts."""
        path = self.journal.folder(token) / "facts.jsonl"
        return [line["detail"] for line in lines(path) if line["kind"] == kind]


def marked(at: float, *, x: int = 100, level: int = 60) -> TimedVideo:
    """Return a picture with a face that carries a pattern, on a ground of its own grey."""
    one = picture([Box(x, 40, x + 56, 96)], at=at)
    plane = one.frame.planes[0]
    luma = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:, : plane.width]
    face = luma > 200
    luma[~face] = level
    rows, columns = np.nonzero(face)
    luma[rows, columns] = np.where((rows // 8 + columns // 8) % 2, 255, 165)
    return one


def shows_marker(luma: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bool:
    """Tell whether anything as bright as the pattern is in a stored picture."""
    return bool((luma > 150).any())


def everything(folder: Path) -> bytes:
    """Return all bytes below a folder."""
    return b"".join(item.read_bytes() for item in folder.rglob("*") if item.is_file())


def clip(name: str, *, seconds: float, size: tuple[int, int] = (480, 360)) -> list[TimedVideo]:
    """Decode a clip to a size, forth and back until it is long enough, at 25 pictures a second."""
    with av.open(str(CLIPS / f"{name}.mp4")) as container:
        upright = Upright(Geometry(coded=size, flat=size))
        frames = []
        for one in container.decode(video=0):
            y, u, v = upright.convert(one)
            packed = np.concatenate([y.ravel(), u.ravel(), v.ravel()]).reshape(size[1] * 3 // 2, size[0])
            frames.append(av.VideoFrame.from_ndarray(packed, "yuv420p"))
    order = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    return [TimedVideo(frames[order[at % len(order)]], at / 25) for at in range(round(seconds * 25))]
