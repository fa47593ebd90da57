"""One live picture track: any size and time in, covered and proven pieces out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.call.source import LiveKind, TimedVideo
from recorder.live.capture.age_state import ParticipantAge
from recorder.live.capture.load_shedding import Level
from recorder.live.capture.video_track import Canvas, TrackOwner, VideoTrack, bounded
from recorder.live.store.journal import Journal
from redaction.errors import StorageFailed
from redaction.model import Box
from redaction.video.redact import VideoStages
from tests.recorder.live.scene import ADA, SIZE, journal_of, lines, picture, proofs, stored
from tests.redaction.video.scene import FakeDetector, FakeJudge, policy

FACE = Box(100, 40, 150, 100)


def track_of(
    folder: Path,
    *,
    kind: LiveKind = LiveKind.CAMERA,
    detector: FakeDetector | None = None,
    blind: bool = False,
    journal: Journal | None = None,
) -> VideoTrack:
    """Return a track with fake models."""
    eyes = detector or FakeDetector()
    age = ParticipantAge(adult=True)
    owner = TrackOwner(ADA, kind, journal or journal_of(folder), age)
    track = VideoTrack(owner, policy=policy(), stages=None if blind else VideoStages(eyes, eyes))
    if kind is LiveKind.CAMERA:
        age.camera_opened(track, 0.0)
    return track


def moving(times: Iterable[float], *, size: tuple[int, int] = SIZE) -> list[TimedVideo]:
    """Return pictures with a face that moves to the right."""
    made: list[TimedVideo] = []
    for time in times:
        x = 20 + round(time * 30) % (size[0] // 2)
        face = Box(x, size[1] // 4, x + size[1] // 4, size[1] // 2)
        made.append(picture([face], at=time, size=size))
    return made


def shown(
    folder: Path, kind: str = "camera"
) -> list[list[tuple[float, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]]]:
    """Decode every piece of the participant."""
    return [stored(path) for path in sorted((folder / "live/people" / ADA).glob(f"{kind}-*.mp4"))]


def facts(folder: Path, kind: str) -> list[dict[str, object]]:
    """Return the facts of a kind."""
    return [line for line in lines(folder / "live/people" / ADA / "facts.jsonl") if line["kind"] == kind]


def test_every_picture_is_stored_covered_at_its_time(tmp_path: Path) -> None:
    """All pictures of a steady track are stored at their call times, no face shows, and each is proven."""
    track = track_of(tmp_path)
    for one in moving(index / 30 + 5.0 for index in range(90)):
        track.take(one)
    track.finish()
    (frames,) = shown(tmp_path)
    folder = tmp_path / "live/people" / ADA
    assert len(frames) == len(proofs(folder / "camera-0001.jsonl")) == 90
    assert max(luma.max() for _, luma in frames) < 160
    assert lines(folder / "camera-0001.jsonl")[0]["start"] == pytest.approx(5.0, abs=1e-4)
    assert frames[-1][0] == pytest.approx(89 / 30, abs=1e-3)
    told = facts(tmp_path, "tracklet")
    assert lines(folder / "camera-0001.jsonl")[-1]["counts"]["tracklets"] == len(told) > 0


def test_a_size_that_stays_makes_one_new_piece(tmp_path: Path) -> None:
    """A ramp through four sizes in three seconds, as browsers send it, makes two pieces, and no face shows in any."""
    track = track_of(tmp_path)
    sizes = [(160, 96)] * 30 + [(320, 176)] * 20 + [(480, 272)] * 10 + [(640, 352)] * 90
    for index, size in enumerate(sizes):
        track.take(moving([index / 30], size=size)[0])
    track.finish()
    pieces = shown(tmp_path)
    assert [piece[0][1].shape for piece in pieces] == [(96, 160), (352, 640)]
    assert sum(len(piece) for piece in pieces) == len(sizes)
    assert max(luma.max() for piece in pieces for _, luma in piece) < 170


@pytest.mark.slow
def test_a_size_that_flaps_makes_no_storm_of_pieces(tmp_path: Path) -> None:
    """A size that changes ten times a second for ten seconds leaves one piece."""
    track = track_of(tmp_path)
    for index in range(300):
        track.take(moving([index / 30], size=(320, 176) if index // 3 % 2 else (160, 96))[0])
    track.finish()
    assert len(shown(tmp_path)) == 1


def test_a_turned_picture_is_scaled_to_fit_not_stretched() -> None:
    """A portrait picture on a landscape canvas keeps its shape, so that detectors know what they see."""
    canvas = Canvas()
    canvas.place(picture(at=0.0, size=(320, 176)).frame, 0.0)
    y, _, _ = canvas.place(picture([Box(0, 0, 176, 320)], at=0.1, size=(176, 320)).frame, 0.1)
    assert y.shape == (176, 320)
    lit = np.flatnonzero(y[88] > 150)
    assert abs((lit[-1] - lit[0] + 1) - 176 * 176 / 320) < 4


@given(width=st.integers(16, 9000), height=st.integers(16, 9000))
def test_no_canvas_is_larger_than_1080p(width: int, height: int) -> None:
    """Whatever a sender says, what is redacted and stored is at most 1080p either way up, and no larger than it was."""
    w, h = bounded(width, height)
    assert max(w, h) <= 1920
    assert min(w, h) <= 1080
    assert 16 <= w <= max(width, 16)
    assert 16 <= h <= max(height, 16)


@pytest.mark.parametrize("size", [(2, 2), (1, 1000), (15, 15)])
def test_a_picture_of_no_size_is_covered(tmp_path: Path, size: tuple[int, int]) -> None:
    """A picture too small to be one is stored as a covered one once there is a canvas, and as none before."""
    track = track_of(tmp_path)
    tiny = TimedVideo(av.VideoFrame(*size, "yuv420p"), 0.0)
    track.take(tiny)
    for one in moving((0.1, 0.2)):
        track.take(one)
    track.take(replace(tiny, time=0.3))
    track.finish()
    (frames,) = shown(tmp_path)
    assert len(frames) == 3
    assert np.ptp(frames[-1][1].astype(int)) < 12


@pytest.mark.parametrize("size", [(321, 177), (319, 175)])
def test_odd_sizes_are_stored(tmp_path: Path, size: tuple[int, int]) -> None:
    """Odd widths and heights are redacted and decode, padded to even."""
    track = track_of(tmp_path)
    for one in moving((index / 30 for index in range(40)), size=size):
        track.take(one)
    track.finish()
    (frames,) = shown(tmp_path)
    assert len(frames) == 40
    assert max(luma.max() for _, luma in frames) < 160


def test_a_pause_of_a_camera_is_covered_and_logged(tmp_path: Path) -> None:
    """A camera that sends nothing for five seconds shows a cover meanwhile, and the gap is a fact."""
    track = track_of(tmp_path)
    for one in moving([*(index / 30 for index in range(30)), *(6 + index / 30 for index in range(30))]):
        track.take(one)
    track.finish()
    (frames,) = shown(tmp_path)
    meanwhile = [luma for time, luma in frames if 1.3 < time < 5.9]
    assert len(meanwhile) > 15
    assert max(np.ptp(luma.astype(int)) for luma in meanwhile) < 12
    (gap,) = facts(tmp_path, "gap")
    assert gap["detail"] == {"reason": "no pictures"}
    assert gap["start"] == pytest.approx(29 / 30, abs=1e-3)
    assert gap["end"] == pytest.approx(6.0)


def test_a_screen_that_stands_still_is_no_gap(tmp_path: Path) -> None:
    """A shared screen sends a picture when something changes; what it shows stays until then."""
    track = track_of(tmp_path, kind=LiveKind.SCREEN)
    for one in moving([0.0, 0.1, 8.0, 8.1]):
        track.take(one)
    track.finish()
    (frames,) = shown(tmp_path, "screen")
    assert facts(tmp_path, "gap") == []
    assert all(np.ptp(luma.astype(int)) > 12 for _, luma in frames)


def test_what_was_lost_is_a_fact_and_covered(tmp_path: Path) -> None:
    """A hole that the source tells is logged with its reason and covered in the stored picture."""
    track = track_of(tmp_path)
    for one in moving(index / 30 for index in range(30)):
        track.take(one)
    track.lost(1.0, 1.8, "damaged")
    for one in moving(1.8 + index / 30 for index in range(30)):
        track.take(one)
    track.finish()
    (frames,) = shown(tmp_path)
    assert [gap["detail"] for gap in facts(tmp_path, "gap")] == [{"reason": "damaged"}]
    assert all(np.ptp(luma.astype(int)) < 12 for time, luma in frames if 1.1 < time < 1.75)


@settings(max_examples=25, deadline=None)
@given(times=st.lists(st.floats(0, 20), min_size=1, max_size=30))
def test_times_in_any_order_never_end_a_track(
    tmp_path_factory: pytest.TempPathFactory, times: Sequence[float]
) -> None:
    """Times that jump, repeat or run backwards cost pictures, and what is stored is in order and covered."""
    folder = tmp_path_factory.mktemp("times")
    track = track_of(folder)
    for one in moving(times, size=(96, 64)):
        track.take(one)
    track.finish()
    for frames in shown(folder):
        steps = np.diff([time for time, _ in frames])
        assert (steps > 0).all()


@pytest.mark.parametrize(
    ("level", "least", "most"),
    [(Level.SPARSE, 150, 150), (Level.HALF, 75, 78), (Level.FEW, 18, 30), (Level.COVERED, 5, 40)],
)
def test_no_level_shows_a_face(tmp_path: Path, level: Level, least: int, most: int) -> None:
    """At every level what is stored is covered; only how much is stored changes, and the change is a fact."""
    detector = FakeDetector()
    track = track_of(tmp_path, detector=detector)
    first, *flush = moving(index / 30 for index in range(151))
    track.take(first)
    looks = detector.calls
    track.at_level(level, time=0.0)
    for one in flush:
        track.take(one)
    track.finish()
    (frames,) = shown(tmp_path)
    assert (
        least
        <= lines(tmp_path / "live/people" / ADA / "camera-0001.jsonl")[-1]["counts"]["frames"] - 1
        <= most
    )
    assert max(luma.max() for _, luma in frames) < 160
    assert [fact["detail"] for fact in facts(tmp_path, "load")] == [{"level": level.name.lower()}]
    if level is Level.COVERED:
        assert detector.calls == looks
        assert all(np.ptp(luma.astype(int)) < 12 for time, luma in frames if time > 1.05)


def test_without_models_everything_is_covered(tmp_path: Path) -> None:
    """A track that no detector looks at is stored as covers alone."""
    track = track_of(tmp_path, blind=True)
    for one in moving(index / 30 for index in range(30)):
        track.take(one)
    track.finish()
    (frames,) = shown(tmp_path)
    assert len(frames) == 30
    assert max(np.ptp(luma.astype(int)) for _, luma in frames) < 8


def test_a_stage_that_fails_closes_the_piece_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that raises costs the pictures it held, which is a fact; the next ones are redacted in a new piece."""
    track = track_of(tmp_path)
    pictures = moving(index / 30 for index in range(150))
    for one in pictures[:90]:
        track.take(one)
    monkeypatch.setattr(track, "_redactor", SimpleNamespace(push=_raise, drop=lambda: None))
    with pytest.raises(RuntimeError):
        track.take(pictures[90])
    track.fail(time=pictures[90].time)
    for one in pictures[91:]:
        track.take(one)
    track.finish()
    pieces = shown(tmp_path)
    assert len(pieces) == 2
    assert [gap["detail"] for gap in facts(tmp_path, "gap")] == [{"reason": "a stage failed"}]
    assert max(luma.max() for piece in pieces for _, luma in piece) < 160
    assert len(pieces[1]) == 59


def test_a_stage_that_keeps_failing_leaves_covers(tmp_path: Path) -> None:
    """After the third failure no model is asked any more, and the track goes on covered."""
    track = track_of(tmp_path)
    for number in range(3):
        track.fail(time=float(number))
    for one in moving(3 + index / 30 for index in range(30)):
        track.take(one)
    track.finish()
    (frames,) = shown(tmp_path)
    assert max(np.ptp(luma.astype(int)) for _, luma in frames) < 8


def test_a_forgotten_track_writes_nothing_more(tmp_path: Path) -> None:
    """From `forget` on nothing is written, and the erased folder does not come back."""
    journal = journal_of(tmp_path)
    track = track_of(tmp_path, journal=journal)
    for one in moving(index / 30 for index in range(90)):
        track.take(one)
    track.forget()
    journal.erase(ADA)
    for one in moving(3 + index / 30 for index in range(90)):
        track.take(one)
    track.abandon()
    assert list((tmp_path / "live").rglob("*")) == [tmp_path / "live/people"]


@pytest.mark.parametrize("way", ["abandon", "fail", "finish"])
def test_the_judge_of_ages_forgets_every_face(tmp_path: Path, way: str) -> None:
    """However a track ends, nothing of its faces stays with the judge that other tracks go on using."""
    judge = FakeJudge(range(100))
    eyes = FakeDetector()
    owner = TrackOwner(ADA, LiveKind.CAMERA, journal_of(tmp_path), ParticipantAge())
    track = VideoTrack(owner, policy=policy(adults=False), stages=VideoStages(eyes, eyes, judge))
    for one in moving(index / 30 for index in range(60)):
        track.take(one)
    assert judge.observed
    if way == "fail":
        track.fail(time=2.0)
    else:
        getattr(track, way)()
    assert set(judge.observed) <= set(judge.forgotten)


def test_nothing_is_stored_without_a_consent_on_record(tmp_path: Path) -> None:
    """A track of somebody whose record was never written leaves no file."""
    journal = Journal(tmp_path)
    track = track_of(tmp_path, journal=journal)
    for one in moving(index / 30 for index in range(90)):
        track.take(one)
    track.finish()
    assert list((tmp_path / "live/people").iterdir()) == []


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the disk refuses is `StorageFailed`, and nothing raw is anywhere."""
    track = track_of(tmp_path)
    journal = track.owner.journal

    def full(*_: object) -> None:
        raise StorageFailed("The disk is full.")

    monkeypatch.setattr(journal, "segment", full)
    with pytest.raises(StorageFailed):
        for one in moving(index / 30 for index in range(90)):
            track.take(one)
    assert shown(tmp_path) == []


def _raise(*_: object) -> None:
    raise RuntimeError("fault injected")
