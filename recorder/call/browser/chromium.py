"""The system's Chromium, headless, with a profile in memory, driven by a pipe; gone when the recorder is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from recorder.call.browser import keeper
from recorder.call.browser.pipe import DevTools, DevToolsEvent
from redaction.errors import UsageError

__all__ = ["BrowserSetting", "find_chromium", "memory_folder", "running_chromium"]

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_IN_MEMORY: Final = ("/dev/shm", "/run/shm")  # noqa: S108 - private folders in memory
_LEAST_MEMORY: Final = 64 * 2**20
_ENDING_S: Final = 8.0
_FLAGS: Final = (
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check",
    # nothing to the disk
    "--disable-breakpad", "--disable-crash-reporter", "--disk-cache-dir=/dev/null", "--disk-cache-size=1",
    "--disable-gpu-shader-disk-cache", "--disable-logging", "--log-level=3", "--password-store=basic",
    # nothing of its own to anybody
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
    "--disable-extensions", "--disable-component-extensions-with-background-pages", "--disable-domain-reliability",
    "--disable-client-side-phishing-detection", "--no-pings", "--no-proxy-server", "--dns-prefetch-disable",
    "--disable-features=Translate,MediaRouter,OptimizationHints,AutofillServerCommunication,DialMediaRouteProvider,"
    "InterestFeedContentSuggestions,CertificateTransparencyComponentUpdater,WebRtcHideLocalIpsWithMdns,"
    "GlobalMediaControls,CalculateNativeWinOcclusion",
    # a participant whom nobody watches, and who has no camera or microphone but the files it is given
    "--mute-audio", "--disable-gpu", "--disable-notifications", "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream", "--allow-loopback-in-peer-connection",
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows", "--window-size=1280,720",
)  # fmt: skip


class BrowserSetting:
    """What one browser is started with.

    Args:
        rules: which hosts its resolver finds; see `AllowedHosts.rules`.
        camera: writes the picture of the bot as MJPEG to a path.
        microphone: the sound of the bot as a WAV file.
        chromium: the program; the system's if None.
        flags: more of them, for tests.
    """

    def __init__(
        self,
        rules: str,
        *,
        camera: Callable[[Path], None],
        microphone: bytes,
        chromium: str | None = None,
        flags: tuple[str, ...] = (),
    ) -> None:
        self.rules = rules
        self.camera = camera
        self.microphone = microphone
        self.chromium = chromium
        self.flags = flags


def find_chromium() -> str:
    """Return the system's Chromium.

    Raises:
        UsageError: there is none.
    """
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise UsageError(
            "Joining by a browser needs Chromium: install your system's package, such as chromium."
        )
    return found


def memory_folder() -> Path:
    """Return a new folder of our own: in memory where the system has such a place, else among temporary files."""
    for place in _IN_MEMORY:
        if os.access(place, os.W_OK | os.X_OK) and shutil.disk_usage(place).free > _LEAST_MEMORY:
            return Path(tempfile.mkdtemp(prefix="offrecord-", dir=place))
    return Path(tempfile.mkdtemp(prefix="offrecord-"))


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment in which everything that a browser writes lands in its folder."""
    home = str(folder)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
    places = dict.fromkeys(
        (
            "HOME",
            "TMPDIR",
            "XDG_CONFIG_HOME",
            "XDG_CACHE_HOME",
            "XDG_DATA_HOME",
            "XDG_STATE_HOME",
            "XDG_RUNTIME_DIR",
        ),
        home,
    )
    # a dump of a crash would hold pieces of the page's memory: there is no place for one, and so nobody to write it
    nowhere = dict.fromkeys(("XDG_CONFIG_HOME", "BREAKPAD_DUMP_LOCATION"), "/dev/null/none")
    return {**kept, **places, **nowhere, "DBUS_SESSION_BUS_ADDRESS": "disabled:"}


@asynccontextmanager
async def running_chromium(
    setting: BrowserSetting, on_event: Callable[[DevToolsEvent], None]
) -> AsyncIterator[DevTools]:
    """Run a browser for the length of a block; it and its folder are gone afterwards, however the block ends.

    Raises:
        UsageError: there is no Chromium.
    """
    program = setting.chromium or find_chromium()
    folder = memory_folder()
    # keeper's own end of each pipe is inherited, ours is not
    to_browser, from_browser = os.pipe(), os.pipe()
    process: asyncio.subprocess.Process | None = None
    devtools = DevTools(from_browser[0], to_browser[1], on_event)
    try:
        try:
            await asyncio.to_thread(_write_devices, setting, folder)
            command = [program, *_FLAGS, *setting.flags, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
            command += [
                f"--host-resolver-rules={setting.rules}",
                f"--user-data-dir={folder / 'profile'}",
                f"--use-file-for-fake-video-capture={folder / 'camera.mjpeg'}",
                f"--use-file-for-fake-audio-capture={folder / 'microphone.wav'}%noloop",
                "about:blank",
            ]
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", str(keeper.__file__),
                str(folder), str(to_browser[0]), str(from_browser[1]), *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=(to_browser[0], from_browser[1]),
                start_new_session=True,
                env=_environment(folder),
                cwd="/",
            )  # fmt: skip
        finally:
            os.close(to_browser[0])
            os.close(from_browser[1])
        reader = await devtools.open()
        reading = asyncio.create_task(devtools.run(reader))  # no group: it would wrap what the block raises
        try:
            yield devtools
        finally:
            devtools.close()
            reading.cancel()
            await asyncio.wait([reading])
    finally:
        devtools.close()
        await asyncio.shield(_end(process, folder))


async def _end(process: asyncio.subprocess.Process | None, folder: Path) -> None:
    """Let the keeper end the browser and remove its folder; make sure of it."""
    if process is not None and process.stdin is not None:
        process.stdin.close()
        try:
            async with asyncio.timeout(_ENDING_S):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _write_devices(setting: BrowserSetting, folder: Path) -> None:
    (folder / "profile").mkdir()
    setting.camera(folder / "camera.mjpeg")
    (folder / "microphone.wav").write_bytes(setting.microphone)
