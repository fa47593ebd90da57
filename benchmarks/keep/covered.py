"""Whether the covered share that the manifest states is the one in the stored pixels, for every policy.

    python -m benchmarks.keep.covered

One clip of 1280x720, two talking heads, one of them a child's, beside a chat with names, redacted by the command line
under each policy. A pixel counts as covered when it shows the cover's grey where the source showed something else.
Mosaics show no grey; `tests/recorder/verify/test_covered_share.py` measures them. Needs the shared data folder,
`../shared/data` or `OFFRECORD_SHARED_DATA`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from benchmarks.faces import ALL_ADULT, DATA, frame_of, frames_of
from benchmarks.faces_made import HEIGHT, WIDTH, tiles
from benchmarks.keep.__main__ import write
from benchmarks.keep.figures import grey

FRAMES = 60
PEOPLE = ("d3", "d11")
POLICIES = {
    f"text {text}, {who}": f"[screen]\ntext = '{text}'\n{rules}"
    for text in ("personal", "all", "none")
    for who, rules in {
        "faces covered": f"[minors]\n{ALL_ADULT} = true\n",
        "minors removed": "",
        "in doubt removed": "[minors]\nin_doubt = 'remove'\n",
        "everybody removed": "[faces]\nmethod = 'remove'\n",
    }.items()
}


def main() -> None:
    """Print one row a policy."""
    print(f"{'policy':34} {'manifest':>9} {'pixels':>7} {'off':>7} {'mended':>7}")
    with tempfile.TemporaryDirectory() as name:
        clip = Path(name) / "clip.mp4"
        write((frame_of(picture, index) for index, picture in enumerate(_pictures())), clip)
        for label, rules in POLICIES.items():
            told, mended, shown = shares(clip, rules, Path(name) / label.replace(" ", "-"))
            print(f"{label:34} {told:9.4f} {shown:7.4f} {told - shown:+7.4f} {mended:>7}", flush=True)


def shares(clip: Path, rules: str, folder: Path) -> tuple[float, int, float]:
    """Redact a clip; return the share the manifest states, places mended, and the share of its pixels."""
    folder.mkdir()
    policy = folder / "policy.toml"
    policy.write_text(rules)
    program = [sys.executable, "-m", "recorder.cli", "redact", str(clip), "-o", str(folder)]
    subprocess.run([*program, "--policy", str(policy), "--quiet"], check=True, capture_output=True)
    (bundle,) = folder.glob("*.offrecord")
    manifest = json.loads((bundle / "manifest.json").read_text())
    lines = map(json.loads, (bundle / "log.jsonl").read_text().splitlines())
    mended = sum(line["count"] for line in lines if line["event"] == "mended")
    both = zip(frames_of(clip), frames_of(bundle / "recording.mp4"), strict=True)
    covered = [float(grey(source, stored).mean()) for source, stored in both]
    return float(manifest["coverage"]["video"]["share_of_area_covered"]), mended, float(np.mean(covered))


def _pictures() -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    chat = cv2.imread(str(DATA / "screens/f05_chat.png"))
    if chat is None:
        raise FileNotFoundError(DATA / "screens/f05_chat.png")
    wide, high = WIDTH // 2, HEIGHT // 2
    side = cv2.resize(chat, (wide, wide * chat.shape[0] // chat.shape[1]), interpolation=cv2.INTER_AREA)
    views = [list(islice(tiles(DATA / f"faces/clips/{who}.mp4", wide, high), FRAMES)) for who in PEOPLE]
    pictures = []
    for pair in zip(*views, strict=True):
        canvas = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
        for row, view in enumerate(pair):
            canvas[row * high : (row + 1) * high, :wide] = view
        canvas[: side.shape[0], wide:] = side
        pictures.append(canvas)
    return pictures


if __name__ == "__main__":
    main()
