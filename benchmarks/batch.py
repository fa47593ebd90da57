"""Throughput, overhead and planning of `offrecord batch` on this machine.

    python -m benchmarks.batch                       two workers against one, and both against single runs
    python -m benchmarks.batch --only workers        the first alone; `--only singles` the second
    python -m benchmarks.batch --plan 10000          plan and resume that many tiny entries
    python -m benchmarks.batch --ray --rounds 2      the same two workers through an embedded Ray against local ones

Recordings are cut from the sample call (a real face, intelligible speech). Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from samples.make import make_call

_ONE_CORE = "one worker on one core"
_TWO_WORKERS = "two workers on a core each"
_TWO_CORES = "one worker on two cores"
_SINGLES = "single redact runs, summed"
_WORKERS = {
    _ONE_CORE: ["--jobs", "1", "--threads", "1"],
    _TWO_WORKERS: ["--jobs", "2", "--threads", "1"],
    _TWO_CORES: ["--jobs", "1", "--threads", "2"],
}
_COMMAND = [sys.executable, "-m", "recorder.cli"]


@dataclass(frozen=True, slots=True)
class Took:
    """Wall and CPU seconds of a command and its children."""

    wall: float
    cpu: float


def main() -> None:
    """Measure what the arguments name."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recordings", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each recording")
    parser.add_argument(
        "--rounds", type=int, default=1, help="one and two workers in turn; the fastest of each counts"
    )
    parser.add_argument(
        "--only",
        choices=["workers", "singles"],
        default="",
        help="two workers against one, or against single runs",
    )
    parser.add_argument("--plan", type=int, default=0, help="only plan so many entries")
    parser.add_argument("--ray", action="store_true", help="only compare two workers with two through Ray")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.plan:
            plan(Path(folder), arguments.plan)
        elif arguments.ray:
            overhead_of_ray(Path(folder), arguments.recordings, arguments.seconds, arguments.rounds)
        else:
            throughput(
                Path(folder),
                arguments.recordings,
                arguments.seconds,
                arguments.rounds,
                only=arguments.only,
            )


def throughput(folder: Path, recordings: int, seconds: float, rounds: int, *, only: str = "") -> None:
    """Compare two workers with one of the same kind, and workers with single runs."""
    source = folder / "source"
    source.mkdir()
    call = make_call().path
    for number in range(recordings):
        cut(call, source / f"{number:02d}.mp4", start=2.0 * (number % 5), seconds=seconds)
    print(
        f"{recordings} recordings of {seconds:.0f} s, 720p, a face and speech; load {os.getloadavg()[0]:.1f}"
    )
    runs: dict[str, list[Took]] = {}
    steady: dict[str, list[float]] = {}
    for round_ in range(rounds):
        for name, flags in _WORKERS.items():
            if name == {"singles": _ONE_CORE, "workers": _TWO_CORES}.get(only):
                continue
            out = folder / f"out-{name.replace(' ', '-')}-{round_}"
            runs.setdefault(name, []).append(
                timed([*_COMMAND, "batch", str(source), str(out), "--quiet", *flags])
            )
            steady.setdefault(name, []).append(loaded_rate(out))
            print(
                f"  round {round_ + 1}: {name:30} {runs[name][-1].wall:7.1f} s wall; once models are loaded "
                f"{steady[name][-1]:.2f} media hours an hour",
                flush=True,
            )
    if only != "workers":
        flags = ["-o", str(folder / "singles"), "--quiet"]
        singles = [timed([*_COMMAND, "redact", str(item), *flags]) for item in sorted(source.iterdir())]
        runs[_SINGLES] = [Took(sum(item.wall for item in singles), sum(item.cpu for item in singles))]
    best = {name: min(took, key=lambda item: item.wall) for name, took in runs.items()}
    for name, took in best.items():
        rate = recordings * seconds / took.wall
        print(f"{name:30} {took.wall:7.1f} s wall {took.cpu:7.1f} s CPU   {rate:5.2f} media hours an hour")
    if _ONE_CORE in best:
        one, two = best[_ONE_CORE], best[_TWO_WORKERS]
        print(
            f"two workers are {one.wall / two.wall:.2f} x one by wall time, "
            f"{max(steady[_TWO_WORKERS]) / max(steady[_ONE_CORE]):.2f} x once models are loaded; "
            f"by CPU, as on two cores that nobody else uses, {2 * one.cpu / two.cpu:.2f} x"
        )
    for name in (_TWO_CORES, _TWO_WORKERS) if _SINGLES in best else ():
        print(
            f"{name}: {100 * (best[name].cpu / best[_SINGLES].cpu - 1):+.1f} % CPU, "
            f"{100 * (best[name].wall / best[_SINGLES].wall - 1):+.1f} % wall against single runs"
        )


def loaded_rate(out: Path) -> float:
    """Return media hours an hour of all workers together, without each one's first recording, which loads models."""
    with closing(sqlite3.connect(out / ".offrecord-batch" / "batch.sqlite")) as store:
        rows = store.execute(
            "SELECT worker, media_seconds, seconds FROM recordings ORDER BY changed"
        ).fetchall()
    workers: dict[str, list[tuple[float, float]]] = {}
    for worker, media, seconds in rows:
        workers.setdefault(worker, []).append((media, seconds))
    return sum(
        sum(media for media, _ in done[1:]) / sum(seconds for _, seconds in done[1:])
        for done in workers.values()
        if len(done) > 1
    )


def overhead_of_ray(folder: Path, recordings: int, seconds: float, rounds: int) -> None:
    """Compare two local workers with two actors; Ray's own processes are no children, so only wall time tells."""
    source = folder / "source"
    source.mkdir()
    call = make_call().path
    for number in range(recordings):
        cut(call, source / f"{number:02d}.mp4", start=2.0 * (number % 5), seconds=seconds)
    print(
        f"{recordings} recordings of {seconds:.0f} s, 720p, a face and speech; load {os.getloadavg()[0]:.1f}"
    )
    best: dict[str, float] = {}
    for round_ in range(rounds):
        for engine in ("local", "ray"):
            flags = ["--engine", engine, "--jobs", "2", "--threads", "1", "--quiet"]
            out = folder / f"out-{engine}-{round_}"
            took = timed([sys.executable, "-m", "recorder.cli", "batch", str(source), str(out), *flags])
            wall = took.wall
            print(f"{engine:6} {wall:7.1f} s wall; load {os.getloadavg()[0]:.1f}", end="")
            print(
                f"; {recordings * seconds / took.cpu:.2f} media hours a core hour"
                if engine == "local"
                else ""
            )
            best[engine] = min(wall, best.get(engine, wall))
    more = best["ray"] - best["local"]
    print(f"Ray takes {more:+.1f} s more, {100 * more / best['local']:+.1f} %")


def cut(call: Path, target: Path, *, start: float, seconds: float) -> None:
    """Cut picture and sound out of the sample call, encoded anew; what is longer than the call goes round it."""
    with av.open(str(target), "w") as out:
        with av.open(str(call)) as source:
            picture, sound = source.streams.video[0], source.streams.audio[0]
            rate = picture.average_rate or Fraction(30)
            video = out.add_stream("libx264", rate=rate, options={"preset": "veryfast"})
            video.width, video.height, video.pix_fmt = picture.width, picture.height, "yuv420p"
            audio = out.add_stream("aac", rate=sound.rate)
        frames, samples = round(seconds * rate), round(seconds * audio.rate)
        shown = heard = 0
        while shown < frames or heard < samples:
            for frame in _decoded(call, start):
                if isinstance(frame, av.VideoFrame) and shown < frames:
                    frame.pts, frame.time_base, frame.pict_type = shown, 1 / rate, 0
                    shown += 1
                    out.mux(video.encode(frame))
                elif isinstance(frame, av.AudioFrame) and heard < samples:
                    frame.pts, frame.time_base = heard, Fraction(1, frame.sample_rate)
                    heard += frame.samples
                    out.mux(audio.encode(frame))
            start = 0.0
        for stream in (video, audio):
            out.mux(stream.encode(None))


def _decoded(call: Path, start: float) -> Iterator[av.VideoFrame | av.AudioFrame]:
    with av.open(str(call)) as source:
        for frame in source.decode(source.streams.video[0], source.streams.audio[0]):
            if isinstance(frame, av.VideoFrame | av.AudioFrame) and (frame.time or 0.0) >= start:
                yield frame


def timed(command: list[str]) -> Took:
    """Run a command to its end."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{command} ended with {done.returncode}: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(time.monotonic() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def plan(folder: Path, entries: int) -> None:
    """Plan, claim and finish nothing, and resume, with memory watched."""
    source = folder / "source"
    for number in range(entries):
        place = source / f"{number // 500:04d}" / f"{number:06d}.wav"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"\0" * 64)
    out = folder / "out"
    script = (
        "import sys, json, resource, time\n"
        "from pathlib import Path\n"
        "from recorder.batch.stores.folder_source import FolderSources\n"
        "from recorder.batch.stores.folder_destination import FolderDestination\n"
        "from recorder.batch.ledger.ledger import BatchLedger\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "began = time.monotonic()\n"
        "place = FolderDestination(sys.argv[2]); key = place.key()\n"
        "with BatchLedger(place.state, create=True) as store:\n"
        "    store.begin('0' * 64)\n"
        "    found = FolderSources(sys.argv[1]).list()\n"
        "    planned = store.plan(found, key=key, spec='x', present=place.names(), retry=False)\n"
        "    store.end()\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(json.dumps([planned.listed, time.monotonic() - began, before / 1024, peak / 1024]))\n"
    )
    for what in ("plan", "resume"):
        done = subprocess.run(
            [sys.executable, "-c", script, str(source), str(out)], check=True, capture_output=True, text=True
        )
        listed, seconds, before, peak = json.loads(done.stdout)
        print(
            f"{what}: {listed:,} entries in {seconds:.2f} s; memory {before:.0f} MiB before, {peak:.0f} MiB at most"
        )
    print(f"a run over them, each refused: {timed_refusals(source, out):.1f} s")
    print(f"a run that finds them all refused before: {timed_refusals(source, out):.1f} s")


def timed_refusals(source: Path, out: Path) -> float:
    """Run the batch over entries that are no recordings; each is refused."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "recorder.cli", "batch", str(source), str(out), "--quiet", "--json"],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 3:
        raise SystemExit(done.stderr[-2000:])
    return time.monotonic() - began


if __name__ == "__main__":
    main()
