"""The real command on a page that nobody here wrote, with real browsers, killed twice: who refused is in no byte."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest

from redaction.video.faces.detect import YuNet
from tests.e2e.browser import CHROMIUM, browser
from tests.e2e.conftest import needs_models, run_offrecord
from tests.e2e.janus_demos import DEMOS, demo_pages, demo_url, enter_demo
from tests.e2e.janus_room import unreachable
from tests.e2e.joining import (
    RATE,
    browser_of,
    files_in,
    free_url,
    heard,
    joining,
    lumas,
    profile_of,
    spoken,
    write_pictures,
    write_sound,
)
from tests.e2e.test_call import AGREED_HZ, REFUSED_HZ, _beeps, _pattern, _planted_sound, _search
from tests.e2e.test_janus import janus, studio
from tests.recorder.call.observed import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(unreachable()), reason=unreachable() or "-"),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(not DEMOS.is_dir(), reason="Debian's janus-demos is not installed"),
]
ANN, BEN = "ZephyrineQuollbridge", "ThaddeusIxworth"
GREY = 150


def proven(folder: Path, piece: str) -> int:
    """Return how many lines of proofs a stored piece has by now; each stands for about a second."""
    return sum(
        path.read_bytes().count(b"\n") for path in folder.glob(f"out/*.partial/live/people/*/{piece}.jsonl")
    )


def search(folder: Path, *profiles_now: Path) -> int:
    """Hold everything that was written, and lies in browsers' folders, against what was planted; return how much."""
    files = files_in(folder / "out", folder / "tmp", *profiles_now)
    for name, data in files.items():
        for word in (ANN, BEN):
            for form in (word.encode(), word.encode("utf-16-le")):
                assert form.lower() not in data.lower(), name
    return _search(files, YuNet())["media"]


def test_killed_twice_and_nothing_of_who_refused_is_left(tmp_path: Path) -> None:
    """Ann agrees by her link, Ben refuses by his; the browser dies of SIGKILL, the call is joined again, then the
    recorder dies of it: what is recovered is verified, each frame and word is Ann's, and no file holds a marker."""
    needs_models()
    wav = {ANN: write_sound(tmp_path / "ann.wav", spoken(AGREED_HZ))}
    wav[BEN] = write_sound(tmp_path / "ben.wav", _planted_sound(None, REFUSED_HZ))
    assert _beeps(_planted_sound(None, REFUSED_HZ), RATE, REFUSED_HZ) > 35
    grey = [np.full((180, 320, 3), GREY, np.uint8)]
    cameras = {
        ANN: write_pictures(tmp_path / "ann.mjpeg", grey),
        BEN: write_pictures(tmp_path / "ben.mjpeg", _pattern()),
    }

    async def call() -> None:
        async with AsyncExitStack() as stack:
            (tmp_path / "janus").mkdir()
            server = await stack.enter_async_context(janus(tmp_path / "janus"))
            url = demo_url(await stack.enter_async_context(demo_pages(server)), "mvideoroomtest.html")
            bot = await stack.enter_async_context(joining(url, tmp_path, "--consent-page", free_url()))
            people = {}
            for name in (ANN, BEN):
                (tmp_path / name).mkdir()
                own = browser(url, tmp_path / name, camera=cameras[name], microphone=wav[name])
                people[name] = await stack.enter_async_context(own)
                await enter_demo(people[name], name)
            page = await asyncio.wait_for(bot.hosts_page(), 120)
            await bot.answer(page, ANN, "adult")
            await bot.answer(page, BEN, "no")
            await until(lambda: proven(tmp_path, "camera-0001") > 5, within=60)
            first = profile_of(bot.process.pid)
            assert first is not None
            assert len(files_in(first)) > 10
            search(tmp_path, first)
            browser_of(first).kill()
            await until(lambda: not first.exists(), within=30)
            await until(lambda: proven(tmp_path, "camera-0002") > 2, within=60)
            seen = "document.body.innerText.includes('Recorderbotrecording')"
            assert await people[BEN].evaluate(seen)
            await until(lambda: list(tmp_path.glob("out/*.partial/live/people/*/words.jsonl")), within=90)
            second = profile_of(bot.process.pid)
            assert second is not None
            search(tmp_path, second)
            bot.process.kill()
            await until(lambda: not second.exists(), within=30)
            await people[BEN].until(f"!{seen}", 30)

    asyncio.run(asyncio.wait_for(call(), 300))
    search(tmp_path)
    (partial,) = (tmp_path / "out").glob("*.partial")
    done = run_offrecord(["recover", str(partial)])
    assert done.returncode == 0, done.stderr
    (bundle,) = (tmp_path / "out").glob("*.offrecord")
    assert run_offrecord(["verify", str(bundle)]).returncode == 0
    assert search(tmp_path) >= 2
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert (manifest["participants"]["way"], manifest["participants"]["recorded"]) == ("browser", 1)
    assert {track["id"] for track in manifest["tracks"]} == {"P01-camera", "P01-microphone"}
    assert len(manifest["tracks"][0]["spans"]) >= 2  # before and after the browser was killed
    found = lumas(bundle / "tracks" / "p01-camera.mp4")
    assert len(found) > 30
    assert max(abs(luma - studio(GREY)) for luma in found) < 14
    transcript = json.loads((bundle / "transcript.json").read_text())["utterances"]
    assert {one["speaker"] for one in transcript} == {"P01"}
    assert heard(transcript)
