"""What reading the screen costs: the same recording with screen text off and on, side by side in one run.

    python -m benchmarks.screens_speed [--seconds 60] [--repeat 1]

`gallery` is a 720p30 gallery of four talking people with static name tags; `sharing` a 720p30 shared page with one
talking person beside it that scrolls half of the time, on which no line comes twice. Decoding, encoding and the first
look at the whole screen count; loading models does not. Short clips speak of that first look, not of long recordings.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.faces_made import gallery
from benchmarks.screens import as_frame
from benchmarks.video import write
from recorder.media.file import FileSource
from recorder.offline.video import redact_video
from recorder.runtime.context import Run
from redaction.model import VideoFrame
from redaction.policy import Policy, ScreenSection
from redaction.video.redact import VideoStages
from redaction.video.view import View
from tests.redaction.video.screen.made import PEOPLE, chat
from tests.redaction.video.screen.made import write as put

RATE = 30


def tagged(seconds: int) -> Iterator[VideoFrame]:
    """Yield a gallery with a name tag in every tile."""
    for index, frame in enumerate(gallery(4, seconds)):
        picture = View.of(frame, scale=1.0).picture(frame)
        for tile in range(4):
            x, y = tile % 2 * 640 + 10, tile // 2 * 360 + 348
            cv2.rectangle(picture, (x - 4, y - 18), (x + 140, y + 6), (30, 30, 30), -1)
            put(picture, PEOPLE[tile], x, y, ink=(240, 240, 240))
        yield as_frame(picture, index, RATE)


def sharing(seconds: int) -> Iterator[VideoFrame]:
    """Yield a page that scrolls in every other second, beside one talking person."""
    rows = 24 + 6 * RATE * (seconds + 1) // 2 // 30
    page = np.full((30 * rows, 940, 3), 250, np.uint8)
    for row, (who, what) in enumerate(chat(rows)):
        put(
            page,
            f"{what}. The review board meets every second Tuesday. {row} {'' if row % 4 else who}",
            20,
            24 + 30 * row,
        )
    offset = 0
    for index, frame in enumerate(gallery(1, seconds)):
        small = cv2.resize(View.of(frame, scale=0.25).picture(frame), (320, 180))
        picture = np.full((720, 1280, 3), 225, np.uint8)
        offset = min(len(page) - 680, offset + 6 * (index // RATE % 2))
        picture[20:700, 10:950] = page[offset : offset + 680]
        picture[20:200, 955:1275] = small
        yield as_frame(picture, index, RATE)


def main() -> None:
    """Print seconds and ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--only", choices=("gallery", "sharing"))
    chosen = parser.parse_args()
    policies = {
        "off": Policy(screen=ScreenSection(text="none", codes=False)),
        "on": Policy(screen=ScreenSection(text="personal", codes=True)),
    }
    stages = {name: VideoStages.load(policy, threads=2) for name, policy in policies.items()}
    with tempfile.TemporaryDirectory() as folder:
        for name, make in (("gallery", tagged), ("sharing", sharing)):
            if chosen.only not in (None, name):
                continue
            clip = Path(folder) / f"{name}.mp4"
            write(make(chosen.seconds), clip)
            source = FileSource(clip)
            wall: dict[str, float] = {}
            cpu: dict[str, float] = {}
            for _ in range(chosen.repeat):
                for key, policy in policies.items():
                    began, used = time.monotonic(), time.process_time()
                    redact_video(
                        source,
                        source.info().video[0],
                        Path(folder) / "out.mp4",
                        policy=policy,
                        stages=stages[key],
                        run=Run(),
                    )
                    wall[key] = min(wall.get(key, 1e9), time.monotonic() - began)
                    cpu[key] = min(cpu.get(key, 1e9), time.process_time() - used)
            print(
                f"{name:8} {chosen.seconds} s: off {wall['off']:.1f} s wall {cpu['off']:.1f} CPU, "
                f"on {wall['on']:.1f} s wall {cpu['on']:.1f} CPU, "
                f"x {wall['on'] / wall['off']:.2f} wall, x {cpu['on'] / cpu['off']:.2f} CPU",
                flush=True,
            )


if __name__ == "__main__":
    main()
