"""What `offrecord audit` says of people and voices of the shared data folder, redacted by default.

    python -m benchmarks.attacks people voices [--people 12] [--every 1]

`people` makes a recording of a second of each of two photographs of so many people of `faces/identities`; `voices`
takes every file of `voices`. Each person has a folder of originals, as an attacker who knows other recordings of them
would. Everybody is declared an adult, so that nobody is removed and every face and voice stays to be attacked. All is
redacted into a folder that is gone afterwards, and the rows of the audit are printed. Needs the shared data folder,
`../shared/data` or `OFFRECORD_SHARED_DATA`, and the models of the group `audit`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.faces import DATA
from recorder.audit.attack import audit
from recorder.audit.limits import limits_with
from recorder.audit.page import table_rows
from recorder.offline.recording import redact_recording
from recorder.runtime.context import Run
from redaction.policy import Policy
from redaction.stages import Stages

ATTACKS = {"people": ("faces", "people", "emotion"), "voices": ("voices", "emotion")}
PHOTOGRAPHS = 2
FPS = 8


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="+", choices=tuple(ATTACKS))
    parser.add_argument("--people", type=int, default=12, help="how many people, or speakers")
    parser.add_argument(
        "--every", type=float, default=1.0, help="seconds between two pictures that are searched"
    )
    options = parser.parse_args()
    policy = Policy.model_validate({"minors": {"all_declared_adult": True}})
    stages = Stages(policy)
    try:
        for what in options.what:
            with tempfile.TemporaryDirectory() as folder:
                originals, redacted = Path(folder) / "originals", Path(folder) / "redacted"
                (stage_people if what == "people" else stage_voices)(originals, options.people)
                for source in sorted(path for path in originals.rglob("*") if path.is_file()):
                    redact_recording(source, redacted, stages=stages)
                attack(what, redacted, originals, options.every)
    finally:
        stages.close()


def stage_people(folder: Path, people: int) -> None:
    """Make a recording of each photograph, in its person's folder."""
    for person in sorted((DATA / "faces/identities").iterdir())[:people]:
        (folder / person.name).mkdir(parents=True)
        for photograph in sorted(person.glob("*.jpg"))[:PHOTOGRAPHS]:
            picture = np.asarray(cv2.imread(str(photograph)), np.uint8)
            with av.open(str(folder / person.name / f"{photograph.stem}.mp4"), "w") as container:
                video = container.add_stream("libx264", rate=FPS)
                video.height, video.width = (side & ~1 for side in picture.shape[:2])
                video.pix_fmt, video.options = "yuv420p", {"crf": "18"}
                for number in range(FPS):
                    frame = av.VideoFrame.from_ndarray(picture[: video.height, : video.width], format="bgr24")
                    frame.pts, frame.time_base = number, Fraction(1, FPS)
                    container.mux(video.encode(frame))
                container.mux(video.encode(None))


def stage_voices(folder: Path, people: int) -> None:
    """Copy each utterance into its speaker's folder."""
    files = sorted((DATA / "voices").glob("*.flac"))
    speakers = sorted({file.name.partition("-")[0] for file in files})[:people]
    for file in files:
        speaker = file.name.partition("-")[0]
        if speaker in speakers:
            (folder / speaker).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder / speaker / file.name)


def attack(what: str, redacted: Path, originals: Path, every_s: float) -> None:
    """Print the rows of an audit, with their further figures."""
    found = audit(
        redacted,
        originals=originals,
        attacks=ATTACKS[what],
        sample="",
        limits=limits_with(()),
        every_s=every_s,
        run=Run(),
    )
    print(f"\n{what}: {found.recordings} recordings, {found.with_original} beside their original")
    for row, one in zip(table_rows(found), found.outcomes, strict=True):
        print("  ".join(part or "-" for part in row), one.trials, json.dumps(one.facts), sep="  ", flush=True)


if __name__ == "__main__":
    main()
