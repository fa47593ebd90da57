"""How many minors are found and how many adults are removed, and whether a child leaves the picture altogether.

Run from the repository's root: `.venv/bin/python -m benchmarks.minors [curve|held-out|stills|child] [--dump FOLDER]`.
Needs the shared data folder, `../shared/data` or `OFFRECORD_SHARED_DATA`, and the models. Redacted frames go to the
dump folder.

`curve` shows five views of each labelled face to the judge of ages (`minors_views`) at several sizes, and prints who is
removed by each profile and as a declared adult, by age, size, sex and race, and the curve behind these points.
`--cache` keeps what the nets and the judge said between runs.

`held-out` prints the same by constants fitted to other people (`minors_fit`).

`stills` shows each labelled face to the whole picture engine as a still of half a second, alone in a grey frame twice
its size. A still is one view however long it stays, and that is the harder case: real calls give many. Labels are used
as they are, wrong ones included.

`child` removes the child of one clip and counts, in every frame, how much of what is surely not the green wall behind
it (a* in CIELAB) stays visible: a measure that shares nothing with the net that outlines.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.faces import DATA, frame_of, frames_of, mask_of, save
from benchmarks.minors_curve import print_curve, print_groups, print_points, print_views
from benchmarks.minors_fit import print_held_out
from benchmarks.minors_views import NATIVE, gather
from redaction.model import CoverReason, RedactedFrame, VideoFrame
from redaction.policy import Policy
from redaction.video.faces.detect import FaceDetector
from redaction.video.people.age import AgeJudge
from redaction.video.people.silhouette import Silhouette
from redaction.video.redact import VideoRedactor, VideoStages, VideoSummary

Picture = NDArray[np.uint8]

BANDS = ((0, 17), (18, 20), (21, 24), (25, 34), (35, 59), (60, 120))
SIZES: tuple[int | None, ...] = (None, 128, 96, 64, 40)
STILL_FRAMES = 15
CURVE_SIZES = (NATIVE, 96, 64, 48, 40)
VIEWS = 5
WALL_BELOW_A = 122
"""a* of CIELAB, 8 bit: the wall and the shadow on it are greener than this; skin, cloth and hair are not."""


def redact(frames: Iterable[VideoFrame], stages: VideoStages) -> Iterator[tuple[RedactedFrame, VideoSummary]]:
    """Run the engine with the default policy."""
    first = next(iter(frames := iter(frames)))
    redactor = VideoRedactor(
        width=first.width, height=first.height, policy=Policy(), stages=stages, track="v", threaded=False
    )
    for frame in (first, *frames):
        yield from ((item, redactor.summary) for item in redactor.push(frame))
    yield from [(item, redactor.summary) for item in redactor.flush()]


def shown(chip: Picture, detector: FaceDetector, size: int | None) -> Picture:
    """Return the chip with its face scaled to that height and compressed, alone in a grey frame twice as large."""
    if size is not None:
        faces = detector.detect(chip)
        height = max((face.box[3] - face.box[1] for face in faces), default=float(chip.shape[0]))
        scaled = cv2.resize(chip, None, fx=size / height, fy=size / height, interpolation=cv2.INTER_AREA)
        coded = cv2.imencode(".jpg", scaled, [cv2.IMWRITE_JPEG_QUALITY, 70])[1]
        chip = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    border = (chip.shape[0] // 4) * 2
    framed = cv2.copyMakeBorder(chip, border, border, border, border, cv2.BORDER_CONSTANT, value=(96, 96, 96))
    return np.asarray(framed, np.uint8)


def outcome(summary: VideoSummary) -> str:
    """Say what became of the one person."""
    if not summary.tracklets:
        return "unseen"
    reasons = {record.reason for record in summary.tracklets}
    return "kept" if CoverReason.FACE in reasons else "minor"


def stills(stages: VideoStages, sizes: Iterable[int | None] = SIZES) -> None:
    """Print what became of each labelled face, by age and size."""
    chips = sorted((DATA / "faces/ages").glob("*.jpg"))
    print(f"{'face':>8} {'minors':>7} {'found':>6} {'recall':>7}   share of adults removed as minors, by age")
    print(
        " " * 33
        + "".join(f"{f'{low}-{high}':>9}" for low, high in BANDS[1:])
        + f"{'unseen':>8} {'cpu ms':>7}"
    )
    plain = replace(stages, silhouettes=None)
    for size in sizes:
        seen: Counter[tuple[int, str]] = Counter()
        spent = 0.0
        for chip in chips:
            age = int(chip.name.partition("_")[0])
            picture = shown(np.asarray(cv2.imread(str(chip)), np.uint8), stages.thorough, size)
            began = time.process_time()
            result = list(redact((frame_of(picture, pts) for pts in range(STILL_FRAMES)), plain))
            spent += time.process_time() - began
            band = next(index for index, (low, high) in enumerate(BANDS) if low <= age <= high)
            seen[band, outcome(result[-1][1])] += 1
        totals = [sum(seen[band, kind] for kind in ("kept", "minor", "unseen")) for band in range(len(BANDS))]
        flagged = [1 - seen[band, "kept"] / max(1, totals[band]) for band in range(len(BANDS))]
        unseen = sum(seen[band, "unseen"] for band in range(len(BANDS)))
        print(
            f"{'native' if size is None else f'{size} px':>8} {totals[0]:7} {seen[0, 'minor']:6} "
            f"{seen[0, 'minor'] / totals[0]:7.3f} "
            + "".join(f"{share:9.2f}" for share in flagged[1:])
            + f"{unseen:8} {1000 * spent / len(chips):7.0f}"
        )


def curve(detector: FaceDetector, sizes: Sequence[int], cache: Path | None) -> None:
    """Print who is removed, by profile, size, age and group."""
    tracklets = gather(detector, sizes=sizes, views=VIEWS, cache=cache)
    print_views(tracklets)
    print_points(tracklets)
    print_groups(tracklets)
    print_curve(tracklets)


def person(frame: VideoFrame) -> NDArray[np.bool_]:
    """Return what is surely not the green wall: skin, cloth and hair."""
    chroma = [
        cv2.resize(plane, (frame.width, frame.height), interpolation=cv2.INTER_LINEAR)
        for plane in (frame.u, frame.v)
    ]
    bgr = cv2.cvtColor(np.dstack([frame.y, chroma[1], chroma[0]]), cv2.COLOR_YCrCb2BGR)
    green = cv2.cvtColor(bgr, cv2.COLOR_BGR2LAB)[:, :, 1]
    mask = (cv2.medianBlur(green, 5) >= WALL_BELOW_A).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.bool_)


def child(stages: VideoStages, dump: Path | None) -> None:
    """Print how much of the child stays visible."""
    source = list(frames_of(DATA / "faces/clips/d11.mp4"))
    left: list[float] = []
    area: list[float] = []
    whole = 0
    summary: VideoSummary | None = None
    began = time.process_time()
    for index, (item, summary) in enumerate(redact(source, stages)):  # noqa: B007
        mask = mask_of(item)
        target = person(source[index])
        left.append(float((target & ~mask).sum() / max(1, target.sum())))
        area.append(float(mask.mean()))
        whole += item.examined.value == "covered"
        if dump is not None and index % 9 == 0:
            save(item.frame, [], dump / f"child_{index:04}.png")
    spent = 1000 * (time.process_time() - began) / len(left)
    kinds = Counter(record.reason.value for record in summary.tracklets) if summary is not None else {}
    print(
        f"child: {len(left)} frames, {whole} covered whole, tracklets {dict(kinds)}; visible of the child: mean "
        f"{100 * np.mean(left):.3f} %, worst {100 * max(left):.3f} %; covered area {100 * np.mean(area):.1f} %; "
        f"{spent:.0f} cpu ms a frame"
    )


def main() -> None:
    """Measure what was asked for, or everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", choices=["curve", "held-out", "stills", "child"])
    parser.add_argument("--sizes", type=int, nargs="*", help="face heights in pixels; 0 is native")
    parser.add_argument("--dump", type=Path)
    parser.add_argument("--cache", type=Path, help="file for what was measured for the curve")
    given = parser.parse_args()
    policy = Policy()
    with Silhouette() as silhouettes:
        stages = replace(VideoStages.load(policy), judge=AgeJudge(), silhouettes=silhouettes)
        if not given.what or "curve" in given.what:
            curve(stages.thorough, given.sizes or CURVE_SIZES, given.cache)
        if "held-out" in given.what:
            print_held_out(gather(stages.thorough, sizes=CURVE_SIZES, views=VIEWS, cache=given.cache))
        if not given.what or "stills" in given.what:
            stills(stages, SIZES if given.sizes is None else [size or None for size in given.sizes])
        if not given.what or "child" in given.what:
            if given.dump is not None:
                given.dump.mkdir(parents=True, exist_ok=True)
            child(stages, given.dump)


if __name__ == "__main__":
    main()
