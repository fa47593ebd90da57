"""The generic adapter on pages that nobody here wrote: a package's own example from the npm registry."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.browser import CHROMIUM, browser, write_camera, write_microphone
from tests.e2e.test_browser import BrowserBot, much
from tests.e2e.test_janus import assert_owner, studio
from tests.recorder.call.contract import recorded, run
from tests.recorder.call.observed import ObservedCall, until

PACKAGES = ("open-easyrtc@2.1.8", "express@4.22.1", "socket.io@4.8.1")
SERVER = """
const http = require("http"), express = require("express"), easyrtc = require("open-easyrtc");
const app = express(), server = http.createServer(app);
easyrtc.setOption("logLevel", "none");
easyrtc.setOption("appIceServers", []);
easyrtc.listen(app, require("socket.io")(server), null, () => server.listen(+process.argv[2], "127.0.0.1"));
"""
PAGE = "demos/demo_multiparty.html"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the package, as its registry has it."""
    folder = tmp_path_factory.mktemp("npm")
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", *PACKAGES]
    environment = {
        **os.environ,
        "npm_config_cache": str(folder / "cache"),
        "npm_config_update_notifier": "false",
    }
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=180, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("the package with the example page cannot be fetched in time")
    if done.returncode != 0:
        pytest.skip("the package with the example page cannot be fetched")
    return folder


@asynccontextmanager
async def example(folder: Path) -> AsyncIterator[str]:
    """Run the package's server; yield the address of its example page."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        "node", "-e", SERVER, "x", str(port),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.1)
                    continue
                writer.close()
                break
        yield f"http://127.0.0.1:{port}/{PAGE}"
    finally:
        process.kill()
        await process.wait()


def test_a_page_without_an_adapter_is_joined(installed: Path, tmp_path: Path) -> None:
    """Its people are unknown participants, apart from each other; each one's video and audio is theirs."""

    async def go() -> None:
        observed = ObservedCall()
        people = {"a": (70, 450.0), "b": (200, 950.0)}
        async with AsyncExitStack() as stack:
            url = await stack.enter_async_context(example(installed))
            for name, (grey, hertz) in people.items():
                (tmp_path / name).mkdir()
                camera = write_camera(tmp_path / f"{name}.mjpeg", grey)
                microphone = write_microphone(tmp_path / f"{name}.wav", hertz)
                await stack.enter_async_context(
                    browser(url, tmp_path / name, camera=camera, microphone=microphone)
                )
            bot = BrowserBot(url)
            async with recorded(bot, observed):
                await until(lambda: len(observed.people) == 2, within=60)
                assert observed.asks == [False]
                assert set(observed.people.values()) == {"Guest"}
                for participant in list(observed.people):
                    observed.received.add(participant)
                    await bot.source.receive(participant, True)
                for participant in list(observed.people):
                    await until(lambda p=participant: much(observed, p), within=40)  # type: ignore[misc]
        found: set[str] = set()
        for participant in {track.participant for track in observed.pictures}:
            for name, (grey, hertz) in people.items():
                try:
                    assert_owner(observed, participant, hertz=hertz, luma=studio(grey))
                except AssertionError:
                    continue
                found.add(name)
        assert found == set(people)

    run(go, within=180)
