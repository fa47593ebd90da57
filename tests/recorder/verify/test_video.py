"""The stored video is decoded and held to its proofs, and searched outside what is covered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from recorder.media.encode import VideoWriter
from recorder.media.source import TrackInfo, TrackKind
from recorder.runtime.context import Run
from recorder.verify.proof import FrameProof, Highlight
from recorder.verify.video import VideoVerdict, search_video, stored_frames
from redaction.errors import Interrupted, RedactionIncomplete
from redaction.model import Box, VideoFrame
from redaction.policy import Policy
from redaction.video.faces.second_detector import SecondLook, Sighting

WIDTH, HEIGHT, FPS, FRAMES = 160, 96, 10, 25
COVER = Box(40, 20, 80, 60)
TRACK = TrackInfo("V1", TrackKind.VIDEO, WIDTH, HEIGHT, Fraction(FPS), Fraction(1, FPS), 0, 0)


class FakeLook(SecondLook):
    """Finds one face in every frame that it is shown, always at the same place."""

    def __init__(self, place: Box | None = None) -> None:
        self.place = place
        self.times: list[float] = []

    def search(self, frame: VideoFrame) -> list[Sighting]:
        """Return the place."""
        self.times.append(frame.time)
        if self.place is None:
            return []
        return [((self.place.x1, self.place.y1, self.place.x2, self.place.y2), 0.7)]


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A film of 2.5 s in which one box is grey."""
    path = tmp_path / "v.mp4"
    with VideoWriter.of_track(path, TRACK, Policy().output) as writer:
        for number in range(FRAMES):
            y = np.full((HEIGHT, WIDTH), 60, np.uint8)
            y[COVER.y1 : COVER.y2, COVER.x1 : COVER.x2] = 128
            chroma = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
            writer.write(VideoFrame(y, chroma, chroma, number, Fraction(1, FPS)))
    return path


def proofs(*, luma: int = 128) -> list[FrameProof]:
    """Return what the frames must show in the box."""
    points = np.array([(60, 40), (50, 30), (70, 50)], np.uint16)
    boxes = np.array([(COVER.x1, COVER.y1, COVER.x2, COVER.y2)], np.uint16)
    return [FrameProof(number / FPS, points, np.full(3, luma, np.uint8), boxes) for number in range(FRAMES)]


def searched(
    path: Path, held: list[FrameProof], look: SecondLook, highlights: tuple[Highlight, ...] = ()
) -> VideoVerdict:
    """Search a film, nobody watching."""
    return search_video(path, held, highlights, look=look, run=Run(), reach=lambda _: None)


def test_a_film_as_it_was_redacted_passes(stored: Path) -> None:
    """Every frame is compared, one a second is searched, and the frames worth a look are found."""
    look = FakeLook()
    verdict = searched(stored, proofs(), look, (Highlight(0.9, 0.5, "minor removed"),))
    assert (verdict.frames, verdict.probes, verdict.suspects) == (FRAMES, 3 * FRAMES, ())
    assert verdict.stills == (Highlight(0.9, 0.5, "minor removed"),)
    assert look.times == pytest.approx([0.0, 0.5, 1.5])


def test_a_face_outside_what_is_covered_is_a_suspect(stored: Path) -> None:
    """What is found inside a cover is not, and what lies over its edge for the most part is."""
    assert searched(stored, proofs(), FakeLook(Box(45, 25, 75, 55))).suspects == ()
    found = searched(stored, proofs(), FakeLook(Box(70, 20, 110, 60))).suspects
    assert [item.frame for item in found] == [0, 10, 20]
    assert max(found[0].look.shape) <= 32


def test_what_a_person_calls_no_face_is_no_suspect_while_their_hint_held(stored: Path) -> None:
    """In its place and on those frames alone."""
    place = Box(100, 20, 140, 60)
    held = [replace(proof, spared=(place,) if proof.time < 1.5 else ()) for proof in proofs()]
    found = searched(stored, held, FakeLook(place)).suspects
    assert {suspect.time for suspect in found} == {2.0}
    beside = searched(stored, held, FakeLook(Box(10, 70, 30, 90))).suspects
    assert {suspect.time for suspect in beside} == {0.0, 1.0, 2.0}
    wide = [replace(proof, spared=(Box(0, 0, WIDTH, HEIGHT),)) for proof in proofs()]
    assert searched(stored, wide, FakeLook(place)).suspects == ()
    assert len(searched(stored, wide, FakeLook(Box(100, 20, 108, 28))).suspects) == 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda held: [*held, held[-1]], "lacks 1 frames"),
        (lambda held: held[:-1], "more frames"),
        (lambda held: [replace(held[0], time=0.05), *held[1:]], "not at its time"),
        (lambda held: proofs(luma=10), "not covered where it should be"),
        (
            lambda held: [replace(held[0], points=np.array([(900, 4)], np.uint16), luma=held[0].luma[:1])],
            "another size",
        ),
    ],
)
def test_a_film_that_shows_something_else_is_never_published(
    stored: Path, change: object, sentence: str
) -> None:
    """A frame too many or too few, at another time, uncovered, or of another size ends the run."""
    assert callable(change)
    with pytest.raises(RedactionIncomplete, match=sentence):
        searched(stored, change(proofs()), FakeLook())


def test_a_damaged_file_is_never_published(stored: Path) -> None:
    """A file that cannot be opened, and one whose frames cannot be decoded, end the run."""
    data = bytearray(stored.read_bytes())
    stored.write_bytes(data[: len(data) // 3])
    with pytest.raises(RedactionIncomplete):
        searched(stored, proofs(), FakeLook())


def test_whoever_asks_to_stop_is_heard(stored: Path) -> None:
    """The search ends soon, with an error."""
    run = Run()

    def frames() -> Iterator[VideoFrame]:
        for frame in stored_frames(stored, run):
            run.cancellation.cancel()
            yield frame

    with pytest.raises(Interrupted):
        list(frames())
