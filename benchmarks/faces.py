"""How much of each known face is covered, on real clips, generated clips and pictures without faces.

Run from the repository's root: `.venv/bin/python -m benchmarks.faces [clips|photos|made|empty|film|speed ...]
[pictures=DIR]`. Needs the shared data folder, `../shared/data` or `OFFRECORD_SHARED_DATA`. `pictures` adds pictures
without faces of your own to `empty` and makes the `film` of slow pans over 24 of them. These two judge ages, as the
default policy does: what is taken for a face may be taken for a minor too, and then more is covered. Text on screens is
left alone. Their last row gives the mean area, how many of how many have less than 1 % covered, and under `worst` the
largest share.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from redaction.model import Box, Examined, RedactedFrame, VideoFrame
from redaction.policy import MinorsSection, Policy
from redaction.video.redact import VideoRedactor, VideoStages, VideoSummary

ALL_ADULT = "i_know_that_every_person_is_an_adult_and_accept_that_an_undetected_child_stays_visible"
DATA = Path(os.environ.get("OFFRECORD_SHARED_DATA", Path(__file__).resolve().parents[1] / "../shared/data"))
Truth = dict[int, list[Box]]


@dataclass
class Score:
    """Figures of one clip."""

    name: str
    faces: int = 0
    covered: int = 0
    worst: float = 1.0
    area: float = 0.0
    frames: int = 0
    cpu_ms: float = 0.0
    summary: VideoSummary | None = None
    missed: list[tuple[int, float, Box]] = field(default_factory=list)

    def row(self) -> str:
        """Return one line of the table."""
        share = f"{self.covered}/{self.faces}" if self.faces else "-"
        kept = self.summary
        kinds = "" if kept is None else f"{kept.detected}/{kept.bridged}/{kept.covered_whole}"
        tracklets = 0 if kept is None else len(kept.tracklets)
        return (
            f"{self.name:26} {share:>11} {self.worst:6.3f} {100 * self.area:7.2f} {kinds:>14} {tracklets:5} "
            f"{self.cpu_ms:7.1f}"
        )


HEAD = f"{'clip':26} {'>=95% cov.':>11} {'worst':>6} {'area %':>7} {'det/bri/whole':>14} {'trk':>5} {'cpu ms':>7}"


def policy() -> Policy:
    """Return the policy of all runs: everybody is declared adult."""
    return Policy(minors=MinorsSection(**{ALL_ADULT: True}))


def frames_of(path: Path) -> Iterator[VideoFrame]:
    """Decode a file."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            array = np.asarray(frame.reformat(format="yuv420p").to_ndarray(), np.uint8)
            yield planar(array, frame.height, frame.width, frame.pts or 0, frame.time_base or Fraction(1, 30))


def planar(
    array: NDArray[np.uint8], height: int, width: int, pts: int, base: Fraction = Fraction(1, 30)
) -> VideoFrame:
    """Return an I420 array of even size as a frame."""
    u, v = array[height:].reshape(2, height // 2, width // 2)
    return VideoFrame(array[:height], u, v, pts, base)


def frame_of(bgr: NDArray[np.uint8], pts: int) -> VideoFrame:
    """Return a picture of even size as a frame at 30 a second."""
    height, width = bgr.shape[0] & ~1, bgr.shape[1] & ~1
    array = cv2.cvtColor(np.ascontiguousarray(bgr[:height, :width]), cv2.COLOR_BGR2YUV_I420)
    return planar(np.asarray(array, np.uint8), height, width, pts)


def mask_of(redacted: RedactedFrame) -> NDArray[np.bool_]:
    """Return what is covered."""
    frame = redacted.frame
    mask = np.zeros((frame.height, frame.width), bool)
    if redacted.examined is Examined.COVERED:
        mask[:] = True
    for cover in redacted.covers:
        box = cover.box.clipped(frame.width, frame.height)
        mask[box.y1 : box.y2, box.x1 : box.x2] |= True if cover.mask is None else cover.mask
    return mask


def measure(
    name: str,
    frames: Iterable[VideoFrame],
    truth: Truth,
    stages: VideoStages,
    dump: str = "",
    *,
    rules: Policy | None = None,
) -> Score:
    """Run the engine and compare; under the policy of all runs if no other is given."""
    score = Score(name)
    first = next(iter(frames := iter(frames)))
    redactor = VideoRedactor(
        width=first.width,
        height=first.height,
        policy=rules or policy(),
        stages=stages,
        track="v",
        threaded=False,
    )

    def take(items: list[RedactedFrame]) -> None:
        for item in items:
            index = score.frames
            score.frames += 1
            mask = mask_of(item)
            score.area += float(mask.mean())
            for box in truth.get(index, []):
                inside = box.clipped(item.frame.width, item.frame.height)
                if not inside.area:
                    continue
                share = float(mask[inside.y1 : inside.y2, inside.x1 : inside.x2].mean())
                score.faces += 1
                score.covered += share >= 0.95
                score.worst = min(score.worst, share)
                if share < 0.95:
                    score.missed.append((index, round(share, 3), box))
            if dump and index % 15 == 0:
                save(item.frame, truth.get(index, []), Path(dump) / f"{name}_{index:04}.png")

    spent = 0.0
    for frame in (first, *frames):
        began = time.process_time()
        done = redactor.push(frame)
        spent += time.process_time() - began
        take(done)
    began = time.process_time()
    done = redactor.flush()
    spent += time.process_time() - began
    take(done)
    score.area /= max(1, score.frames)
    score.cpu_ms = 1000 * spent / max(1, score.frames)
    score.summary = redactor.summary
    return score


def save(frame: VideoFrame, boxes: Iterable[Box], path: Path) -> None:
    """Write a frame with boxes for a person's eyes; redacted frames only."""
    height, width = frame.height & ~1, frame.width & ~1
    array = np.concatenate(
        [
            frame.y[:height, :width].ravel(),
            frame.u[: height // 2, : width // 2].ravel(),
            frame.v[: height // 2, : width // 2].ravel(),
        ]
    )
    bgr = cv2.cvtColor(array.reshape(height * 3 // 2, width), cv2.COLOR_YUV2BGR_I420)
    for box in boxes:
        cv2.rectangle(bgr, (box.x1, box.y1), (box.x2, box.y2), (0, 255, 0), 1)
    cv2.imwrite(str(path), bgr)


def clips(stages: VideoStages, dump: str) -> list[Score]:
    """Measure the annotated clips."""
    known = json.loads((DATA / "faces/clips/boxes.json").read_text())
    scores = []
    for name, entry in known.items():
        path = DATA / "faces/clips" / (name if name.endswith(".mp4") else f"{name}.mp4")
        truth = {int(key): [Box.outward(*box) for box in boxes] for key, boxes in entry["boxes"].items()}
        scores.append(measure(path.stem, frames_of(path), truth, stages, dump))
    return scores


def main() -> None:
    """Measure what was asked for, or everything."""
    from benchmarks import faces_made as made
    from benchmarks import faces_none as none

    arguments = [item for item in sys.argv[1:] if "=" not in item]
    none.PICTURES += [Path(item.split("=")[1]) for item in sys.argv[1:] if item.startswith("pictures=")]
    dump = next((item.split("=")[1] for item in sys.argv[1:] if item.startswith("dump=")), "")
    stages = VideoStages.load(policy())
    kinds = {
        "clips": clips,
        "photos": made.photos,
        "made": made.made,
        "empty": none.empty,
        "film": none.film,
        "speed": made.speed,
    }
    for kind in arguments or list(kinds):
        print(f"\n{kind}\n{HEAD}", flush=True)
        for score in kinds[kind](stages, dump):
            print(score.row(), flush=True)
            for missed in score.missed[:8]:
                print("      frame, share, box:", *missed)


if __name__ == "__main__":
    main()
