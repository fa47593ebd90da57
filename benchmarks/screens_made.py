"""Whether text in motion can be read in redacted frames: generated screens, encoded, redacted, and read again.

    python -m benchmarks.screens_made [--scene NAME] [--dump FOLDER]

Every redacted frame that differs from the one before is read as a whole at full resolution, by the same models with
nothing remembered. A secret counts as readable where four of its letters or digits in a row are read.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.screens import redacted
from redaction.model import CoverReason, VideoFrame
from redaction.policy import MinorsSection, Policy, ScreenSection
from redaction.video.redact import VideoStages
from redaction.video.screen.ocr import OnnxReader
from redaction.video.view import View
from tests.redaction.video.screen.made import RATE, SCENES, Scene, as_frame

LEAST = 4


def encoded(scene: Scene, crf: int) -> Iterator[VideoFrame]:
    """Draw, encode and decode a scene."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"crf": str(crf), "preset": "veryfast"})
        picture = scene.draw(0)
        stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "yuv420p"
        for index in range(scene.frames):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(scene.draw(index), format="bgr24")))
        out.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as held:
        for index, decoded in enumerate(held.decode(video=0)):
            yield as_frame(np.asarray(decoded.to_ndarray(format="bgr24"), np.uint8), index)


def leaks(text: str, secrets: tuple[str, ...]) -> list[str]:
    """Return the parts of secrets that a text shows."""
    bare = "".join(letter for letter in text.lower() if letter.isalnum())
    found = []
    for secret in secrets:
        least = min(LEAST, len(secret))
        for at in range(len(secret) - least + 1):
            if secret[at : at + least] in bare:
                found.append(secret[at : at + least])
                break
    return found


def main() -> None:
    """Print a row for each scene."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scene", choices=sorted(SCENES))
    parser.add_argument("--dump", type=Path)
    parser.add_argument("--crf", type=int, default=26)
    chosen = parser.parse_args()
    policy = Policy(
        screen=ScreenSection(text="personal", codes=True),
        minors=MinorsSection(
            i_know_that_every_person_is_an_adult_and_accept_that_an_undetected_child_stays_visible=True
        ),
    )
    stages = VideoStages.load(policy, threads=2)
    reader = OnnxReader.load(threads=2)
    for name, scene in SCENES.items():
        if chosen.scene not in (None, name):
            continue
        started = time.process_time()
        done = list(redacted(encoded(scene, chosen.crf), stages, policy))
        cost = time.process_time() - started
        bad: dict[int, list[str]] = {}
        text = ""
        last = None
        for at, item in enumerate(done):
            if last is None or np.abs(item.frame.y.astype(np.int16) - last).max() > 12:
                view = View.of(item.frame, scale=1.0)
                picture = view.picture(item.frame)
                boxes = [place.box for place in reader.find(picture)]
                text = " ".join(
                    reading.text
                    for reading in reader.read([picture[b.y1 : b.y2, b.x1 : b.x2] for b in boxes])
                )
                last = item.frame.y.astype(np.int16)
                if chosen.dump:
                    chosen.dump.mkdir(parents=True, exist_ok=True)
                    cv2.imwrite(str(chosen.dump / f"{name.replace(' ', '-')}-{at:03d}.png"), picture)
            if found := leaks(text, scene.secrets):
                bad[at] = found
        bare = "".join(letter for letter in text.lower() if letter.isalnum())
        kept = sum(word in bare for word in scene.kept)
        covered = np.mean(
            [sum(c.box.area for c in item.covers if c.reason is CoverReason.SCREEN) for item in done]
        ) / (done[0].frame.width * done[0].frame.height)
        print(
            f"{name:24} frames {len(done):3} with secrets {len(bad):3} kept {kept}/{len(scene.kept)} "
            f"covered {covered:.3f} redacting {cost:.0f} CPU s {dict(list(bad.items())[:4])}",
            flush=True,
        )


if __name__ == "__main__":
    main()
