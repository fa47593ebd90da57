"""The browser's process: its folder is in memory and gone with it, whoever dies first."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from recorder.call.browser import chromium
from recorder.call.browser.chromium import BrowserSetting, find_chromium, running_chromium
from redaction.errors import UsageError
from tests.e2e.browser import CHROMIUM

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


def setting(program: str | None = None) -> BrowserSetting:
    """Return how a browser is started that may go nowhere."""

    def no_camera(path: Path) -> None:
        path.write_bytes(b"x")

    return BrowserSetting("MAP * ~NOTFOUND", camera=no_camera, microphone=b"x", chromium=program)


def children(folder: Path) -> list[psutil.Process]:
    """Return the processes of a browser."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(folder) in part for part in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def until(holds: object, seconds: float = 15.0) -> None:
    """Wait until something holds."""
    assert callable(holds)
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_system_without_chromium_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence that says what to install."""
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(UsageError, match="Chromium"):
        find_chromium()


def test_a_program_that_cannot_run_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The browser is lost at once, and no folder stays."""
    monkeypatch.setattr(chromium, "_IN_MEMORY", ())
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)

    async def go() -> None:
        async with running_chromium(setting("/nonexistent"), lambda _: None) as devtools:
            await asyncio.wait_for(devtools.wait_lost(), 10)

    asyncio.run(go())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@needs_chromium
def test_the_folder_is_in_memory_and_goes_with_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it runs the folder is ours alone; then neither a process nor a file is left, also when it is killed."""
    made: list[Path] = []
    monkeypatch.setattr(chromium, "_write_devices", _noting(chromium._write_devices, made))

    async def go(kill: bool) -> None:
        async with running_chromium(setting(), lambda _: None) as devtools:
            assert "Chrome" in (await devtools.ask("Browser.getVersion"))["product"]
            folder = made[-1]
            assert folder.stat().st_mode & 0o077 == 0
            assert str(folder).startswith("/dev/shm") or not os.access("/dev/shm", os.W_OK)
            if kill:
                browser = min(
                    (p for p in children(folder) if p.cmdline()[0].endswith("chromium")), key=lambda p: p.pid
                )
                browser.send_signal(signal.SIGKILL)
                await asyncio.wait_for(devtools.wait_lost(), 15)

    for kill in (False, True):
        asyncio.run(go(kill))
        assert not made[-1].exists()
        assert children(made[-1]) == []


@pytest.mark.slow
@needs_chromium
def test_a_recorder_that_is_killed_leaves_no_browser_and_no_folder() -> None:
    """SIGKILL of the recorder: the keeper ends the browser and removes its folder."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_hold, args=(theirs,))
    process.start()
    folder = Path(ours.recv())
    assert folder.exists()
    assert len(children(folder)) > 2
    process.kill()
    process.join()
    until(lambda: not folder.exists())
    until(lambda: children(folder) == [])


def _noting(write: object, made: list[Path]) -> object:
    def noted(given: BrowserSetting, folder: Path) -> None:
        made.append(folder)
        assert callable(write)
        write(given, folder)

    return noted


def _hold(pipe: multiprocessing.connection.Connection) -> None:
    made: list[Path] = []
    chromium._write_devices = _noting(chromium._write_devices, made)  # type: ignore[assignment]

    async def go() -> None:
        async with running_chromium(setting(), lambda _: None) as devtools:
            await devtools.ask("Browser.getVersion")
            pipe.send(str(made[0]))
            await asyncio.sleep(600)

    asyncio.run(go())
