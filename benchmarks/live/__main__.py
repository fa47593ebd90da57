"""How many participants of a live call this machine redacts in real time, next to decoding and to plain recording.

    python -m benchmarks.live [--seconds N] [--minutes N]

Synthetic participants send faces that move (letterboxed clips, VP8 at 30 pictures a second, decoded in real time as a
call's source would) and speech. Every row is a process of its own. `aiortc` is the floor: aiortc alone receives and
decodes the same clips, and Opus, over WebRTC on loopback from another process, whose CPU does not count. `decode` only
decodes the pictures and throws them away. `plain` encodes them to memory with the same encoder and settings,
unredacted. `live` is the live engine with its journal on the disk; `level` is the worst that was spared. CPU is in
percent of one core, over the whole process. `cost` is the live engine fed as fast as it takes pictures, at full level:
CPU then is per second of each participant's call, whatever else the machine does, so that cores over it are the
participants that one machine records. `python -m benchmarks.live.talk` measures whose words are stored. `--minutes`
adds a soak with its memory, every half minute. Needs the shared data folder, `../shared/data` or
`OFFRECORD_SHARED_DATA`, and the models.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np

from benchmarks.live.sending import MADE, RATE, SIZES, Sender, voice, vp8
from benchmarks.rtc import by_aiortc, on_loopback, senders
from recorder.call.source import LiveKind, TimedAudio, TimedVideo
from recorder.live.capture.engine import LiveEngine
from recorder.live.capture.load_shedding import Governor, Level
from recorder.live.store.journal import Journal
from recorder.live.store.schema import CallRecord, ConsentRecord, PersonRecord, Stay
from recorder.runtime.context import Run
from redaction.model import Samples
from redaction.policy import Policy
from redaction.stages import Stages

CLIPS = ("d3", "d6", "d12")
VOICES = ("standup.host", "standup.dev1", "standup.dev2", "standup.pm")


@dataclass
class Row:
    """What one run measured."""

    kind: str
    size: str
    people: int
    cpu: float = 0.0
    sent: int = 0
    taken: int = 0
    dropped: int = 0
    level: str = ""
    lag_s: float = 0.0
    late_ms: float = 0.0
    memory: tuple[int, ...] = ()
    words: int = 0


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Load of a live call.")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--row", nargs=4, metavar=("KIND", "SIZE", "PEOPLE", "SECONDS"))
    given = parser.parse_args()
    if given.row:
        kind, size, people, seconds = given.row
        print(json.dumps(asdict(measured(kind, size, int(people), float(seconds)))))
        return
    print(f"load average before: {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}")
    print(
        f"{'what':7} {'size':5} {'people':>6} {'CPU %':>6} {'sent':>6} {'stored':>6} {'dropped':>7} {'level':>8} "
        f"{'lag s':>6} {'memory MB':>9}"
    )
    with tempfile.TemporaryDirectory() as made:
        for size, most in (("360p", 4), ("720p", 2)):
            for kind in ("aiortc", "decode", "plain"):
                show(run_row(kind, size, most, given.seconds, made))
            show(run_row("cost", size, 2, given.seconds / 2, made))
            for people in sorted({1, max(1, most // 2), most, 2 * most}):
                show(run_row("live", size, people, given.seconds, made))
        if given.minutes:
            row = run_row("live", "360p", 2, given.minutes * 60, made)
            show(row)
            print("memory MB:", *row.memory)


def run_row(kind: str, size: str, people: int, seconds: float, made: str) -> Row:
    """Measure in a process of its own; what is sent is kept in a folder from row to row."""
    program = [sys.executable, "-m", "benchmarks.live", "--row", kind, size, str(people), str(seconds)]
    given = {**os.environ, MADE: made}
    done = subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True, env=given)
    return Row(**json.loads(done.stdout.splitlines()[-1]))


def show(row: Row) -> None:
    """Print one row."""
    print(
        f"{row.kind:7} {row.size:5} {row.people:6d} {row.cpu:6.0f} {row.sent:6d} {row.taken:6d} {row.dropped:7d} "
        f"{row.level:>8} {row.lag_s:6.2f} {max(row.memory, default=0):9d}",
        flush=True,
    )


def measured(kind: str, size: str, people: int, seconds: float) -> Row:
    """Run one row."""
    row = Row(kind, size, people)
    clips = [vp8(name, SIZES[size]) for name in CLIPS]
    if kind == "aiortc":
        asyncio.run(floor(row, clips, seconds))
        return row
    voices = [voice(name) for name in VOICES]
    with consumers(kind, size, people) as (makes, watch, finished, full):
        cpu, began = time.process_time(), time.monotonic() + 0.2
        senders = [
            Sender(
                clips[number % len(clips)],
                voices[number % len(voices)],
                picture=picture,
                sound=sound,
                began=began,
                seconds=seconds,
                full=full,
            )
            for number, (picture, sound) in enumerate(makes)
        ]
        for sender in senders:
            sender.start()
        memory: list[int] = []
        ticks = 0
        while any(sender.is_alive() for sender in senders):
            time.sleep(0.25)
            watch(row)
            ticks += 1
            if ticks % 120 == 4:
                memory.append(resident_mb())
        memory.append(resident_mb())
        if kind == "cost":
            finished(row)
            row.cpu = round(100 * (time.process_time() - cpu) / (seconds * people), 1)
        else:
            row.cpu = round(100 * (time.process_time() - cpu) / (time.monotonic() - began), 1)
        row.sent = sum(sender.sent for sender in senders)
        row.late_ms = round(1000 * max(sender.late_s for sender in senders), 1)
        row.memory = tuple(memory)
        if kind != "cost":
            finished(row)
    return row


async def floor(row: Row, clips: list[list[bytes]], seconds: float) -> None:
    """Receive and decode with aiortc alone."""
    on_loopback()
    processes = multiprocessing.get_context("spawn")
    mine, other = processes.Pipe()
    process = processes.Process(target=senders, args=(other, row.people, clips))
    process.start()
    async with AsyncExitStack() as stack:
        counts = await by_aiortc(mine, row.people, stack)
        await asyncio.sleep(3)
        had, cpu, began = counts[0], time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        row.cpu = round(100 * (time.process_time() - cpu) / (time.monotonic() - began), 1)
        row.taken = counts[0] - had
        row.sent = round(seconds * RATE * row.people)
        row.memory = (resident_mb(),)
    mine.send("end")
    await asyncio.to_thread(process.join)


Makes = list[tuple[Callable[[TimedVideo], None], Callable[[TimedAudio], None]]]
Consumers = tuple[Makes, Callable[[Row], None], Callable[[Row], None], Callable[[], bool] | None]


@contextlib.contextmanager
def consumers(kind: str, size: str, people: int) -> Iterator[Consumers]:
    """Yield where each participant's media goes, what watches the run, and what ends it."""
    if kind in ("live", "cost"):
        with live(people, paced=kind == "cost") as given:
            yield given
        return
    makes: Makes = []
    plains = [Plain(SIZES[size]) for _ in range(people)] if kind == "plain" else []

    def nothing(_: object) -> None:
        return None

    for number in range(people):
        makes.append((plains[number].video, plains[number].audio) if plains else (nothing, nothing))
    yield makes, nothing, nothing, None


class Plain:
    """Encodes one participant unredacted into memory."""

    def __init__(self, size: tuple[int, int]) -> None:
        output = Policy().output
        self.container = av.open(io.BytesIO(), mode="w", format="matroska")
        self.video_stream = self.container.add_stream("libx264", rate=Fraction(RATE))
        self.video_stream.width, self.video_stream.height = size
        self.video_stream.pix_fmt = "yuv420p"
        context = self.video_stream.codec_context
        context.thread_count = 1
        context.time_base = self.video_stream.time_base = Fraction(1, 90_000)
        context.options = {"crf": str(output.crf), "preset": output.preset, "tune": "zerolatency"}
        self.audio_stream = self.container.add_stream("aac", rate=48_000)
        self.audio_stream.layout = "mono"
        self.at = 0
        self.held: deque[Samples] = deque()

    def video(self, video: TimedVideo) -> None:
        """Encode a video."""
        frame = video.frame
        frame.pts, frame.time_base = round(video.time * 90_000), Fraction(1, 90_000)
        self.container.mux(self.video_stream.encode(frame))

    def audio(self, audio: TimedAudio) -> None:
        """Encode a block of sound, at whatever rate."""
        self.held.append(np.repeat(audio.samples, 48_000 // audio.sample_rate))
        if sum(map(len, self.held)) < 1024:
            return
        samples = np.concatenate(self.held)
        whole = len(samples) // 1024 * 1024
        self.held = deque([samples[whole:]])
        for start in range(0, whole, 1024):
            block = np.ascontiguousarray(samples[start : start + 1024]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, self.at, Fraction(1, 48_000)
            self.at += 1024
            self.container.mux(self.audio_stream.encode(frame))


@contextlib.contextmanager
def live(people: int, *, paced: bool) -> Iterator[Consumers]:
    """Yield lanes of a live engine."""
    with tempfile.TemporaryDirectory() as folder:
        policy = Policy()
        journal = Journal(Path(folder))
        journal.begin(
            CallRecord(version="0", started=datetime.now(UTC), way="room", policy={}, policy_digest="")
        )
        errors: list[BaseException] = []
        engine = LiveEngine(
            stages=Stages(policy), journal=journal, on_minor=lambda _: None, on_error=errors.append
        )
        engine.start()
        tokens = [f"{number:016x}" for number in range(people)]
        makes: Makes = []
        lanes: list[int] = []
        for order, token in enumerate(tokens):
            consent = ConsentRecord(time=0, via="page", receipt="r")
            journal.admit(PersonRecord(token=token, order=order, stays=(Stay(start=0),), consent=consent))
            camera = engine.open(token, LiveKind.CAMERA, time=0.0)
            mic = engine.open(token, LiveKind.MICROPHONE, time=0.0)
            lanes.append(camera)
            makes.append((partial(engine.video, camera), partial(engine.audio, mic)))

        def watch(row: Row) -> None:
            states = [engine.state(lane) for lane in lanes]
            level = max(
                [Level[row.level.upper() or "FULL"], *(Level[state.level.upper()] for state in states)]
            )
            row.level = level.name.lower()
            row.lag_s = round(max([row.lag_s, *(state.lag_s for state in states)]), 2)
            row.dropped = sum(state.drops for state in states)

        def finished(row: Row) -> None:
            engine.finish(Run())
            journal.close()
            if errors:
                raise errors[0]
            for token in tokens:
                for path in journal.folder(token).glob("camera-*.jsonl"):
                    row.taken += json.loads(path.read_text().splitlines()[-1])["counts"]["frames"]
                words = journal.folder(token) / "words.jsonl"
                row.words += len(words.read_text().splitlines()) if words.exists() else 0

        def full() -> bool:
            return any(
                lane.inbox.fill > 0.1 for worker in engine._pool.workers for lane in list(worker.lanes)
            )

        if paced:
            for worker in engine._pool.workers:
                worker.governor = Governor(raise_lag_s=1e9, early_lag_s=1e9)
        yield makes, watch, finished, full if paced else None


def resident_mb() -> int:
    """Return the memory that this process holds, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


if __name__ == "__main__":
    main()
