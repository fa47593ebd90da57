"""What proves a stored video that is mended: new covers, those that stood there, and what a hint let stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.review.cuts import Cuts
from recorder.review.follow_cover import standing
from recorder.review.mend_video import VideoMends, mended_video
from recorder.runtime.context import Run
from redaction.model import Box, Span
from redaction.policy import Policy
from tests.recorder.bundle.bundles import published_file

PLACE = Box(4, 4, 24, 24)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published video of three seconds, 64 by 48."""
    return published_file(tmp_path_factory.mktemp("published")).path / "recording.mp4"


def test_what_a_hint_let_stand_is_no_face_to_the_second_look(video: Path, tmp_path: Path) -> None:
    """On the frames on which it held, in the times before a cut, and on no other; covers are proven as ever."""
    cut = Span(0.5, 1.0)
    mends = VideoMends(
        paths=(standing(Box(40, 10, 60, 30), Span(0, 3)),),
        whole=(),
        words={},
        cuts=Cuts([cut], duration=3),
        spared=((Span(0.8, 1.6), PLACE),),
    )
    stored = mended_video(
        video, tmp_path / "mended.mp4", mends, track="V1", stills=(), output=Policy().output, run=Run()
    )
    spared = [proof.time for proof in stored.proofs if proof.spared]
    assert {proof.spared for proof in stored.proofs} == {(), (PLACE,)}
    assert min(spared) == pytest.approx(0.5, abs=0.05)
    assert max(spared) == pytest.approx(1.1, abs=0.05)
    assert all(len(proof.boxes) >= 1 for proof in stored.proofs)
