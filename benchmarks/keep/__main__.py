"""Privacy and keep side by side: what stays uncovered, and what is lost of a recording.

    python -m benchmarks.keep [--engine] [--default] [--frames N] [--only TEXT ...] [--sheet FOLDER]

One row a clip: annotated faces of which less than 95 % is covered; the share of the picture covered beyond a head's
worth (1.8 x 2.2 of each face box); frames covered whole; the median cover in sizes of its face box; how much alike
successive covers of a still head are (5th percentile and mean of intersection over union); covers that come or go for
five frames or fewer, a minute; covers away from every head; and the covered share that the manifest states beside the
one counted in the stored pixels. Clips are the shared ones, and galleries and moving cameras staged from them.

Everybody is declared an adult unless `--default` is given. `--engine` measures what the engine returns instead of what
`offrecord redact` stores, without the second look: quicker, and without the manifest's figure. `--sheet` writes frames
beside their sources for a person's eyes. Needs the shared data folder, `../shared/data` or `OFFRECORD_SHARED_DATA`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.faces import ALL_ADULT, frames_of, policy
from benchmarks.faces_made import Bgr
from benchmarks.keep.figures import Figures, counted
from benchmarks.keep.scenes import Head, Scene, bgr_of, scenes
from redaction.model import VideoFrame
from redaction.policy import Policy
from redaction.video.redact import VideoRedactor, VideoStages

HEAD = (
    f"{'clip':20} {'uncovered':>10} {'least':>6} {'lost':>6} {'whole':>6} {'size':>5} {'steady':>12} "
    f"{'blinks':>7} {'stray':>7} {'manifest':>9} {'pixels':>7}"
)


def main() -> None:
    """Print one row a clip."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", action="store_true", help="measure the engine alone")
    parser.add_argument("--default", action="store_true", help="nobody is declared an adult")
    parser.add_argument("--frames", type=int, default=300, help="frames of a clip at most")
    parser.add_argument("--only", nargs="+", default=[], help="clips whose name holds one of these")
    parser.add_argument("--sheet", type=Path, help="write contact sheets into this folder")
    chosen = parser.parse_args()
    rules = Policy() if chosen.default else policy()
    stages = VideoStages.load(rules) if chosen.engine else None
    print(HEAD, flush=True)
    for scene in scenes(chosen.frames):
        if chosen.only and not any(word in scene.name for word in chosen.only):
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as name:
            if stages is not None:
                told, redacted = None, engine(scene, rules, stages)
            else:
                told, redacted = stored(scene, Path(name), declared=not chosen.default)
            sheet = Sheet(scene, chosen.sheet)
            figures = Figures()
            for figures, source, result in counted(scene, redacted):
                sheet.take(figures, source, result)
            sheet.write()
        print(row(scene, figures, told), f"{time.monotonic() - began:6.0f} s", flush=True)


def row(scene: Scene, figures: Figures, told: float | None) -> str:
    """Return one line of the table."""
    minutes = max(figures.seconds, 1e-3) / 60
    manifest = "-" if told is None else f"{told:.3f}"
    low = np.percentile(figures.steady, 5) if figures.steady else 1.0
    mean = np.mean(figures.steady) if figures.steady else 1.0
    return (
        f"{scene.name:20} {figures.uncovered:>4}/{figures.faces:<5} {figures.least:6.3f} "
        f"{np.mean(figures.lost):6.3f} {figures.whole / figures.frames:6.3f} "
        f"{np.median(figures.sizes) if figures.sizes else 0:5.2f} {low:5.3f}/{mean:.3f} "
        f"{figures.blinks / minutes:7.1f} {np.mean(figures.stray):7.4f} {manifest:>9} {np.mean(figures.covered):7.3f}"
    )


def engine(scene: Scene, rules: Policy, stages: VideoStages) -> Iterator[VideoFrame]:
    """Yield what the engine makes of a scene."""
    redactor: VideoRedactor | None = None
    for frame in scene.frames():
        if redactor is None:
            redactor = VideoRedactor(
                width=frame.width, height=frame.height, policy=rules, stages=stages, track="v", threaded=False
            )
        yield from (item.frame for item in redactor.push(frame))
    if redactor is not None:
        yield from (item.frame for item in redactor.flush())


def stored(scene: Scene, folder: Path, *, declared: bool) -> tuple[float, Iterator[VideoFrame]]:
    """Redact a scene with the command line; return the covered share of the manifest, and what was stored."""
    clip, rules = folder / "clip.mp4", folder / "policy.toml"
    rules.write_text(f"[minors]\n{ALL_ADULT} = true\n" if declared else "")
    write(scene.frames(), clip)
    program = [sys.executable, "-m", "recorder.cli", "redact", str(clip), "-o", str(folder)]
    subprocess.run([*program, "--policy", str(rules), "--quiet"], check=True, capture_output=True)
    (bundle,) = folder.glob("*.offrecord")
    manifest = json.loads((bundle / "manifest.json").read_text())
    share = float(manifest["coverage"]["video"]["share_of_area_covered"])
    return share, frames_of(bundle / "recording.mp4")


def write(frames: Iterable[VideoFrame], target: Path, *, rate: int = 30) -> None:
    """Encode a scene once, as a camera would."""
    with av.open(str(target), "w") as container:
        stream = None
        for frame in frames:
            if stream is None:
                stream = container.add_stream(
                    "libx264", rate=rate, options={"crf": "18", "preset": "veryfast"}
                )
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
            planes = np.concatenate([frame.y.ravel(), frame.u.ravel(), frame.v.ravel()])
            array = planes.reshape(frame.height * 3 // 2, frame.width)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(array, format="yuv420p")))
        if stream is not None:
            container.mux(stream.encode())


class Sheet:
    """Frames of a clip beside what became of them; the annotated and referenced faces are framed in the source."""

    def __init__(self, scene: Scene, folder: Path | None, *, every: int = 25) -> None:
        self._scene = scene
        self._folder = folder
        self._every = every
        self._rows: list[Bgr] = []
        self._worst: Bgr | None = None

    def take(self, figures: Figures, source: VideoFrame, result: VideoFrame) -> None:
        """Take the next frame."""
        index = figures.frames - 1
        if self._folder is None:
            return
        regular = index % self._every == 0 and len(self._rows) < 8
        if not regular and figures.worst_frame != index:
            return
        heads = self._scene.heads.get(index, [])
        pair = np.hstack([_shown(source, heads), _shown(result, [])])
        if regular:
            self._rows.append(np.asarray(pair, np.uint8))
        if figures.worst_frame == index:
            self._worst = np.asarray(pair, np.uint8)

    def write(self) -> None:
        """Write the sheet; its last row is the frame that lost most."""
        if self._folder is None or not self._rows:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        rows = self._rows + ([] if self._worst is None else [self._worst])
        halves = [np.vstack(rows[at::2] + [np.zeros_like(rows[0])] * (len(rows) % 2 * at)) for at in (0, 1)]
        name = self._scene.name.replace(" ", "-").replace(",", "")
        sheet = np.hstack(halves) if len(rows) > 1 else rows[0]
        cv2.imwrite(str(self._folder / f"{name}.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 80])


def _shown(frame: VideoFrame, heads: Iterable[Head]) -> Bgr:
    picture = bgr_of(frame)
    for head in heads:
        x1, y1, x2, y2 = (int(edge) for edge in head.box)
        cv2.rectangle(picture, (x1, y1), (x2, y2), (0, 255, 0) if head.known else (0, 200, 255), 2)
    height = 270
    size = (round(picture.shape[1] * height / picture.shape[0]), height)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    main()
