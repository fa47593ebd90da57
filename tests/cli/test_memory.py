"""How much memory a recording of large pictures takes, measured on the command's own process."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from tests.cli.running import place_in, start

_MOST_BYTES: Final = 1_500_000_000
# As many as fill the look-ahead: fewer take less memory.
_WIDTH, _HEIGHT, _FRAMES = 3840, 2160, 16


def _document(number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return a page of text over a pattern with a square that moves, uint8 (2160, 3840, 3)."""
    across = (
        np.arange(_WIDTH, dtype=np.uint16)[None, :] // 24 + np.arange(_HEIGHT, dtype=np.uint16)[:, None] // 40
    )
    picture = np.repeat((230 - (across % 23)).astype(np.uint8)[..., None], 3, axis=2)
    for line in range(3):
        text, at = f"Line {line} tells what Maryam Okonkwo wrote", (160, 300 + 600 * line)
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, 2, (30,) * 3, 4)
    picture[1000:1100, 2400 + 2 * number : 2500 + 2 * number] = 90
    return picture


def test_4k_takes_less_than_a_gigabyte_and_a_half(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The peak of a whole run over 4K pictures, the second look and the encoder included, stays below 1.5 GB."""
    path = tmp_path / "large.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=Fraction(30), options={"preset": "ultrafast"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        for number in range(_FRAMES):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(_document(number), format="rgb24")))
        out.mux(stream.encode(None))
    place = place_in(tmp_path)
    process = start(["redact", path, "-o", place.out, "--quiet"], place)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss * 1024
    record_property("peak bytes", peak)
    record_property("CPU seconds", round(usage.ru_utime + usage.ru_stime, 1))
    print(f"peak {peak / 1e9:.2f} GB, {usage.ru_utime + usage.ru_stime:.1f} CPU s")
    assert process.returncode == 0, process.stderr.read() if process.stderr else ""
    assert len(place.bundles()) == 1
    assert peak < _MOST_BYTES
