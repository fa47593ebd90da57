"""What the second look finds in stored picture and sound is mended; what cannot be mended is never published."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from recorder.bundle.writer import BundleWriter
from recorder.media.encode import VideoWriter
from recorder.media.file import FileSource
from recorder.media.source import TrackInfo, TrackKind
from recorder.offline.session import redact_file
from recorder.runtime.context import Run
from recorder.sources.recording import open_source
from recorder.verify import repair_video
from recorder.verify.proof import FrameProof, StoredVideo
from recorder.verify.repair_video import VerifiedVideo, verify_video
from redaction.errors import ExitCode, ModelUnavailable, RedactionIncomplete
from redaction.model import (
    Box,
    EventKind,
    VideoFrame,
)
from redaction.policy import Policy
from redaction.stages import Stages
from redaction.video.cover import FILL
from redaction.video.faces.second_detector import SecondLook, Sighting
from redaction.video.screen.decide import Judge
from redaction.video.screen.ocr import Place, Reading
from redaction.video.screen.reader import ScreenReader
from tests.media import frames_of, make_clip

WIDTH, HEIGHT, FPS, SECONDS = 160, 120, 10, 4
FACE = Box(60, 40, 84, 64)
DARK, BRIGHT = 60, 225


class FakeBrightLook(SecondLook):
    """Takes whatever is bright in the picture it is given for a face."""

    def __init__(self, *, least: int = 20) -> None:
        self.looks = 0
        self.least = least

    def search(self, frame: VideoFrame) -> list[Sighting]:
        """Return the box around the bright pixels, if they are not too few."""
        self.looks += 1
        rows, columns = np.nonzero(frame.y > 200)
        if len(rows) < self.least:
            return []
        corners = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        return [((*map(float, corners),), 0.9)]  # type: ignore[list-item]

    def close(self) -> None:
        """Do nothing."""


class FakeCornerLook(FakeBrightLook):
    """Finds something at another place at every look, from 1.9 s on, until the picture is of one colour."""

    def search(self, frame: VideoFrame) -> list[Sighting]:
        """Return a box that no cover of before covers."""
        if frame.time < 1.9 or frame.y.std() < 3:
            return []
        self.looks += 1
        across, down = 26.0 * (self.looks % 6), 16.0 * (self.looks // 6 % 7)
        return [((across, down, across + 12, down + 12), 0.6)]


class FakeFickleLook(FakeBrightLook):
    """Finds something in the first frame, and elsewhere in every frame that it is shown a second time."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[int] = []

    def search(self, frame: VideoFrame) -> list[Sighting]:
        """Return a box by how often this frame was shown."""
        time = round(frame.time * FPS)
        self.times.append(time)
        if self.times.count(time) > 1:
            return [((90, 80, 102, 92), 0.6)]
        return [] if time else [((20, 80, 32, 92), 0.6)]


class FakeOnceLook(FakeBrightLook):
    """Finds the bright pixels once, with what is around them, and never again."""

    def search(self, frame: VideoFrame) -> list[Sighting]:
        """Return their box the first time there is one."""
        found = super().search(frame) if self.least else []
        if found:
            self.least = 0
        return [((x1 - 4, y1 - 4, x2 + 4, y2 + 4), score) for (x1, y1, x2, y2), score in found]


def stored(
    path: Path, *, proofs: Callable[[VideoFrame], FrameProof], bright: tuple[float, float] = (1.5, 2.5)
) -> StoredVideo:
    """Store a dark picture in which a bright square stands for a time, from 1.5 s to 2.5 s if not told otherwise."""
    track = TrackInfo("V1", TrackKind.VIDEO, WIDTH, HEIGHT, Fraction(FPS), Fraction(1, FPS), 0, 0)
    made: list[FrameProof] = []
    with VideoWriter.of_track(path, track, Policy().output) as writer:
        for number in range(FPS * SECONDS):
            y = np.full((HEIGHT, WIDTH), DARK, np.uint8)
            y[:, : WIDTH // 4] = 150
            if bright[0] <= number / FPS < bright[1]:
                y[FACE.y1 : FACE.y2, FACE.x1 : FACE.x2] = BRIGHT
            chroma = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
            frame = VideoFrame(y, chroma, chroma, number, Fraction(1, FPS))
            made.append(proofs(frame))
            writer.write(frame)
    return StoredVideo(track, path, tuple(made), highlights=())


def bare(frame: VideoFrame) -> FrameProof:
    """Return the proof of a frame on which nothing was covered."""
    return proof_of(frame, [], [])


def proof_of(
    frame: VideoFrame, points: Sequence[tuple[int, int]], boxes: Sequence[tuple[int, int, int, int]]
) -> FrameProof:
    """Return the proof of a frame with these probes and covers."""
    where = np.array(points, np.uint16).reshape(-1, 2)
    return FrameProof(
        frame.time, where, frame.y[where[:, 1], where[:, 0]].copy(), np.array(boxes, np.uint16).reshape(-1, 4)
    )


def mended(picture: StoredVideo, look: SecondLook) -> VerifiedVideo:
    """Look and mend with the default policy."""
    return verify_video(picture, policy=Policy(), look=look, run=Run())


def frames(path: Path) -> list[VideoFrame]:
    """Decode a stored picture."""
    return frames_of(list(FileSource(path).video("V1")))


def test_a_picture_without_a_suspect_is_left_as_it_is(tmp_path: Path) -> None:
    """Where nothing is found the stored file is not touched, and no event says that anything was mended."""
    picture = stored(tmp_path / "v.mp4", proofs=bare)
    before = picture.path.read_bytes()
    verdict = mended(picture, FakeBrightLook(least=10**6))
    assert picture.path.read_bytes() == before
    assert verdict.events == ()
    assert verdict.video.proofs == picture.proofs
    assert [check.passed for check in verdict.checks] == [True, True, True]


def test_a_planted_suspect_is_covered_in_the_stored_file(tmp_path: Path) -> None:
    """What looks like a face is grey in every stored frame that had it, with a margin; the rest is as it was."""
    picture = stored(tmp_path / "v.mp4", proofs=bare)
    assert any((frame.y > 200).any() for frame in frames(picture.path))
    verdict = mended(picture, FakeBrightLook())
    after = frames(picture.path)
    assert len(after) == FPS * SECONDS
    assert [frame.time for frame in after] == pytest.approx([at / FPS for at in range(FPS * SECONDS)])
    grown = Box(FACE.x1 - 10, FACE.y1 - 10, FACE.x2 + 10, FACE.y2 + 10)
    for frame in after:
        assert not (frame.y > 200).any()
        if 1.5 <= frame.time < 2.5:
            inside = frame.y[grown.y1 : grown.y2, grown.x1 : grown.x2].astype(int)
            assert np.abs(inside - FILL[0]).max() < 12
        assert abs(float(frame.y[10:110, 10:30].mean()) - 150) < 6
        assert abs(float(frame.y[10:110, 120:].mean()) - DARK) < 6
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]
    kinds = [event.kind for event in verdict.events]
    assert kinds == [EventKind.VERIFY] * (len(kinds) - 1) + [EventKind.MENDED]
    assert verdict.events[-1].detail == {"count": len(kinds) - 1, "round": 1}


def test_what_was_a_mosaic_is_held_to_the_grey_that_now_stands_there(tmp_path: Path) -> None:
    """A place whose proof said other than grey is covered again, and its proof says grey afterwards."""

    def mosaic(frame: VideoFrame) -> FrameProof:
        block = (FACE.x1, FACE.y1, FACE.x1 + 8, FACE.y1 + 8)
        return proof_of(frame, [(FACE.x1 + 3, FACE.y1 + 3), (10, 10)], [block, (0, 0, 20, 20)])

    picture = stored(tmp_path / "v.mp4", proofs=mosaic)
    at = round(1.6 * FPS)
    assert abs(int(picture.proofs[at].luma[0]) - FILL[0]) > 100
    verdict = mended(picture, FakeBrightLook())
    proof = verdict.video.proofs[at]
    assert proof.luma[0] == FILL[0]
    assert abs(int(proof.luma[1]) - 150) < 12
    assert len(proof.boxes) > 2
    assert len(proof.luma) == len(proof.points)


def test_the_last_round_covers_whole_frames(tmp_path: Path) -> None:
    """A suspect that boxes do not get rid of is ended by covering the whole frames around it, and those alone."""
    picture = stored(tmp_path / "v.mp4", proofs=bare)
    verdict = mended(picture, FakeCornerLook())
    for frame in frames(picture.path):
        if frame.time >= 1.9:
            assert np.abs(frame.y.astype(int) - FILL[0]).max() < 12, frame.time
        elif frame.time < 0.8:
            assert frame.y.std() > 20
    assert verdict.events[-1].kind is EventKind.MENDED
    assert verdict.events[-1].detail["round"] == 4


def test_what_passed_is_not_searched_again_because_it_was_encoded_again(tmp_path: Path) -> None:
    """Only frames that were covered anew are searched a second time: a detector that errs at random comes to an end."""
    picture = stored(tmp_path / "v.mp4", proofs=bare)
    look = FakeFickleLook()
    verdict = mended(picture, look)
    assert verdict.events[-1].kind is EventKind.MENDED
    assert verdict.events[-1].detail["round"] == 1, (
        "what shows up beside a cover is found before it is encoded"
    )
    assert [look.times.count(time) for time in (0, 10, 20, 30)] == [4, 2, 1, 1]


def test_what_stands_still_is_covered_between_looks(tmp_path: Path) -> None:
    """What looks like a face in one frame only is covered in all near it in which it stands there."""
    picture = stored(tmp_path / "v.mp4", proofs=bare, bright=(0.5, 3.8))
    mended(picture, FakeOnceLook())
    for frame in frames(picture.path):
        assert not (frame.y > 200).any(), frame.time
        assert abs(float(frame.y[10:110, 120:].mean()) - DARK) < 6


def test_a_suspect_that_stays_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suspect that is left after the last round is exit status 3."""
    monkeypatch.setattr(repair_video, "_ROUNDS", 2)
    picture = stored(tmp_path / "v.mp4", proofs=bare)
    with pytest.raises(RedactionIncomplete, match="still finds a face") as error:
        mended(picture, FakeCornerLook())
    assert error.value.exit_code is ExitCode.INCOMPLETE


def test_a_cover_that_is_not_in_the_stored_pixels_is_not_mended(tmp_path: Path) -> None:
    """A file that does not show what redaction put there is refused at once, however clean it looks."""
    picture = stored(tmp_path / "v.mp4", proofs=lambda frame: proof_of(frame, [(70, 50)], [(60, 40, 84, 64)]))
    wrong = [replace(proof, luma=np.array([255], np.uint8)) for proof in picture.proofs]
    with pytest.raises(RedactionIncomplete, match="not covered where it should be"):
        mended(replace(picture, proofs=tuple(wrong)), FakeBrightLook())


@pytest.fixture(scope="module")
def stages(real_models: None) -> Iterator[Stages]:
    """The real models of the picture."""
    made = Stages(Policy())
    try:
        _ = made.video
    except ModelUnavailable:
        pytest.skip("the models are not in the cache: offrecord models fetch")
    yield made
    made.close()


def published(folder: Path, stages: Stages, look: SecondLook) -> Path:
    """Redact a small clip with another second look and return its bundle."""
    clip = make_clip(folder / "a.mkv", seconds=4, size=(WIDTH, HEIGHT), fps=FPS, audio=None).path
    stages._second_look = look
    writer = BundleWriter(folder / "out", "one")
    try:
        return redact_file(open_source(clip), writer, stages=stages, run=Run()).path
    finally:
        writer.discard()


def test_the_report_tells_what_the_second_look_mended(tmp_path: Path, stages: Stages) -> None:
    """Report and log of a published bundle say how many places the second look covered more."""
    bundle = published(tmp_path, stages, FakeBrightLook())
    lines = (bundle / "log.jsonl").read_text("utf-8").splitlines()
    (count,) = [line["count"] for line in map(json.loads, lines) if line["event"] == "mended"]
    assert count >= 1
    assert f"The second look covered {count} more places." in (bundle / "report.html").read_text("utf-8")


def test_nothing_is_published_when_a_suspect_stays(
    tmp_path: Path, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole run whose second look is never content leaves neither a bundle nor a part of one."""
    monkeypatch.setattr(repair_video, "_ROUNDS", 2)
    with pytest.raises(RedactionIncomplete):
        published(tmp_path, stages, FakeCornerLook())
    assert list((tmp_path / "out").iterdir()) == []


class FakeBrightReader:
    """Takes whatever is bright in a picture for one line of text."""

    def find(self, picture: np.ndarray) -> list[Place]:
        """Return the box around the bright pixels, if there are any."""
        rows, columns = np.nonzero(picture.min(axis=2) > 200)
        if len(rows) < 8:
            return []
        box = Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
        return [Place(box, box.height)]

    def read(self, lines: Sequence[np.ndarray]) -> list[Reading]:
        """Return that each is a name."""
        return [Reading("Siobhan Kelly", 1.0) for _ in lines]


class FakeTellingJudge(Judge):
    """Holds every line personal."""

    def __init__(self) -> None:
        self._text = "personal"

    def telling(self, readings: Sequence[Reading]) -> list[bool]:
        """All are."""
        return [True for _ in readings]


def test_text_is_covered_for_as_long_as_it_stands(tmp_path: Path) -> None:
    """Text that the second look finds is covered on frames that it did not look at, and nowhere else."""
    track = TrackInfo("V1", TrackKind.VIDEO, WIDTH, HEIGHT, Fraction(FPS), Fraction(1, FPS), 0, 0)
    base = stored(tmp_path / "made.mp4", proofs=bare)
    made: list[FrameProof] = []
    with VideoWriter.of_track(tmp_path / "text.mp4", track, Policy().output) as writer:
        for number in range(FPS * 9):
            y = np.full((HEIGHT, WIDTH), DARK, np.uint8)
            if number < FPS * 7:
                y[FACE.y1 : FACE.y2, FACE.x1 : FACE.x2 : 4] = BRIGHT
                y[FACE.y1 : FACE.y2, FACE.x1 + 1 : FACE.x2 : 4] = BRIGHT
            chroma = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
            frame = VideoFrame(y, chroma, chroma, number, Fraction(1, FPS))
            made.append(bare(frame))
            writer.write(frame)
    verdict = verify_video(
        replace(base, path=tmp_path / "text.mp4", proofs=tuple(made)),
        policy=Policy(),
        look=FakeBrightLook(least=10**6),
        run=Run(),
        screen=ScreenReader(FakeBrightReader(), FakeTellingJudge(), None),
    )
    frames = frames_of(list(FileSource(verdict.video.path).video("V1")))
    assert len(frames) == FPS * 9
    assert all(int(frame.y.max()) < 150 for frame in frames)
    assert any(event.kind is EventKind.MENDED for event in verdict.events)
    assert not len(verdict.video.proofs[-1].boxes)
