"""What a whole `offrecord redact` costs, against decoding and encoding alone, with privacy and keep in the same row.

    python -m benchmarks.speed [--seconds 10 120] [--height 720] [--only street ...] [--repeat 1] [--deface PYTHON]

Scenes: still galleries of 1, 4 and 9 talking heads; moving ones: a street, a pan over a crowd, three heads filmed by
hand; and a shared page that scrolls half of the time. All run to and fro without a cut to the length asked for;
everybody is declared an adult.

One row a scene and run. `floor` decodes and encodes the clip with the same settings, in a process of its own, as all
runs are. `x floor` is of the same run, `cores` CPU over wall seconds. With two lengths a last row tells the first from
the steady cost: what a longer clip adds, by frame, and what is left of the shorter one, in CPU seconds. *Uncovered*
counts annotated faces of which less than 95 % is covered, *lost* is the share of the picture covered beyond a head's
worth, as in `benchmarks.keep`, both in what was stored, on every tenth frame.

Wall times are worth something on a quiet machine only; CPU is the steadier figure. Needs the shared data folder,
`../shared/data` or `OFFRECORD_SHARED_DATA`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from benchmarks.faces import ALL_ADULT, frame_of, frames_of
from benchmarks.keep.figures import Figures, counted
from benchmarks.keep.scenes import (
    Head,
    Scene,
    bgr_of,
    crowd,
    crowds,
    gallery,
    moved,
    panel,
    shaken,
    shared,
    zoom,
)
from benchmarks.screens_speed import sharing
from benchmarks.video import ROOT, write
from redaction.model import VideoFrame

RATE = 30
_EVERY = 10


@dataclass(frozen=True, slots=True)
class Spent:
    """What one run used: seconds, seconds of CPU, and most memory in MB."""

    wall: float
    cpu: float
    peak: float


def scene_of(name: str) -> Scene:
    """Return a scene as it was staged once, 1280x720."""
    if name.startswith("gallery"):
        return gallery(int(name.rpartition(" ")[2]), 150)
    if name == "street":
        return moved(name, shared("street", 105), zoom(1.0, 1.0, 105), size=(1920, 1080))
    if name == "crowd, pan":
        return crowd(name, crowds(1)[0], 75)
    return moved(name, panel(120), shaken(1.15), size=(1280, 720))


SCENES = ("gallery 1", "gallery 4", "gallery 9", "street", "crowd, pan", "panel, hand-held", "sharing")


def staged(name: str, seconds: int, height: int) -> Scene:
    """Return a scene of a length and height: to and fro, scaled."""
    if name == "sharing":
        return Scene(name, lambda: _scaled_all(sharing(seconds), height), {}, writing=True)
    once = scene_of(name)
    frames = [_scaled(frame, height, 0) for frame in once.frames()]
    scale, last = height / 720, len(frames) - 1

    def place(index: int) -> int:
        at = index % (2 * last)
        return at if at <= last else 2 * last - at

    def played() -> Iterator[VideoFrame]:
        for index in range(seconds * RATE):
            shown = frames[place(index)]
            yield VideoFrame(shown.y, shown.u, shown.v, index, shown.time_base)

    heads = {
        index: [
            Head(head.number, (x1 * scale, y1 * scale, x2 * scale, y2 * scale), head.known)
            for head in once.heads.get(place(index), [])
            for x1, y1, x2, y2 in (head.box,)
        ]
        for index in range(seconds * RATE)
    }
    return Scene(name, played, heads)


def _scaled_all(frames: Iterator[VideoFrame], height: int) -> Iterator[VideoFrame]:
    return (_scaled(frame, height, index) for index, frame in enumerate(frames))


def _scaled(frame: VideoFrame, height: int, index: int) -> VideoFrame:
    if frame.height == height:
        return VideoFrame(frame.y, frame.u, frame.v, index, frame.time_base)
    size = (round(frame.width * height / frame.height / 2) * 2, height)
    way = cv2.INTER_AREA if height < frame.height else cv2.INTER_CUBIC
    return frame_of(np.asarray(cv2.resize(bgr_of(frame), size, interpolation=way), np.uint8), index)


_SMALL = (
    "import json, os, subprocess, sys, time; began = time.monotonic(); "
    "child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL); _, status, used = os.wait4(child.pid, 0); "
    "print(json.dumps([time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024])); "
    "sys.exit(bool(status))"
)
"""A small process that starts the one that is measured: a child counts its parent's memory as its own peak."""


def spent(program: Sequence[str | Path]) -> Spent:
    """Run a program quietly to its end and return what it, with its children, used."""
    command = [sys.executable, "-c", _SMALL, *map(str, program)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return Spent(*json.loads(done.stdout))


def looked_at(scene: Scene, stored: Path) -> Figures:
    """Compare what was stored with the scene, on every tenth frame."""
    frames: Callable[[], Iterator[VideoFrame]] = lambda: islice(scene.frames(), 0, None, _EVERY)  # noqa: E731
    heads = {index // _EVERY: some for index, some in scene.heads.items() if index % _EVERY == 0}
    redacted = islice(frames_of(stored), 0, None, _EVERY)
    *_, (figures, _, _) = counted(Scene(scene.name, frames, heads, scene.writing), redacted)
    return figures


def measured(scene: Scene, seconds: int, *, repeat: int, deface: str | None) -> dict[str, Spent]:
    """Print the rows of one scene and length; return what each run used."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip, plain, theirs, rules = (
            folder / one for one in ("clip.mp4", "floor.mp4", "deface.mp4", "policy.toml")
        )
        rules.write_text(f"[minors]\n{ALL_ADULT} = true\n")
        write(scene.frames(), clip)
        floor = f"from benchmarks.video import floor; floor({str(clip)!r}, {str(plain)!r})"
        command = [
            sys.executable,
            "-m",
            "recorder.cli",
            "redact",
            clip,
            "-o",
            folder,
            "--policy",
            rules,
            "--force",
        ]
        works: dict[str, list[str | Path]] = {
            "floor": [sys.executable, "-c", floor],
            "whole": [*command, "--quiet"],
        }
        if deface:
            works["deface"] = [deface, "-m", "deface.deface", clip, "-o", theirs]
        least: dict[str, Spent] = {}
        for _ in range(repeat):
            for work, program in works.items():
                now = spent(program)
                before = least.get(work, now)
                least[work] = min(now, before, key=lambda one: one.cpu)
        (stored,) = folder.glob("*.offrecord/recording.mp4")
        for work, used in least.items():
            figures = None if work == "floor" else looked_at(scene, stored if work == "whole" else theirs)
            print(row(scene, seconds, work, used, least["floor"], figures), flush=True)
        return least


HEAD = (
    f"{'scene':16} {'s':>4} {'run':7} {'wall s':>7} {'x floor':>8} {'cpu s':>7} {'x floor':>8} {'cores':>6} "
    f"{'peak MB':>8} {'uncovered':>10} {'lost':>6}"
)


def row(scene: Scene, seconds: int, work: str, used: Spent, floor: Spent, figures: Figures | None) -> str:
    """Return one line of the table."""
    left = ""
    if figures is not None:
        faces = f"{figures.uncovered}/{figures.faces}" if figures.faces else "-"
        left = f"{faces:>10} {np.mean(figures.lost):6.3f}"
    return (
        f"{scene.name:16} {seconds:4} {work:7} {used.wall:7.1f} {used.wall / floor.wall:8.2f} {used.cpu:7.1f} "
        f"{used.cpu / floor.cpu:8.2f} {used.cpu / used.wall:6.2f} {used.peak:8.0f} {left}"
    )


def split(name: str, lengths: Sequence[int], runs: Sequence[dict[str, Spent]]) -> str:
    """Return the line that tells the first cost from the steady one."""
    short, long = lengths[0], lengths[-1]
    steady = {work: (runs[-1][work].cpu - runs[0][work].cpu) / (long - short) for work in ("floor", "whole")}
    first = runs[0]["whole"].cpu - short * steady["whole"]
    return (
        f"{name:16}      steady {1000 * steady['whole'] / RATE:6.1f} ms of CPU a frame, "
        f"x {steady['whole'] / steady['floor']:.2f} of the floor's; first {first:.1f} s of CPU"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, nargs="+", default=[10, 120])
    parser.add_argument(
        "--height", type=int, default=720, help="of the picture in pixels: 360, 720, 1080 or 2160"
    )
    parser.add_argument("--only", nargs="+", default=[], help="scenes whose name holds one of these")
    parser.add_argument(
        "--repeat", type=int, default=1, help="times each run is repeated; the least CPU counts"
    )
    parser.add_argument("--deface", help="a Python with deface 1.5.0")
    chosen = parser.parse_args()
    lengths = sorted(set(chosen.seconds))
    print(HEAD, flush=True)
    for name in SCENES:
        if chosen.only and not any(word in name for word in chosen.only):
            continue
        runs = [
            measured(
                staged(name, seconds, chosen.height), seconds, repeat=chosen.repeat, deface=chosen.deface
            )
            for seconds in lengths
        ]
        if len(lengths) > 1:
            print(split(name, lengths, runs), flush=True)


if __name__ == "__main__":
    main()
