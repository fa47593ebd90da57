"""Who is served worse: faces that are not covered, minors who stay and adults who are removed, by age, sex and skin.

    python -m benchmarks.bias [--faces ages identities] [--sizes 0 48] [--frames 5]

Each labelled face of `faces/ages` is shown to the whole picture engine under the default policy, alone in a grey frame,
as a still: one view, which is the harder case. The photographs of `faces/identities` have labels of persons alone, of
public figures who are adults: whoever is removed there is removed for nothing. Several photographs of a person are no
independent trials, so people are counted too. Groups come worst first, with 95 % intervals; some labels are wrong.
Needs the shared data folder, `../shared/data` or `OFFRECORD_SHARED_DATA`.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from benchmarks.faces import DATA, frame_of
from benchmarks.minors import outcome, redact, shown
from recorder.audit.outcome import wilson
from redaction.model import CoverReason
from redaction.policy import Policy
from redaction.video.people.age import AgeJudge
from redaction.video.redact import VideoStages, VideoSummary

SETS = ("ages", "identities")
SEXES = ("men", "women")
SKINS = ("White", "Black", "Asian", "Indian", "other")
"""As UTKFace calls them: groups of how people look, which is what a net may be unfair about."""

BANDS = ((0, 12), (13, 17), (18, 24), (25, 34), (35, 120))
ADULT = 25


@dataclass(frozen=True, slots=True)
class Shown:
    """One labelled face and what became of it: `unseen`, `kept` (covered as an adult) or `minor` (removed)."""

    age: int
    groups: tuple[str, ...]
    fate: str


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faces", nargs="*", choices=SETS, default=SETS, help="which photographs")
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[0, 48], help="heights of faces; 0 as they are"
    )
    parser.add_argument("--frames", type=int, default=5, help="frames that a still stands for")
    options = parser.parse_args()
    stages = replace(VideoStages.load(Policy()), judge=AgeJudge(), silhouettes=None)
    for size in options.sizes:
        title = f"{size} px" if size else "as they are"
        if "ages" in options.faces:
            by_group(list(labelled(stages, size or None, options.frames)), title)
        if "identities" in options.faces:
            by_person(stages, size or None, options.frames, title)


def by_group(faces: list[Shown], title: str) -> None:
    """Print what became of labelled faces."""
    table(f"faces that are covered, {title}", faces, lambda one: one.fate != "unseen")
    minors = [one for one in faces if one.age < 18]
    table(f"minors who are removed, {title}", minors, lambda one: one.fate == "minor")
    adults = [one for one in faces if one.age >= ADULT]
    table(f"adults of {ADULT} and over who are kept, {title}", adults, lambda one: one.fate == "kept")


def by_person(stages: VideoStages, size: int | None, frames: int, title: str) -> None:
    """Print what became of photographs of adults of whom nothing else is known."""
    seen: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for path in sorted((DATA / "faces/identities").glob("*/*.jpg")):
        summary = summary_of(cv2.imread(str(path)), stages, size, frames)
        removed = any(record.reason is CoverReason.MINOR for record in summary.tracklets)
        seen[path.parent.name].append((bool(summary.tracklets), removed))
    photographs = [one for person in seen.values() for one in person]
    print(
        f"\nphotographs of adults of whom only the name is known, {title}\n{'':44} {'n':>5} {'share':>8}   95 %"
    )
    for name, hits, total in (
        ("photographs with a face that is covered", sum(one for one, _ in photographs), len(photographs)),
        ("people covered in each photograph", sum(all(o for o, _ in p) for p in seen.values()), len(seen)),
        ("photographs with somebody taken for a minor", sum(one for _, one in photographs), len(photographs)),
        ("people taken for a minor in any", sum(any(m for _, m in p) for p in seen.values()), len(seen)),
    ):
        low, high = (100 * end for end in (wilson(hits, total).low, wilson(hits, total).high))
        print(f"{name:44} {total:5} {100 * hits / total:7.1f} %  {low:.0f} to {high:.0f}")


def labelled(stages: VideoStages, size: int | None, frames: int) -> Iterable[Shown]:
    """Show every labelled face to the engine."""
    for path in sorted((DATA / "faces/ages").glob("*.jpg")):
        parts = path.name.split("_")
        if len(parts) < 4 or not all(part.isdigit() for part in parts[:3]):
            continue
        age, sex, skin = map(int, parts[:3])
        band = next(f"{low} to {high}" for low, high in BANDS if low <= age <= high)
        if sex < len(SEXES) and skin < len(SKINS):
            groups = (SEXES[sex], SKINS[skin], band, f"{SEXES[sex]}, {SKINS[skin]}")
            yield Shown(age, groups, fate(cv2.imread(str(path)), stages, size, frames))


def fate(picture: object, stages: VideoStages, size: int | None, frames: int) -> str:
    """Return what becomes of a face that stands still for some frames."""
    return outcome(summary_of(picture, stages, size, frames))


def summary_of(picture: object, stages: VideoStages, size: int | None, frames: int) -> VideoSummary:
    """Return what the engine found in a face that stands still for some frames."""
    still = shown(np.asarray(picture, np.uint8), stages.thorough, size)
    *_, (_, summary) = redact((frame_of(still, pts) for pts in range(frames)), stages)
    return summary


def table(title: str, faces: list[Shown], good: object) -> None:
    """Print a share for everybody and for each group, the worst first."""
    assert callable(good)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for one in faces:
        for group in ("everybody", *one.groups):
            counts[group][0] += bool(good(one))
            counts[group][1] += 1
    print(f"\n{title}\n{'group':18} {'n':>5} {'share':>8}   95 %")
    everybody = counts.pop("everybody", [0, 0])
    rows = sorted(counts.items(), key=lambda item: (item[1][0] / item[1][1], -item[1][1]))
    for group, (hits, total) in [("everybody", everybody), *rows]:
        if total:
            low, high = (100 * end for end in (wilson(hits, total).low, wilson(hits, total).high))
            print(f"{group:18} {total:5} {100 * hits / total:7.1f} %  {low:.0f} to {high:.0f}")


if __name__ == "__main__":
    main()
