"""How much of each annotated face is covered in the file that `offrecord redact` stored.

    python -m benchmarks.stored

A pixel counts as covered when it shows the cover's grey in the decoded file. Needs the shared data folder,
`../shared/data` or `OFFRECORD_SHARED_DATA`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np

from benchmarks.faces import ALL_ADULT, DATA
from redaction.video.cover import FILL

TOLERANCE = 14


def main() -> None:
    """Print one row a clip."""
    truth = json.loads((DATA / "faces/clips/boxes.json").read_text())
    print(f"{'clip':12} {'faces':>6} {'>=95 %':>7} {'lowest':>7}")
    with tempfile.TemporaryDirectory() as name:
        for clip, known in truth.items():
            shares = stored_shares(DATA / "faces/clips" / clip, known["boxes"], Path(name) / clip)
            good = sum(share >= 0.95 for share in shares)
            print(f"{clip:12} {len(shares):6} {good:7} {min(shares):7.3f}", flush=True)


def stored_shares(clip: Path, boxes: dict[str, list[list[float]]], folder: Path) -> list[float]:
    """Redact a clip, everybody declared adult, and return the covered share of each annotated face."""
    folder.mkdir()
    policy = folder / "policy.toml"
    policy.write_text(f"[minors]\n{ALL_ADULT} = true\n")
    program = [
        sys.executable,
        "-m",
        "recorder.cli",
        "redact",
        str(clip),
        "-o",
        str(folder),
        "--policy",
        str(policy),
    ]
    subprocess.run([*program, "--quiet"], check=True, capture_output=True)
    (stored,) = folder.glob("*/recording.mp4")
    shares: list[float] = []
    with av.open(str(stored)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            for x1, y1, x2, y2 in boxes.get(str(number), []):
                part = frame.to_ndarray(format="yuv444p")[
                    :, max(0, int(y1)) : int(y2), max(0, int(x1)) : int(x2)
                ]
                off = np.abs(part.astype(np.int16) - np.array(FILL, np.int16)[:, None, None]).max(axis=0)
                shares.append(float((off <= TOLERANCE).mean()))
    return shares


if __name__ == "__main__":
    main()
