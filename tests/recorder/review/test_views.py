"""What can be played of a bundle, and whose picture is where on a composed recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recorder.bundle.verify_files import read_manifest
from recorder.review.stretch import frames_between
from recorder.review.views import views_of
from tests.e2e.reviewed import SIZE, staged_call
from tests.recorder.bundle.bundles import published_file


def test_a_file_is_played_as_its_video_track(tmp_path: Path) -> None:
    """The recording of a file is its first video, drawn on directly."""
    (view,) = views_of(read_manifest(published_file(tmp_path).path))
    assert (view.track, view.file, view.width, view.height, view.regions) == (
        "V1",
        "recording.mp4",
        64,
        48,
        (),
    )


def test_regions_lie_where_the_tracks_are_seen(tmp_path: Path) -> None:
    """Of a call each track has its place on the recording: what is in that place is what is in the track."""
    call = staged_call(tmp_path, speech=False)
    recording, *tracks = views_of(read_manifest(call))
    assert {view.track for view in tracks} == {"P01-camera", "P02-screen", "P03-camera"}
    region = next(one for one in recording.regions if one.track == "P01-camera")
    whole = next(frames_between(call / "recording.mp4", 2.0, 9.0))
    own = next(frames_between(call / "tracks/p01-camera.mp4", 2.0, 9.0))
    left, top, right, bottom = region.box
    part = whole.y[
        round(top * whole.height) : round(bottom * whole.height),
        round(left * whole.width) : round(right * whole.width),
    ]
    assert part.shape[1] / part.shape[0] == pytest.approx(SIZE[0] / SIZE[1], rel=0.03)
    assert abs(float(np.mean(part)) - float(np.mean(own.y))) < 6
