"""`offrecord join` on a meeting's page, as a process, and what is left behind by it."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np
import psutil
from numpy.typing import NDArray

from redaction.video.cover import FILL
from samples.speech import SCRIPT, speak_call
from tests.e2e.conftest import COMMAND

__all__ = [
    "RATE", "Joined", "browser_of", "files_in", "free_url", "heard", "joining", "lumas", "profile_of", "spoken",
    "write_pictures", "write_sound",
]  # fmt: skip

RATE = 48_000
_LINKS = re.compile(r"Consent links for the host: (\S+)")


class Joined:
    """The command as a process, and what it says."""

    def __init__(self, process: asyncio.subprocess.Process, http: aiohttp.ClientSession) -> None:
        self.process, self._http = process, http
        self.said: list[str] = []

    async def hosts_page(self) -> str:
        """Return the address of the page with the links, once it is told."""
        assert self.process.stderr is not None
        while True:
            line = (await self.process.stderr.readline()).decode()
            assert line, "".join(self.said)
            self.said.append(line)
            if found := _LINKS.search(line):
                return found[1]

    async def answer(self, page: str, name: str, word: str) -> None:
        """Answer by somebody's link, in a browser of their own, once they are there."""
        async with (
            asyncio.timeout(120),
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as own,
        ):
            found = None
            while found is None:
                async with self._http.get(page) as answer:
                    found = re.search(rf"<td>{name}</td><td><a href=\"([^\"]+)\"", await answer.text())
                await asyncio.sleep(0.1)
            async with own.post(found[1], data={"answer": word}) as answer:
                assert answer.status == 200, await answer.text()

    async def ended(self) -> int:
        """Wait for the end; return the status."""
        out, error = await self.process.communicate()
        self.said += [out.decode(), error.decode()]
        return self.process.returncode or 0


@asynccontextmanager
async def joining(url: str, folder: Path, *flags: str) -> AsyncIterator[Joined]:
    """Run `offrecord join URL --browser` into `folder/out`, with temporary files in `folder/tmp`."""
    (folder / "tmp").mkdir()
    process = await asyncio.create_subprocess_exec(
        COMMAND, "join", url, "--browser", "-o", str(folder / "out"), "--json", *flags,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUTF8": "1", "TMPDIR": str(folder / "tmp")},
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as http:
            yield Joined(process, http)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def free_url() -> str:
    """Return an address of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return f"http://127.0.0.1:{one.getsockname()[1]}"


def profile_of(recorder: int) -> Path | None:
    """Return the folder of a recorder's browser, None while it has none."""
    for process in psutil.Process(recorder).children(recursive=True):
        try:
            found = [part for part in process.cmdline() if re.search(r"/offrecord-[^/]+$", part)]
        except psutil.Error:
            continue
        if found and Path(found[0]).is_dir():
            return Path(found[0])
    return None


def browser_of(folder: Path) -> psutil.Process:
    """Return the first process of the browser that lives in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name().startswith("chrom") and any(str(folder) in part for part in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return min(found, key=lambda process: process.create_time())


def files_in(*folders: Path) -> dict[str, bytes]:
    """Return what every file below some folders holds; one that vanishes meanwhile is left out."""
    found: dict[str, bytes] = {}
    for folder in folders:
        for path in folder.rglob("*"):
            try:
                if path.is_file():
                    found[str(path)] = path.read_bytes()
            except OSError:
                continue
    return found


def write_pictures(path: Path, pictures: list[NDArray[np.uint8]], *, fps: int = 10) -> Path:
    """Write pictures, uint8 (H, W, 3) RGB, as the MJPEG file that Chromium takes for a camera."""
    with av.open(str(path), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=fps)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuvj420p"
        for number in range(fps):
            frame = av.VideoFrame.from_ndarray(pictures[number % len(pictures)], format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path, samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> Path:
    """Write samples, float32 at 48,000 Hz, as the WAV file that Chromium plays over and over."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def spoken(hertz: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Return the first line of the sample call, with names in it, and a code of beeps beside it; none at 0 Hz."""
    said = np.repeat(speak_call(SCRIPT[:1]).samples, 2)
    time = np.arange(len(said)) / RATE
    return np.asarray(said + 0.25 * np.sin(2 * np.pi * hertz * time) * (time % 1.0 < 0.4), np.float32)


def heard(transcript: list[dict[str, Any]]) -> list[str]:
    """Return which harmless words of the spoken line stand in a transcript; not every one is understood each time."""
    words = {word["text"].lower().strip(".,") for one in transcript for word in one["words"]}
    return [word for word in ("hello", "name", "work", "export", "team") if word in words]


def lumas(path: Path) -> list[float]:
    """Return the mean luma of each frame of a stored track that shows something.

    Black stands where nothing was stored, and a cover over the whole frame where the machine was too slow to look.
    """
    with av.open(str(path)) as container:
        frames = (frame.to_ndarray(format="yuv420p")[: frame.height] for frame in container.decode(video=0))
        means = [float(luma.mean()) for luma in frames]
    return [mean for mean in means if mean > 20 and abs(mean - FILL[0]) > 6]
