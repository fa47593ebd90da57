"""What was covered for nothing: marked in the real page, given back by the real command, and nothing else with it."""

from __future__ import annotations

import asyncio
import json
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from recorder.bundle.verify_files import read_manifest, verify_bundle
from tests.attacked import portrait_of
from tests.e2e.browser import CHROMIUM, browser
from tests.e2e.conftest import needs_models, run_offrecord
from tests.e2e.served import ready, served

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

SIDE: Final = 240
FRAMES: Final = 18
FPS: Final = 6
THING, PERSON = (58, 42, 182, 196), (58 + SIDE, 42, 182 + SIDE, 196)
WORD, NAME = "Lindbergh", "Adaeze"
_CAPTIONS: Final = f"""WEBVTT

00:00:00.200 --> 00:00:02.800
{NAME} said that we open {WORD} and press the save button.
"""

_Picture = NDArray[np.uint8]


def staged(folder: Path) -> Path:
    """Make a recording of a face on a poster and a person who moves beside it, with captions and a roster."""
    path = folder / "call.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height, video.pix_fmt = 2 * SIDE, SIDE, "yuv420p"
        video.options = {"crf": "18", "preset": "ultrafast"}
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(_shown(number), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    (folder / "call.vtt").write_text(_CAPTIONS)
    (folder / "call.csv").write_text(f"name,adult\n{NAME} Example,yes\n")
    return path


def _shown(number: int) -> _Picture:
    shift = np.array([[1, 0, 4 * np.sin(number)], [0, 1, 3 * np.cos(0.7 * number)]], np.float32)
    moving = cv2.warpAffine(portrait_of(2), shift, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    return np.concatenate([portrait_of(1), np.asarray(moving, np.uint8)], axis=1)


def kept(bundle: Path, box: tuple[int, int, int, int]) -> list[float]:
    """Return how much of a box is as in the source, frame by frame."""
    shares = []
    with av.open(str(bundle / "recording.mp4")) as container:
        for number, frame in enumerate(container.decode(video=0)):
            stored = frame.to_ndarray(format="bgr24").astype(int)
            apart = np.abs(stored - _shown(number).astype(int)).max(axis=2)
            shares.append(float((apart[box[1] : box[3], box[0] : box[2]] < 40).mean()))
    return shares


async def _mark(bundle: Path, source: Path, profile: Path) -> tuple[str, bytes, list[str]]:
    """Mark the poster's cover, the word and the name by keys; return the hints that the page offers.

    The source stands beside it; bytes of a picture of it are returned too.
    """
    async with served(bundle, source=source) as url, browser(url + "r/0/", profile) as page:
        await ready(page)
        await page.until("document.getElementById('rawpicture').naturalWidth === 480")
        raw = await page.evaluate(
            "fetch(document.getElementById('rawpicture').src).then((answer) => answer.bytes())"
            ".then((bytes) => Array.from(bytes.slice(1000, 1064)))"
        )
        stage = await page.evaluate(
            "(() => { const b = document.getElementById('over').getBoundingClientRect();"
            " return [b.x, b.y, b.width, b.height]; })()"
        )
        await page.press("g")
        await page.press("Enter")
        await page.until("!document.getElementById('drawing').hidden")
        await page.drag(
            (stage[0] + 0.1 * stage[2], stage[1] + 0.2 * stage[3]),
            (stage[0] + 0.4 * stage[2], stage[1] + 0.8 * stage[3]),
        )
        await page.press("Enter")
        await page.until("document.querySelectorAll('#marks li').length === 1")
        for number, word in enumerate((WORD, NAME), start=2):
            await page.press("g")
            await page.evaluate("document.querySelector('#giveform [value=word]').click()")
            await page.type("giveword", word)
            await page.press("Enter")
            await page.until(f"document.querySelectorAll('#marks li').length === {number}")
        hints = await page.evaluate(
            "fetch(document.getElementById('savehints').href).then((answer) => answer.text())"
        )
        assert not list(bundle.parent.rglob("*.toml"))
        return str(hints), bytes(raw), page.complaints


@pytest.mark.slow
def test_a_poster_and_a_word_come_back_and_nothing_else(tmp_path: Path) -> None:
    """The person beside it stays covered, a name of the roster masked; the manifest counts, and says no word.

    The source, seen beside it, is written nowhere: not by the server, and not by the browser.
    """
    needs_models()
    recordings, out = tmp_path / "in", tmp_path / "out"
    recordings.mkdir()
    source = staged(recordings)
    done = run_offrecord(["redact", str(source), "-o", str(out), "--quiet"])
    assert done.returncode == 0, done.stderr
    (bundle,) = out.glob("*.offrecord")
    assert max(kept(bundle, THING)) < 0.2
    assert WORD not in (bundle / "transcript.json").read_text()

    hints, raw, complaints = asyncio.run(_mark(bundle, source, tmp_path / "profile"))
    assert complaints == []
    assert len(raw) == 64
    kept_files = [item for item in tmp_path.rglob("*") if item.is_file() and item != source]
    assert not [item.name for item in kept_files if raw in item.read_bytes()]
    file = tmp_path / "hints.toml"
    file.write_text(hints)
    arguments = ["redact", str(source), "-o", str(out), "--hints", str(file), "--force", "--quiet"]
    done = run_offrecord(arguments)
    assert done.returncode == 0, done.stderr
    assert len(verify_bundle(bundle)) == 5
    assert min(kept(bundle, THING)) > 0.95
    assert max(kept(bundle, PERSON)) < 0.2
    words = (bundle / "transcript.json").read_text()
    assert WORD in words
    assert NAME not in words
    manifest = read_manifest(bundle)
    assert manifest.hints is not None
    assert manifest.hints.given == {"face": 1, "word": 2}
    assert manifest.hints.used == {"face": 1, "word": 1}
    assert manifest.redacted["faces"] + manifest.redacted.get("minors", 0) >= 1
    assert "1 of 1 places that are no face, 1 of 2 words" in (bundle / "report.html").read_text()
    assert WORD not in (bundle / "manifest.json").read_text() + (bundle / "log.jsonl").read_text()
    events = [json.loads(line) for line in (bundle / "log.jsonl").read_text().splitlines()]
    (held,) = [event for event in events if event["event"] == "hint"]
    assert held["span"] == [0.0, pytest.approx(3.0, abs=0.2)]
