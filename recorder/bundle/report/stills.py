"""The frames of a report, out of the stored files: they are as redacted as those are."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import av.error
import cv2
import numpy as np
from av import VideoFrame as AvVideoFrame

from recorder.bundle.contents import RECORDING
from recorder.bundle.log import LoggedEvent
from recorder.bundle.manifest import Manifest, StillEntry
from recorder.bundle.report.timeline import clock
from recorder.media.encode import reopen
from recorder.media.planes import planes
from redaction.model import EventKind, VideoFrame

__all__ = ["report_stills"]

_STILL_WIDTH: Final = 360
_MOST_STILLS: Final = 12
_MOST_SHOWN: Final = 120
"""However many a manifest names."""
_REASONS: Final = {"minor": "minor removed", "face": "least certain face"}


def report_stills(bundle: Path, manifest: Manifest, log: Sequence[LoggedEvent]) -> list[dict[str, str]]:
    """Return the frames of a bundle that are most worth a look, as the page shows them.

    A bundle of a file that was published before its manifest named stills shows those that its log speaks for.

    Args:
        bundle: the folder, whose media stand.
        manifest: of it.
        log: of it.
    """
    files = _files(manifest)
    many = manifest.participants is not None or len(files) > 1
    shown: list[dict[str, str]] = []
    stills = manifest.stills or _from_log(manifest, log)
    for still in stills[:_MOST_SHOWN]:
        name = files.get(still.track)
        frame = None if name is None else _frame_at(bundle / name, still)
        if frame is not None:
            who = f"{still.track.split('-')[0]} at " if many else ""
            shown.append(
                {"source": _jpeg(frame), "time": f"{who}{clock(still.time)}", "reason": still.reason}
            )
    return shown


def _files(manifest: Manifest) -> Mapping[str, str]:
    """Return the file of every video track; of a published bundle only such as belong to it."""
    videos = [track for track in manifest.tracks if track.kind == "video"]
    if manifest.participants is None and videos and not any(track.file for track in videos):
        return {videos[0].id: RECORDING}  # as in bundles of the first schema
    return {
        track.id: track.file
        for track in videos
        if track.file and (not manifest.files or track.file in manifest.files)
    }


def _from_log(manifest: Manifest, log: Sequence[LoggedEvent]) -> list[StillEntry]:
    """Return frames of whole covers, then of minors, then of the least certain faces, spread over each."""
    if manifest.participants is not None:
        return []
    ranked = [(_rank(item), item, item.span) for item in log if item.span is not None and _rank(item) > 0]
    ranked.sort(key=lambda entry: (-entry[0], entry[2]))
    ranked = ranked[:_MOST_STILLS]
    count = _MOST_STILLS // max(1, len(ranked))
    return [
        StillEntry(
            track=item.track,
            time=round(span.start + span.duration * (number + 0.5) / count, 3),
            rank=rank,
            reason=_REASONS.get(str(item.detail.get("reason", "")), "covered whole"),
        )
        for rank, item, span in ranked
        for number in range(count)
    ]


def _rank(item: LoggedEvent) -> float:
    if item.event == EventKind.WHOLE_COVER:
        return 1.0
    if item.event != EventKind.TRACKLET:
        return 0.0
    if item.detail.get("reason") == "minor":
        return 0.9
    return round(0.8 - 0.7 * float(item.detail.get("lowest_score", 1.0)), 3)


def _frame_at(path: Path, still: StillEntry) -> VideoFrame | None:
    """Return the stored frame nearest to a time; None when there is none."""
    near: AvVideoFrame | None = None
    try:
        with reopen(path) as container:
            stream = container.streams.video[0]
            base = stream.time_base
            if base is None:
                return None
            container.seek(max(0, int(still.time / base)), stream=stream)
            for frame in container.decode(stream):
                if frame.pts is None:
                    continue
                if near is None or abs(frame.time - still.time) <= abs(near.time - still.time):
                    near = frame
                if frame.time >= still.time:
                    break
            if near is None:
                return None
            y, u, v = planes(near)
            return VideoFrame(y.copy(), u.copy(), v.copy(), near.pts or 0, base)
    except (av.error.FFmpegError, IndexError):
        return None


def _jpeg(frame: VideoFrame) -> str:
    """Return a small picture of a stored frame as a data address."""
    height, width = frame.height & ~1, frame.width & ~1
    buffer = np.concatenate(
        [
            frame.y[:height, :width].reshape(-1),
            frame.u[: height // 2, : width // 2].reshape(-1),
            frame.v[: height // 2, : width // 2].reshape(-1),
        ]
    ).reshape(height * 3 // 2, width)
    picture = cv2.cvtColor(buffer, cv2.COLOR_YUV2BGR_I420)
    scale = min(1.0, _STILL_WIDTH / width)
    small = cv2.resize(
        picture, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not done:
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
