"""Zoom's own client against the test server: what the server speaks is Zoom's protocol, not a dialect of ours."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.recorder.call.contract import run
from tests.recorder.call.zoom_server import (
    CLIENT_ID,
    CLIENT_SECRET,
    MEETING,
    STREAM,
    ZoomServer,
    h264_of,
    jpeg_of,
    tone_of,
    zoom_server,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

PACKAGE = "rtms==1.1.0"  # closed inside, so it is run apart and is no dependency of ours
_BOUND_S = 90.0  # of a client that takes seconds, on a machine that does much else
CLIENT = Path(__file__).with_name("official_client.py")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that has Zoom's client: that of OFFRECORD_RTMS_PYTHON, or a fresh environment."""
    given = os.environ.get("OFFRECORD_RTMS_PYTHON")
    if given:
        return given
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        pytest.skip("Zoom's client for Python has wheels for 3.10 to 3.13 only")
    place = tmp_path_factory.mktemp("rtms") / "environment"
    made = str(place / "bin" / "python")
    for command in (
        [sys.executable, "-m", "venv", str(place)],
        [made, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", PACKAGE],
        [made, "-c", "import rtms"],
    ):
        done = subprocess.run(command, capture_output=True, timeout=200, check=False, cwd=place.parent)
        if done.returncode != 0:
            pytest.skip(f"Zoom's client for Python ({PACKAGE}) cannot be installed here")
    return made


async def received(
    python: str, server: ZoomServer, certificate: Path, folder: Path, *, seconds: float
) -> dict[str, Any]:
    """Run Zoom's client for so long; return what it received."""
    arguments = [str(CLIENT), f"{server.url}/signaling", str(certificate), MEETING, STREAM, str(seconds)]
    (folder / "logs").mkdir()
    process = await asyncio.create_subprocess_exec(
        python,
        *arguments,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TEST_CLIENT": CLIENT_ID, "TEST_SECRET": CLIENT_SECRET},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_BOUND_S):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    (line,) = [line for line in out.decode().splitlines() if line.startswith("RESULT ")]
    found: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return found


def test_the_official_client_receives_the_meeting(python: str, tmp_path: Path) -> None:
    """Zoom's client shakes hands, stays alive, and gets events, sound, video and a screen, each with its owner."""

    async def go() -> None:
        async with zoom_server(tmp_path) as (server, certificate):
            ann = await server.join("Ann", hertz=440)
            task = asyncio.create_task(received(python, server, certificate, tmp_path, seconds=8))
            async with asyncio.timeout(60):
                while 2 not in server.subscribed:
                    await asyncio.sleep(0.05)
            await asyncio.sleep(1)
            ben = await server.join("Ben", hertz=880, colour=(160, 200, 60))
            await server.share(ben, jpeg_of((120, 90, 160)))
            await server.speak(ben)
            await asyncio.sleep(2)
            await server.leave(ben)
            found = await task
        assert found["joined"] == [0]
        for user, name, hertz in ((ann, "Ann", 440), (ben, "Ben", 880)):
            who = f"{user} {name}"
            assert len(found["sizes"]["audio"][who]) > 20
            assert set(found["sizes"]["audio"][who]) == {640}  # 20 ms, as it asked for
            block = bytes.fromhex(found["first"][f"audio {who}"])
            assert block in tone_of(hertz).astype("<i2").tobytes() * 2
            assert len(found["sizes"]["video"][who]) > 10
        assert bytes.fromhex(found["first"][f"video {ben} Ben"]) in h264_of((160, 200, 60))
        assert bytes.fromhex(found["first"][f"share {ben} Ben"]) == jpeg_of((120, 90, 160))
        said = [event[0] for event in found["events"]]
        assert {"join", "leave", "speaker", "share start"} <= set(said)
        assert ["join", [{"user_id": ben, "user_name": "Ben"}]] in found["events"]
        answers = server.heard(13)
        assert len(answers) > 10
        assert all(answer["sequence"] for answer in answers)

    run(go, within=120)


def test_the_official_client_is_refused_as_documented(python: str, tmp_path: Path) -> None:
    """With another stream's id Zoom's client is refused at the handshake, and receives nothing."""

    async def go() -> None:
        async with zoom_server(tmp_path) as (server, certificate):
            await server.join("Ann")
            server.refuse = 2
            found = await received(python, server, certificate, tmp_path, seconds=3)
        assert found["joined"] != [0]
        assert found["sizes"] == {"audio": {}, "video": {}, "share": {}}
        assert server.medias == []

    run(go, within=110)
