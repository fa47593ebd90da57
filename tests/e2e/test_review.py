"""A person reviews a call in a real browser: mends, signs, and what they took away is in no stored byte."""

from __future__ import annotations

import asyncio
import json
import shutil
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from recorder.bundle.verify_files import read_manifest, verify_bundle
from recorder.bundle.writer import MANIFEST, digest_file
from recorder.media.file import FileSource
from redaction.audio.listening.align import PocketsphinxAligner
from redaction.audio.listening.listen import Listener
from redaction.audio.listening.transcribe import WhisperTranscriber
from redaction.audio.redact import LISTENING_HZ
from redaction.model import Box, Gap, VideoFrame
from redaction.policy import Policy
from redaction.video.screen.reader import ScreenReader
from tests.e2e.browser import CHROMIUM, Page, browser
from tests.e2e.conftest import needs_models
from tests.e2e.reviewed import HOSTILE, SIZE, WORD, green_share, object_at, staged_call
from tests.e2e.served import ready, served

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published call of three."""
    needs_models()
    return staged_call(tmp_path_factory.mktemp("call"))


async def cover_the_object(page: Page, time: float) -> None:
    """Draw over the object on the composed recording, and follow it while it stands."""
    await page.evaluate(f"document.getElementById('video').currentTime = {time}")
    await page.until("!document.getElementById('video').seeking")
    await page.press("c")
    region = await page.evaluate(
        "fetch('api/state').then((r) => r.json()).then((s) => s.views[0].regions"
        ".find((one) => one.track === 'P01-camera').box)"
    )
    stage = await page.evaluate(
        "(() => { const b = document.getElementById('over').getBoundingClientRect();"
        " return [b.x, b.y, b.width, b.height]; })()"
    )
    left, top = object_at(round(time * 15) / 15)
    share = 44 / SIZE[0], 44 / SIZE[1]

    def place(x: float, y: float) -> tuple[float, float]:
        across = region[0] + x * (region[2] - region[0])
        down = region[1] + y * (region[3] - region[1])
        return stage[0] + across * stage[2], stage[1] + down * stage[3]

    await page.drag(place(left - 0.005, top - 0.005), place(left + share[0] + 0.005, top + share[1] + 0.005))
    await page.press("Enter")
    await page.until("document.querySelectorAll('#mends li').length === 1", 60)


async def review(page: Page) -> None:
    """Work the queue by keys, mend, and sign."""
    places = await page.evaluate("document.querySelectorAll('#places li').length")
    assert places >= 2
    await page.press("n")
    for number in range(places):
        await page.press("f")
        await page.until(f"document.querySelectorAll('#places li.seen').length >= {number + 1}")
    await cover_the_object(page, 2.0)
    await page.evaluate("document.getElementById('from').value = '4.2'")
    await page.evaluate("document.getElementById('to').value = '4.6'")
    await page.evaluate("document.getElementById('to').dispatchEvent(new Event('change'))")
    await page.press("t")
    await page.until("document.querySelectorAll('#mends li').length === 2")
    await page.press("k")
    await page.type("maskword", WORD)
    await page.press("Enter")
    await page.until("document.querySelectorAll('#mends li').length === 3")
    await page.press("d")
    await page.evaluate("document.getElementById('dropwho').value = 'P03'")
    await page.press("Tab")
    await page.press("Enter")
    await page.until("document.querySelectorAll('#mends li').length === 4")
    await page.press("s")
    await page.until("document.getElementById('signing').open")
    await page.type("signname", "R. Viewer")
    await page.press("Enter")
    signed = "document.getElementById('standing')?.textContent === 'Signed'"
    refused = "document.getElementById('signsay')?.hidden === false"
    await page.until(f"document.readyState === 'complete' && ({signed} || {refused})", 200)
    assert await page.text("signsay") == ""


def test_what_a_reviewer_takes_away_is_gone(call: Path, tmp_path: Path) -> None:
    """A followed cover, a mute, a word and a participant: gone from pixels, audio, words and bytes; the rest stands."""
    bundle = tmp_path / call.name
    shutil.copytree(call, bundle)
    before = digest_file(bundle / MANIFEST).sha256

    async def go() -> list[str]:
        async with served(bundle) as url, browser(url + "r/0/", tmp_path / "profile") as page:
            await ready(page)
            await review(page)
            return page.complaints

    complaints = asyncio.run(go())
    assert complaints == []
    assert len(verify_bundle(bundle)) == 5
    manifest = read_manifest(bundle)
    (entry,) = manifest.review
    assert (entry.by, entry.follows) == ("R. Viewer", before)
    assert entry.changed == {"cover": 1, "drop": 1, "mute": 1, "word": 1}
    assert entry.looked_at == entry.places > 0
    assert "R. Viewer" in (bundle / "report.html").read_text()
    assert manifest.participants is not None
    assert [one.id for one in manifest.participants.people] == ["P01", "P02"]
    for name in ("tracks/p01-camera.mp4", "recording.mp4"):
        assert max(green_shares(call / name)) > 0.004
        assert max(green_shares(bundle / name)) < 0.0005, name
    texts = [item for item in bundle.rglob("*") if item.suffix in (".json", ".jsonl", ".vtt", ".html")]
    written = b"".join(item.read_bytes() for item in texts)
    assert WORD.encode() not in written.lower()
    assert HOSTILE.encode() not in written
    before_lines, lines = (lines_seen(one / "tracks/p02-screen.mp4") for one in (call, bundle))
    assert any(WORD in line for line in before_lines)
    assert not any(WORD in line for line in lines)
    assert any("figures" in line for line in lines)
    before_said, said = (heard(one / "recording.mp4") for one in (call, bundle))
    assert WORD in before_said
    assert WORD not in said
    assert "button" in said
    assert [item.name for item in tmp_path.iterdir() if item.suffix == ".offrecord"] == [bundle.name]
    assert WORD not in "".join(item.read_text() for item in (tmp_path / ".offrecord-review").iterdir())


def green_shares(path: Path) -> list[float]:
    """Return how green each frame of a file is."""
    with av.open(str(path)) as container:
        return [
            green_share(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            for frame in container.decode(video=0)
        ]


@cache
def screen_reader() -> ScreenReader:
    """Load what reads lines, once."""
    reader = ScreenReader.load(Policy())
    assert reader is not None
    return reader


def lines_seen(path: Path) -> list[str]:
    """Read the lines of some frames of a file, in small letters."""
    reader = screen_reader()
    source = FileSource(path, own=True)
    shown = source.video(source.info().video[0].id)
    frames = [frame for frame in shown if isinstance(frame, VideoFrame)][::12]
    return [
        line.reading.text.lower()
        for frame in frames
        for line in reader.look(frame, Box(0, 0, frame.width, frame.height))
    ]


@cache
def transcriber() -> WhisperTranscriber:
    """Load what hears, once."""
    return WhisperTranscriber("speech.whisper_tiny_en")


def heard(path: Path) -> str:
    """Transcribe a file's audio, in small letters."""
    listener = Listener(track="A1", speaker="S1", transcriber=transcriber(), aligner=PocketsphinxAligner())
    source = FileSource(path)
    said = []
    for block in source.audio(source.info().audio[0].id, LISTENING_HZ):
        assert not isinstance(block, Gap)
        said += listener.push(block)
    said += listener.flush()
    return " ".join(one.text for one in said).lower()


def test_markup_in_a_bundle_is_text(call: Path, tmp_path: Path) -> None:
    """A word that is markup is shown as it stands; it makes no element and runs nothing."""
    bundle = tmp_path / call.name
    shutil.copytree(call, bundle)

    async def go() -> None:
        async with served(bundle) as url, browser(url + "r/0/", tmp_path / "profile") as page:
            await ready(page)
            await page.until("document.getElementById('transcript').textContent.trim() !== ''")
            assert HOSTILE in await page.text("transcript")
            assert await page.evaluate("document.querySelectorAll('#transcript img').length") == 0
            assert page.complaints == []

    asyncio.run(go())
    assert json.loads((bundle / "transcript.json").read_text())
