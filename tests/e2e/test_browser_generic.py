"""The generic adapter on pages that nobody here wrote: a package's own example from the npm registry."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.browser import CHROMIUM, browser, write_camera
from tests.e2e.conftest import needs_models, run_offrecord
from tests.e2e.joining import heard, joining, lumas, spoken, write_sound

PACKAGES = ("open-easyrtc@2.1.8", "express@4.22.1", "socket.io@4.8.1")
SERVER = """
const http = require("http"), express = require("express"), easyrtc = require("open-easyrtc");
const app = express(), server = http.createServer(app);
easyrtc.setOption("logLevel", "none");
easyrtc.setOption("appIceServers", []);
easyrtc.listen(app, require("socket.io")(server), null, () => server.listen(+process.argv[2], "127.0.0.1"));
"""
PAGE = "demos/demo_multiparty.html"
GREYS = {"speaks": 70, "listens": 200}
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


def test_a_page_without_an_adapter_is_recorded(installed: Path, tmp_path: Path) -> None:
    """The command joins, and records what the policy allows: two unknown participants, each track its owner's.

    Under the default policy, where nobody can be asked, it records nothing, and says so.
    """
    needs_models()
    sounds = {"speaks": spoken(0.0), "listens": np.full(48_000, 0.0, np.float32)}
    policy = tmp_path / "policy.toml"
    policy.write_text('[consent]\ndefault = "allow"\nif_unasked = "policy"\n')

    async def go() -> tuple[int, int]:
        async with AsyncExitStack() as stack:
            url = await stack.enter_async_context(example(installed))
            for name, grey in GREYS.items():
                (tmp_path / name).mkdir()
                camera = write_camera(tmp_path / f"{name}.mjpeg", grey)
                microphone = write_sound(tmp_path / f"{name}.wav", sounds[name])
                await stack.enter_async_context(
                    browser(url, tmp_path / name, camera=camera, microphone=microphone)
                )
            (tmp_path / "asked").mkdir()
            async with joining(url, tmp_path / "asked") as bot:
                refused = await bot.ended()
            async with joining(url, tmp_path, "--policy", str(policy), "--for", "25s") as bot:
                return refused, await bot.ended()

    assert asyncio.run(asyncio.wait_for(go(), 300)) == (4, 0)
    assert not list((tmp_path / "asked" / "out").iterdir())
    (bundle,) = (tmp_path / "out").glob("*.offrecord")
    assert run_offrecord(["verify", str(bundle)]).returncode == 0
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert [person["via"] for person in manifest["participants"]["people"]] == ["policy", "policy"]
    shown = {who: lumas(bundle / "tracks" / f"{who.lower()}-camera.mp4") for who in ("P01", "P02")}
    greys = {who: min(GREYS.values(), key=lambda one: abs(one - seen[0])) for who, seen in shown.items()}
    assert set(greys.values()) == set(GREYS.values())
    for who, seen in shown.items():
        assert len(seen) > 30
        assert max(abs(luma - greys[who]) for luma in seen) < 14
    transcript = json.loads((bundle / "transcript.json").read_text())["utterances"]
    assert heard(transcript)
    assert {greys[one["speaker"]] for one in transcript} == {GREYS["speaks"]}
