"""Small pictures with bright squares for faces, people who agreed, and helpers to look at what was stored."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from recorder.call.source import TimedVideo
from recorder.live.store.journal import Journal
from recorder.live.store.schema import ConsentRecord, PersonRecord, Stay
from redaction.model import Box
from tests.redaction.video.scene import frame

ADA, BOB, CID = "a" * 16, "b" * 16, "c" * 16
SIZE = (320, 176)


def person(token: str = ADA, *, order: int = 1) -> PersonRecord:
    """Return the record of somebody who said yes."""
    consent = ConsentRecord(time=0.0, via="page", receipt="r")
    return PersonRecord(token=token, order=order, stays=(Stay(start=0.0),), consent=consent)


def journal_of(folder: Path, *tokens: str) -> Journal:
    """Return a journal in which some people have said yes."""
    journal = Journal(folder)
    for order, token in enumerate(tokens or (ADA,), start=1):
        journal.admit(person(token, order=order))
    return journal


def picture(
    faces: Iterable[Box] = (), *, at: float, size: tuple[int, int] = SIZE, index: int = 0
) -> TimedVideo:
    """Return a decoded picture with bright boxes on a dark ground."""
    made = frame(faces, index, size=size)
    width, height = size
    target = av.VideoFrame(width, height, "yuv420p")
    for plane, own in zip((made.y, made.u, made.v), target.planes, strict=True):
        buffer = np.frombuffer(memoryview(own), np.uint8).reshape(-1, own.line_size)
        buffer[: plane.shape[0], : plane.shape[1]] = plane
    return TimedVideo(target, at)


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file of JSON lines; none when it is not there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def stored(path: Path) -> list[tuple[float, NDArray[np.uint8]]]:
    """Decode a stored picture: time in seconds and luma of each frame."""
    found: list[tuple[float, NDArray[np.uint8]]] = []
    with av.open(str(path)) as container:
        for item in container.decode(video=0):
            luma = np.asarray(item.to_ndarray(), np.uint8)[: item.height].copy()
            found.append((float(item.time or 0.0), luma))
    return found


def heard(path: Path) -> NDArray[np.float32]:
    """Decode a stored sound: float32 (n,) at 48,000 Hz."""
    with av.open(str(path)) as container:
        parts = [item.to_ndarray()[0] for item in container.decode(audio=0)]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def proofs(path: Path) -> list[tuple[float, Sequence[Sequence[int]], Sequence[int]]]:
    """Return time, points and luma of every proof of a piece."""
    return [
        entry
        for line in lines(path)
        if line["line"] == "proofs"
        for entry in zip(line["times"], line["points"], line["luma"], strict=True)
    ]


def wait_until(true: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """Wait for something that other threads do; give up with an error."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("that did not happen in time")
        time.sleep(0.01)
