"""A real browser as a participant: headless Chromium with a made camera and microphone, driven by DevTools."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np

__all__ = ["CHROMIUM", "Page", "browser", "write_camera", "write_microphone"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required", "--remote-debugging-port=0", "--remote-allow-origins=*",
)  # fmt: skip

_KEYS: dict[str, dict[str, Any]] = {
    "Enter": {"text": "\r", "code": "Enter", "windowsVirtualKeyCode": 13},
    "Escape": {"code": "Escape", "windowsVirtualKeyCode": 27},
    "Tab": {"code": "Tab", "windowsVirtualKeyCode": 9},
    "ArrowLeft": {"code": "ArrowLeft", "windowsVirtualKeyCode": 37},
    "ArrowUp": {"code": "ArrowUp", "windowsVirtualKeyCode": 38},
    "ArrowRight": {"code": "ArrowRight", "windowsVirtualKeyCode": 39},
    "ArrowDown": {"code": "ArrowDown", "windowsVirtualKeyCode": 40},
}


class Page:
    """One page, through the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self.complaints: list[str] = []

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        async for frame in self._socket:
            message: dict[str, Any] = json.loads(frame.data)
            if message.get("id") == self._number:
                if "error" in message:
                    raise RuntimeError(message["error"]["message"])
                result: dict[str, Any] = message["result"]
                return result
            self._listen(message)
        raise RuntimeError("the browser hung up")

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, awaited."""
        done = await self.command(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"]["text"])
        return done["result"].get("value")

    async def click(self, element: str) -> None:
        """Click an element by its id, as a mouse would, once it can be clicked."""
        await self.until(f"!document.getElementById('{element}').disabled")
        box = await self.evaluate(
            f"(() => {{ const e = document.getElementById('{element}'); e.scrollIntoView({{block: 'center'}});"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.command(
                "Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1
            )

    async def type(self, element: str, text: str) -> None:
        """Replace what stands in a field."""
        await self.evaluate(f"document.getElementById('{element}').select()")
        await self.evaluate(f"document.getElementById('{element}').focus()")
        await self.command("Input.insertText", text=text)

    async def text(self, element: str) -> str:
        """Return what is shown in an element."""
        return str(await self.evaluate(f"document.getElementById('{element}').innerText"))

    async def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key, as a keyboard would."""
        code = _KEYS.get(key, {"text": key})
        for kind in ("keyDown", "keyUp"):
            own = code if kind == "keyDown" else {name: code[name] for name in code if name != "text"}
            await self.command(
                "Input.dispatchKeyEvent", type=kind, key=key, modifiers=8 if shift else 0, **own
            )

    async def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw a line with the mouse's button held, in pixels of the page."""
        steps = [("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)]
        for kind, (x, y) in steps:
            await self.command(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1
            )

    async def size(self, width: int, height: int, *, phone: bool = False, dark: bool = False) -> None:
        """Take the size of a screen, and its colours."""
        await self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.command("Emulation.setEmulatedMedia", features=[scheme])

    async def picture(self, path: Path) -> None:
        """Store what is shown as a PNG file."""
        done = await self.command("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(done["data"]))

    async def until(self, expression: str, seconds: float = 15) -> None:
        """Wait until an expression holds."""
        async with asyncio.timeout(seconds):
            while not await self._holds(expression):
                await asyncio.sleep(0.05)

    async def _holds(self, expression: str) -> bool:
        try:
            return bool(await self.evaluate(f"Boolean({expression})"))
        except RuntimeError as error:
            if "navigated" not in str(error):  # a page that is being left has no answer yet
                raise
            return False

    def _listen(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Log.entryAdded":
            self.complaints.append(message["params"]["entry"]["text"])
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(message["params"]["exceptionDetails"]["text"])


@asynccontextmanager
async def browser(
    url: str, folder: Path, *, camera: Path | None = None, microphone: Path | None = None
) -> AsyncIterator[Page]:
    """Open a page in a browser of its own; the browser is gone when the block ends.

    Args:
        url: of the page.
        folder: an empty folder for the profile.
        camera: see `write_camera`; none for a page that asks for none.
        microphone: see `write_microphone`.
    """
    made = [f"--use-file-for-fake-video-capture={camera}"] if camera else []
    made += [f"--use-file-for-fake-audio-capture={microphone}"] if microphone else []
    process = await asyncio.create_subprocess_exec(
        str(CHROMIUM),
        *_FLAGS,
        f"--user-data-dir={folder}",
        *made,
        "about:blank",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port = await _port(folder / "DevToolsActivePort")
        async with aiohttp.ClientSession() as http:
            async with http.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = await answer.json()
            address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
            async with http.ws_connect(address, max_msg_size=0) as socket:
                page = Page(socket)
                for domain in ("Page", "Runtime", "Log"):
                    await page.command(f"{domain}.enable")
                await page.command("Page.navigate", url=url)
                await page.until(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")
                yield page
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def write_camera(path: Path, grey: int, *, width: int = 320, height: int = 180, fps: int = 15) -> Path:
    """Write a camera's picture, one grey all over, as the MJPEG file that Chromium takes."""
    with av.open(str(path), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
        for number in range(fps):
            frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), grey, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_microphone(path: Path, hertz: float) -> Path:
    """Write a microphone's tone as the WAV file that Chromium takes and plays over and over."""
    samples = 0.4 * np.sin(2 * np.pi * hertz * np.arange(48_000) / 48_000)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


async def _port(path: Path) -> int:
    async with asyncio.timeout(90):
        while not (path.is_file() and path.read_text().strip()):
            await asyncio.sleep(0.05)
    return int(path.read_text().split()[0])
