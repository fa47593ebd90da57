"""How much of the personal text on screens is covered, on the shared frames, through the whole picture engine.

    python -m benchmarks.screens [--strict | --lines] [--verbose]

Each frame of `../shared/data/screens` (or `OFFRECORD_SHARED_DATA`) is shown for two seconds of one video, as PNG and as
JPEG at quality 35; a box counts as covered on a frame when at least 95 % of its pixels are. The least of its frames
counts for personal boxes, the last for others.

`--lines` judges lines by what they say alone: those of `benchmarks/data/screen_lines.txt` and `screen_lines_2.txt`, in
which words in braces are personal.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.faces import DATA
from redaction.model import Box, RedactedFrame, VideoFrame
from redaction.policy import MinorsSection, Policy, ScreenSection, SpeechSection
from redaction.text import PersonalDataFinder
from redaction.video.redact import VideoRedactor, VideoStages
from redaction.video.screen.decide import Judge, SeenText
from redaction.video.screen.ocr import Reading

RATE, SECONDS = 10, 2
COVERED = 0.95
LINES = Path(__file__).resolve().parent / "data"
BRACES = re.compile(r"[{}]")


def as_frame(picture: NDArray[np.uint8], index: int, rate: int = RATE) -> VideoFrame:
    """Return a BGR picture as a frame."""
    height, width = picture.shape[:2]
    planes = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), dtype=np.uint8).reshape(-1)
    area, quarter = width * height, width * height // 4
    y = planes[:area].reshape(height, width).copy()
    u = planes[area : area + quarter].reshape(height // 2, width // 2).copy()
    v = planes[area + quarter : area + 2 * quarter].reshape(height // 2, width // 2).copy()
    return VideoFrame(y, u, v, index, Fraction(1, rate))


def mask_of(done: RedactedFrame) -> NDArray[np.bool_]:
    """Return which pixels are covered, bool (H, W)."""
    mask = np.zeros(done.frame.y.shape, np.bool_)
    for cover in done.covers:
        box = cover.box.clipped(done.frame.width, done.frame.height)
        part = mask[box.y1 : box.y2, box.x1 : box.x2]
        if cover.mask is None:
            part[:] = True
        else:
            x, y = box.x1 - cover.box.x1, box.y1 - cover.box.y1
            part |= cover.mask[y : y + box.height, x : x + box.width]
    return mask


def redacted(frames: Iterator[VideoFrame], stages: VideoStages, policy: Policy) -> Iterator[RedactedFrame]:
    """Run the picture engine over frames of one size."""
    first = next(frames)
    engine = VideoRedactor(width=first.width, height=first.height, policy=policy, stages=stages, track="V1")
    try:
        yield from engine.push(first)
        for frame in frames:
            yield from engine.push(frame)
        yield from engine.flush()
    finally:
        engine.close()


def lines(*, verbose: bool) -> None:
    """Print how many personal and other lines are covered, by what they say."""
    finder = PersonalDataFinder(SpeechSection())
    for name in ("screen_lines.txt", "screen_lines_2.txt"):
        judge = Judge(finder, text="personal")
        counts = {True: [0, 0], False: [0, 0]}
        for line in (LINES / name).read_text("utf-8").splitlines():
            if not line or line.startswith("# "):
                continue
            personal, text = "{" in line, BRACES.sub("", line)
            covered = judge.personal([SeenText(Box(0, 0, 200, 20), Reading(text, 0.95))])[0]
            counts[personal][0] += covered
            counts[personal][1] += 1
            if verbose and covered != personal:
                print("  " + text)
        print(
            f"{name}: personal covered {counts[True][0]} of {counts[True][1]}, "
            f"others {counts[False][0]} of {counts[False][1]}"
        )


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strict", action="store_true", help='screen.text = "all"')
    parser.add_argument(
        "--verbose", action="store_true", help="name what was missed and what was covered needlessly"
    )
    parser.add_argument("--lines", action="store_true", help="judge lines by what they say alone")
    chosen = parser.parse_args()
    if chosen.lines:
        lines(verbose=chosen.verbose)
        return
    policy = Policy(
        screen=ScreenSection(text="all" if chosen.strict else "personal", codes=True),
        minors=MinorsSection(
            i_know_that_every_person_is_an_adult_and_accept_that_an_undetected_child_stays_visible=True
        ),
    )
    stages = VideoStages.load(policy, threads=2)
    entries = json.loads((DATA / "screens/frames.json").read_text())
    for kind in ("file", "lossy"):
        pictures = [
            np.asarray(cv2.imread(str(DATA / "screens" / entry[kind])), np.uint8) for entry in entries
        ]
        held = RATE * SECONDS
        frames = (as_frame(pictures[at // held], at) for at in range(len(pictures) * held))
        started = time.process_time()
        shares: dict[tuple[int, int], list[float]] = {}
        for at, done in enumerate(redacted(frames, stages, policy)):
            mask = mask_of(done)
            for number, entry in enumerate(entries[at // held]["boxes"]):
                box = Box(*entry["box"])
                share = float(mask[box.y1 : box.y2, box.x1 : box.x2].mean())
                shares.setdefault((at // held, number), []).append(share)
        personal: list[bool] = []
        other: list[bool] = []
        for (at, number), parts in shares.items():
            entry = entries[at]["boxes"][number]
            if entry["type"] == "OTHER":
                other.append(parts[-1] >= 0.5)
            else:
                personal.append(min(parts) >= COVERED)
            bad = parts[-1] >= 0.5 if entry["type"] == "OTHER" else min(parts) < COVERED
            if chosen.verbose and bad:
                print(
                    f"  {entries[at][kind]} {entry['type']} {entry['box']} {min(parts):.2f} {parts[-1]:.2f}"
                )
        print(
            f"{kind:6} personal covered {sum(personal)} of {len(personal)} ({np.mean(personal):.3f}), "
            f"others covered {sum(other)} of {len(other)} ({np.mean(other):.3f}), "
            f"{time.process_time() - started:.0f} CPU s"
        )


if __name__ == "__main__":
    main()
