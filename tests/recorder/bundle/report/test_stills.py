"""The frames of a report come out of the stored files, at their times, and from no other place."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from recorder.bundle.log import LoggedEvent
from recorder.bundle.manifest import Manifest, StillEntry, TrackEntry
from recorder.bundle.report.stills import report_stills
from redaction.model import Span
from tests.media import make_clip
from tests.recorder.bundle.report.calls import manifest

FILE = (TrackEntry(id="V1", kind="video", file="recording.mp4"),)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip that flashes at 1 s."""
    folder = tmp_path_factory.mktemp("bundle")
    make_clip(folder / "recording.mp4", seconds=3, size=(320, 240), flashes=(1.0,))
    return folder


def of_file(**changes: object) -> Manifest:
    """Return the manifest of a file."""
    return manifest(**{"participants": None, "tracks": FILE, **changes})


def picture(source: str) -> NDArray[np.uint8]:
    """Decode a data address."""
    data = np.frombuffer(base64.b64decode(source.removeprefix("data:image/jpeg;base64,")), np.uint8)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def still(time: float, track: str = "V1") -> StillEntry:
    """Return a frame of the manifest."""
    return StillEntry(track=track, time=time, rank=0.5, reason="least certain face")


def test_the_frame_at_its_time_is_shown(bundle: Path) -> None:
    """A frame at the flash is brighter than one after it, in the order of the manifest."""
    shown = report_stills(bundle, of_file(stills=(still(2.0), still(1.0))), [])
    assert [item["time"] for item in shown] == ["0:02.0", "0:01.0"]
    dark, bright = (float(picture(item["source"]).mean()) for item in shown)
    assert bright > dark + 20


def test_a_time_after_the_end_shows_the_last_frame(bundle: Path) -> None:
    """A length that is rounded up loses no frame."""
    assert len(report_stills(bundle, of_file(stills=(still(99.0),)), [])) == 1


def test_tracks_that_are_not_there_are_left_out(bundle: Path) -> None:
    """A missing file, an unknown track and a file that is no video show nothing, and are no error."""
    (bundle / "notes.mp4").write_text("x")
    tracks = (*FILE, *(TrackEntry(id=name, kind="video", file=f"{name}.mp4") for name in ("V2", "V3")))
    (bundle / "V3.mp4").write_text("x")
    shown = report_stills(
        bundle, of_file(tracks=tracks, stills=(still(1.0, "V2"), still(1.0, "V3"), still(1.0, "V9"))), []
    )
    assert shown == []


def test_of_several_views_each_frame_says_which(bundle: Path) -> None:
    """With more than one video track the time says whose it is."""
    tracks = (*FILE, TrackEntry(id="V2", kind="video", file="recording.mp4"))
    (one,) = report_stills(bundle, of_file(tracks=tracks, stills=(still(1.0, "V2"),)), [])
    assert one["time"] == "V2 at 0:01.0"


def test_an_older_bundle_shows_what_its_log_speaks_for(bundle: Path) -> None:
    """Whole covers, then minors, then the least certain faces; of a log without any there is nothing to show."""
    log = [
        LoggedEvent("tracklet", "V1", Span(0, 1), {"reason": "face", "lowest_score": 0.9}),
        LoggedEvent("tracklet", "V1", Span(1, 2), {"reason": "face", "lowest_score": 0.3}),
        LoggedEvent("tracklet", "V1", Span(1, 3), {"reason": "minor", "lowest_score": 0.9}),
        LoggedEvent("whole_cover", "V1", Span(0.5, 0.6), {"reason": "memory"}),
    ]
    reasons = [item["reason"] for item in report_stills(bundle, of_file(), log)]
    assert reasons == ["covered whole"] * 3 + ["minor removed"] * 3 + ["least certain face"] * 6
    assert report_stills(bundle, of_file(), []) == []


def test_a_hostile_manifest_cannot_ask_for_any_number(bundle: Path) -> None:
    """However many frames it names, the page holds a bounded number."""
    many = tuple(still(0.0) for _ in range(500))
    assert len(report_stills(bundle, of_file(stills=many), [])) == 120
