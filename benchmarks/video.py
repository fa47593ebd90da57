"""The picture's speed and memory, side by side in one run with the plain floor and with deface.

    python -m benchmarks.video [--seconds 10] [--repeat 1] [--faces 1 4 9] [--deface PYTHON] [--memory 2 20]

Each row redacts one generated 720p30 gallery of talking faces: (a) floor: PyAV decodes and encodes it with the same
settings; (b) offrecord's picture: decode, redact, encode; (c) `offrecord redact` as a whole with the second look; (d)
deface 1.5.0 with its default backend, when a Python that has it is named. Times are ratios within this run. Needs the
shared data folder, `../shared/data` or `OFFRECORD_SHARED_DATA`.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.faces import DATA
from benchmarks.faces_made import gallery
from recorder.media.encode import AudioWriter, VideoWriter, mux
from recorder.media.file import FileSource
from redaction.model import AudioBlock, VideoFrame

PRESET, CRF = "veryfast", 23
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall and CPU seconds of one run."""

    wall: float
    cpu: float


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--faces", type=int, nargs="+", default=[1, 4, 9])
    parser.add_argument(
        "--repeat", type=int, default=1, help="times each run is repeated; the least of its times counts"
    )
    parser.add_argument("--deface", help="a Python with deface 1.5.0")
    parser.add_argument(
        "--memory", type=int, nargs="+", metavar="MINUTES", help="peak memory by length, instead"
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if chosen.memory:
            memory(folder, chosen.memory)
            return
        print(f"{'faces':>5} {'run':24} {'wall s':>7} {'x floor':>8} {'cpu ms/frame':>13} {'uncovered':>10}")
        for count in chosen.faces:
            rows(folder, count=count, seconds=chosen.seconds, repeat=chosen.repeat, deface=chosen.deface)


def rows(folder: Path, *, count: int, seconds: int, repeat: int, deface: str | None) -> None:
    """Print wall and CPU per frame of each run over one gallery."""
    clip, plain = folder / f"{count}.mp4", folder / "floor.mp4"
    ours, out, theirs = folder / f"{count}-ours.mp4", folder / f"{count}-out", folder / f"{count}-deface.mp4"
    frames = write(gallery(count, seconds), clip)
    whole = [sys.executable, "-m", "recorder.cli", "redact", clip, "-o", out, "--quiet", "--force"]
    works: dict[str, Callable[[], object]] = {
        "floor: decode + encode": lambda: child("floor", clip, plain),
        "offrecord, picture": lambda: child("picture", clip, ours),
        "offrecord redact, whole": lambda: run(whole),
    }
    if deface:
        works["deface 1.5.0"] = lambda: run([deface, "-m", "deface.deface", clip, "-o", theirs])
    costs: dict[str, Cost] = {}
    for _ in range(repeat):
        for name, work in works.items():
            now = timed(work)
            least = costs.get(name, now)
            costs[name] = Cost(min(least.wall, now.wall), min(least.cpu, now.cpu))
    (stored,) = out.glob("*/recording.mp4")
    results = dict(zip(works, (None, ours, stored, theirs), strict=False))
    for name, cost in costs.items():
        result = results[name]
        compared = None if result is None else (clip, result)
        line(count, name, cost, costs["floor: decode + encode"], frames, compared)


def line(
    count: int, name: str, cost: Cost, floor: Cost, frames: int, compared: tuple[Path, Path] | None
) -> None:
    """Print one row."""
    left = "" if compared is None else f"{uncovered(*compared, count=count)}"
    times = f"{cost.wall:7.1f} {cost.wall / floor.wall:8.2f} {1000 * cost.cpu / frames:13.1f}"
    print(f"{count:5} {name:24} {times} {left:>10}", flush=True)


def timed(work: Callable[[], object]) -> Cost:
    """Run work in child processes and return what it cost."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.monotonic() - began, cpu)


def run(program: Sequence[str | Path]) -> None:
    """Run a program quietly to its end."""
    subprocess.run(list(map(str, program)), check=True, cwd=ROOT, capture_output=True)


def child(what: str, source: Path, target: Path) -> None:
    """Run one of this file's own ways in a process of its own."""
    run(
        [
            sys.executable,
            "-c",
            f"from benchmarks.video import {what}; {what}({str(source)!r}, {str(target)!r})",
        ]
    )


def floor(source: str, target: str) -> None:
    """Decode and encode with the same settings, nothing else."""
    with av.open(source) as given, av.open(target, "w") as made:
        stored = given.streams.video[0]
        stored.thread_type = "AUTO"
        stream = made.add_stream("libx264", rate=stored.average_rate or Fraction(30))
        stream.width, stream.height, stream.pix_fmt = stored.width, stored.height, "yuv420p"
        stream.codec_context.thread_count = 2
        stream.codec_context.options = {"crf": str(CRF), "preset": PRESET}
        for frame in given.decode(stored):
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))


def picture(source: str, target: str) -> None:
    """Decode, redact and encode, without the second look and the bundle."""
    from recorder.media.file import FileSource
    from recorder.offline.video import redact_video
    from recorder.runtime.context import Run
    from redaction.policy import Policy
    from redaction.video.redact import VideoStages

    recording, policy = FileSource(Path(source)), Policy()
    redact_video(
        recording,
        recording.info().video[0],
        Path(target),
        policy=policy,
        stages=VideoStages.load(policy, threads=2),
        run=Run(),
    )


def write(frames: Iterator[VideoFrame], path: Path) -> int:
    """Encode generated frames as the source, at better quality than the runs store."""
    writer, count = None, 0
    for frame in frames:
        if writer is None:
            writer = VideoWriter(
                path, width=frame.width, height=frame.height, time_base=frame.time_base, crf=18, preset="fast"
            )
        writer.write(frame)
        count += 1
    if writer is not None:
        writer.close()
    return count


def uncovered(source: Path, result: Path, *, count: int) -> int:
    """Count faces, once a second, of which fine detail is still there: correlation over 0.6 (as in visual audits)."""
    from redaction.video.faces.detect import CenterFace

    detector = CenterFace(threads=2, shrink=1.0, limit=1280)
    left = 0
    with av.open(str(source)) as one, av.open(str(result)) as two:
        for number, (before, after) in enumerate(zip(one.decode(video=0), two.decode(video=0), strict=False)):
            if number % 30:
                continue
            old, new = before.to_ndarray(format="bgr24"), after.to_ndarray(format="bgr24")
            faces = [face for face in detector.detect(old) if face.score >= 0.6][: 2 * count]
            left += sum(alike(old, new, face.box) > 0.6 for face in faces)
    return left


def alike(old: NDArray[np.uint8], new: NDArray[np.uint8], box: tuple[float, float, float, float]) -> float:
    """Return the correlation of fine detail in the inner part of a box, -1 to 1."""
    x1, y1, x2, y2 = box
    dx, dy = (x2 - x1) * 0.2, (y2 - y1) * 0.2
    inner = (slice(max(0, int(y1 + dy)), int(y2 - dy)), slice(max(0, int(x1 + dx)), int(x2 - dx)))
    fine = []
    for image in (old, new):
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
        fine.append((grey - cv2.GaussianBlur(grey, (0, 0), 3))[inner].ravel())
    if fine[0].size < 16 or fine[1].std() < 1e-3:
        return 0.0
    return float(np.corrcoef(fine[0], fine[1])[0, 1])


def memory(folder: Path, minutes: Sequence[int]) -> None:
    """Print the peak memory of recordings of several lengths, with picture and speech."""
    print(f"{'minutes':>7} {'peak MB':>8} {'ratio':>6} {'wall s':>8}")
    once = folder / "once.mp4"
    write(gallery(1, 60), folder / "picture.mp4")
    speech(folder / "sound.m4a", seconds=60)
    mux(video=folder / "picture.mp4", audio=folder / "sound.m4a", out=once)
    first = 0.0
    for length in minutes:
        clip = folder / f"{length}.mp4"
        repeat(once, clip, times=length)
        began = time.monotonic()
        program = [
            sys.executable,
            "-m",
            "recorder.cli",
            "redact",
            str(clip),
            "-o",
            str(folder / "out"),
            "--quiet",
        ]
        with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"redact ended with {status}")
        peak = usage.ru_maxrss / 1024
        first = first or peak
        print(f"{length:7} {peak:8.0f} {peak / first:6.2f} {time.monotonic() - began:8.1f}", flush=True)


def speech(path: Path, *, seconds: int) -> None:
    """Store a minute of a synthetic call."""
    writer = AudioWriter(path, sample_rate=16_000)
    source = FileSource(DATA / "speech/standup.wav")
    for block in source.audio("A1", 16_000):
        if isinstance(block, AudioBlock) and block.span.end <= seconds:
            writer.write(block)
    writer.close()


def repeat(source: Path, target: Path, *, times: int) -> None:
    """Write a file again and again behind itself by copying packets."""
    with av.open(str(target), "w") as made:
        streams: dict[int, av.stream.Stream] = {}
        shift = Fraction(0)
        for _ in range(times):
            end = shift
            with av.open(str(source)) as given:
                for stream in given.streams:
                    if stream.index not in streams:
                        streams[stream.index] = made.add_stream_from_template(stream)
                for packet in given.demux():
                    if packet.dts is None or packet.pts is None or packet.time_base is None:
                        continue
                    ticks = round(shift / packet.time_base)
                    end = max(end, shift + (packet.pts + (packet.duration or 0)) * packet.time_base)
                    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                    packet.stream = streams[packet.stream.index]
                    made.mux(packet)
            shift = end


if __name__ == "__main__":
    main()
