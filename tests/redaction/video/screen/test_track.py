"""The watch over a track's text, with a fake reader: nothing unread shows, faults cover, still text stays known."""

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from redaction.model import Box, CoverReason, VideoFrame
from redaction.policy import Policy, ScreenSection
from redaction.video.redact import VideoRedactor, VideoStages
from redaction.video.screen.decide import Judge
from redaction.video.screen.ocr import Place, Reading
from redaction.video.screen.reader import ScreenReader
from redaction.video.screen.track import ScreenCovers, ScreenWatch
from tests.redaction.video.scene import FakeDetector
from tests.redaction.video.screen.made import as_frame, write
from tests.redaction.video.test_camera import wall

WIDTH, HEIGHT = 320, 160
SECRET = "Siobhan Kelly"
PLAIN = "rounded totals"


class FakeReader:
    """Finds boxes of dark ink on light ground; what they say depends on how long they are."""

    def __init__(self, *, raising: Sequence[int] = ()) -> None:
        self.finds = 0
        self.reads = 0
        self._raising = raising

    def find(self, picture: np.ndarray) -> list[Place]:
        """Return one box around all ink of each 40 rows."""
        self.finds += 1
        if self.finds - 1 in self._raising:
            raise RuntimeError("fault injected")
        boxes: list[Box] = []
        for top in range(0, picture.shape[0], 8):
            ink = np.argwhere(picture[top : top + 8].min(axis=2) < 120)
            if not len(ink):
                continue
            (y1, x1), (y2, x2) = ink.min(axis=0), ink.max(axis=0) + 1
            box = Box(int(x1), int(y1) + top, int(x2), int(y2) + top)
            if boxes and box.y1 - boxes[-1].y2 < 8:
                box = box.union(boxes.pop())
            boxes.append(box)
        return [Place(box, box.height) for box in boxes]

    def read(self, lines: Sequence[np.ndarray]) -> list[Reading]:
        """Long lines are secrets."""
        self.reads += len(lines)
        return [Reading(SECRET if line.shape[1] > 110 else PLAIN, 1.0) for line in lines]


class FakeJudge(Judge):
    """Knows one secret."""

    def __init__(self) -> None:
        self._text = "personal"

    def personal(self, lines: Sequence[object]) -> list[bool]:
        """Only the secret is personal."""
        return [line.reading.text == SECRET for line in lines]  # type: ignore[attr-defined]

    def names_seen(self) -> tuple[str, ...]:
        """Nothing is kept."""
        return ()


def screen(texts: Sequence[tuple[str, int, int]], index: int, *, whole_cover: bool = False) -> VideoFrame:
    """Return a light frame with dark lines."""
    picture = np.full((HEIGHT, WIDTH, 3), 240, np.uint8)
    for text, x, y in texts:
        write(picture, text, x, y, size=18)
    frame = as_frame(picture, index, 30)
    return VideoFrame(frame.y, frame.u, frame.v, frame.pts, frame.time_base, whole_cover)


def watched(frames: Sequence[VideoFrame], reader: FakeReader) -> list[ScreenCovers]:
    """Show all frames with a look-ahead as long as they are."""
    watch = ScreenWatch(ScreenReader(reader, FakeJudge(), None))
    for frame in frames:
        watch.see(frame)
    return [watch.release() for _ in frames]


def hidden(frame: VideoFrame, covers: ScreenCovers) -> bool:
    """Tell whether no ink is left of a frame."""
    if covers.failed:
        return True
    left = frame.y.copy()
    for box in (*covers.lines, *covers.unread):
        left[box.y1 : box.y2, box.x1 : box.x2] = 235
    return int((left < 120).sum()) == 0


LONG, SHORT = f"{SECRET} {SECRET}", "ok so"


def test_secret_is_covered_on_every_frame_it_is_on() -> None:
    """A secret that comes, stays and goes is covered from its first frame on, and afterwards nothing is."""
    frames = [screen([(LONG, 10, 80)] if 10 <= index < 40 else [], index) for index in range(60)]
    covers = watched(frames, FakeReader())
    assert all(hidden(frame, one) for frame, one in zip(frames, covers, strict=True))
    assert all(not one.lines and not one.unread for one in (covers[0], covers[-1]))


def test_secret_that_moves_is_never_shown() -> None:
    """Text in motion is covered without being read; at rest it is read and stays covered."""
    frames = [screen([(LONG, 10, 30 + 2 * max(0, min(index, 40) - 10))], index) for index in range(60)]
    covers = watched(frames, FakeReader())
    assert all(hidden(frame, one) for frame, one in zip(frames, covers, strict=True))


def test_secret_of_two_frames_is_never_shown() -> None:
    """What is there for a fifteenth of a second is covered too."""
    frames = [screen([(LONG, 10, 80)] if index in (20, 21) else [], index) for index in range(45)]
    covers = watched(frames, FakeReader())
    assert all(hidden(frame, one) for frame, one in zip(frames, covers, strict=True))


def test_still_text_is_looked_at_once() -> None:
    """A screen that does not change costs one look in the seconds that follow, and plain text stays visible."""
    reader = FakeReader()
    frames = [screen([(SHORT, 10, 80)], index) for index in range(90)]
    covers = watched(frames, reader)
    assert reader.finds == 1
    assert not any(one.lines or one.unread for one in covers)


def test_line_that_was_read_is_not_read_again_elsewhere() -> None:
    """After a scroll a line is known by its look."""
    reader = FakeReader()
    frames = [screen([(SHORT, 10, 40 if index < 20 else 96)], index) for index in range(50)]
    watched(frames, reader)
    assert reader.finds > 1
    assert reader.reads == 1


@pytest.mark.parametrize("raising", [(0,), (1,), (0, 1, 2), (1, 2, 3, 4)])
def test_fault_of_the_reader_shows_nothing(raising: tuple[int, ...]) -> None:
    """A frame on which the reader raises is to be covered whole, is counted, and the next is looked at anew."""
    frames = [screen([(LONG, 10, 40 if index < 15 else 100)], index) for index in range(40)]
    reader = FakeReader(raising=raising)
    watch = ScreenWatch(ScreenReader(reader, FakeJudge(), None))
    for frame in frames:
        watch.see(frame)
    covers = [watch.release() for _ in frames]
    assert all(hidden(frame, one) for frame, one in zip(frames, covers, strict=True))
    assert watch.failures == sum(one.failed for one in covers) == len(raising)


def test_frame_of_the_source_that_is_covered_is_not_looked_at() -> None:
    """A damaged frame says nothing, and what follows is looked at as a whole."""
    reader = FakeReader()
    frames = [screen([(LONG, 10, 80)], index, whole_cover=index == 5) for index in range(10)]
    covers = watched(frames, reader)
    assert reader.finds == 2
    assert not covers[5].lines
    assert hidden(frames[6], covers[6])


def engine(reader: FakeReader, *, threaded: bool = False) -> VideoRedactor:
    """Return a picture engine with fake models only."""
    policy = Policy.model_validate(
        {
            "screen": ScreenSection(text="personal", codes=False).model_dump(),
            "minors": {
                "i_know_that_every_person_is_an_adult_and_accept_that_an_undetected_child_stays_visible": True
            },
        }
    )
    faces = FakeDetector(missing=range(10_000))
    stages = VideoStages(faces, faces, screen=ScreenReader(reader, FakeJudge(), None))
    return VideoRedactor(
        width=WIDTH, height=HEIGHT, policy=policy, stages=stages, track="V1", threaded=threaded
    )


@pytest.mark.parametrize("threaded", [False, True])
def test_engine_covers_text_solid_and_counts_it(threaded: bool) -> None:
    """Through the whole engine no ink of a secret is left, and the covers say why."""
    redactor = engine(FakeReader(), threaded=threaded)
    frames = [screen([(LONG, 10, 80)] if index >= 10 else [], index) for index in range(80)]
    done = [item for frame in frames for item in redactor.push(frame)] + redactor.flush()
    assert [item.frame.pts for item in done] == list(range(80))
    assert all(int((item.frame.y < 90).sum()) == 0 for item in done)
    assert {cover.reason for item in done for cover in item.covers} == {CoverReason.SCREEN}
    assert redactor.summary.screen_texts >= 1
    assert redactor.summary.failed_screens == 0


def test_text_is_covered_alike_beside_the_next_frames_faces_and_after_this_ones() -> None:
    """A thread of its own for text changes when it is searched for, not what is covered."""
    frames = [screen([(LONG, 10, 40 + 2 * min(max(0, index - 20), 30))], index) for index in range(90)]
    results = []
    for threaded in (False, True):
        redactor = engine(FakeReader(raising=[3]), threaded=threaded)
        done = [item for frame in frames for item in redactor.push(frame)] + redactor.flush()
        results.append([(item.frame.pts, item.examined, [one.box for one in item.covers]) for item in done])
    assert results[0] == results[1]


def test_giving_up_while_text_is_searched_for_ends_the_search() -> None:
    """A stage that stops in the middle leaves neither a thread nor an error behind."""
    redactor = engine(FakeReader(), threaded=True)
    for index in range(8):
        redactor.push(screen([(LONG, 10, 80)], index))
    redactor.drop()
    redactor.drop()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read")]


@pytest.mark.parametrize("threaded", [False, True])
def test_engine_covers_whole_where_the_reader_fails_and_says_so(threaded: bool) -> None:
    """A reader that always raises leaves no picture and an incomplete run."""
    redactor = engine(FakeReader(raising=range(10_000)), threaded=threaded)
    frames = [screen([(LONG, 10, 80)], index) for index in range(20)]
    done = [item for frame in frames for item in redactor.push(frame)] + redactor.flush()
    assert all((item.frame.y == 96).all() for item in done)
    assert redactor.summary.failed_screens == redactor.summary.incomplete == 20


def test_policy_that_asks_for_text_never_runs_without_a_reader() -> None:
    """Stages without a reader are refused, not run without."""
    faces = FakeDetector()
    policy = Policy(screen=ScreenSection(text="all"))
    with pytest.raises(ValueError, match="not loaded"):
        VideoRedactor(width=WIDTH, height=HEIGHT, policy=policy, stages=VideoStages(faces, faces), track="V1")


def shifting(index: int) -> VideoFrame:
    """Return a line of text, and beside it something pale with strokes that never stands still."""
    picture = np.full((HEIGHT, WIDTH, 3), 240, np.uint8)
    write(picture, SHORT, 10, 80, size=18)
    for stripe in range(4):
        x = 60 + 12 * stripe + index % 7
        picture[92:108, x : x + 3] = 150
    return as_frame(picture, index, 30)


def test_what_moves_beside_a_line_costs_few_looks() -> None:
    """A line that stays as it was is not unread for what moves beside it, and one place is not read on each frame."""
    reader = FakeReader()
    frames = [shifting(index) for index in range(90)]
    covers = watched(frames, reader)
    assert reader.finds <= 3 * 5 + 1
    line = [box for one in covers for box in one.unread if box.intersection(Box(10, 66, 50, 80)).area > 0]
    assert not line


def test_text_is_looked_at_once_when_it_came_to_rest() -> None:
    """While a picture settles after a movement it is not looked at on each frame."""
    reader = FakeReader()
    frames = [screen([(SHORT, 10, 30 + 4 * min(index, 20))], index) for index in range(40)]
    watched(frames, reader)
    assert reader.finds <= 5


def test_secret_that_comes_while_another_place_is_looked_at_is_covered() -> None:
    """A look at one place says nothing of another: what is unread there stays covered on that frame too."""

    def drawn(index: int) -> VideoFrame:
        picture = np.full((HEIGHT, WIDTH, 3), 240, np.uint8)
        write(picture, SHORT, 10, 30, size=18)
        if index >= 21 - 10:
            write(picture, SHORT, 240, 30, size=18)
        if 12 <= index < 19:
            write(picture, LONG, 10, 130 + index % 2, size=18)
        return as_frame(picture, index, 30)

    for first in range(4, 12):
        frames = [drawn(index + first - 4) for index in range(45)]
        covers = watched(frames, FakeReader())
        shown = [
            one
            for frame, one in zip(frames, covers, strict=True)
            if not hidden(_lower(frame), _moved_up(one))
        ]
        assert not shown


def _lower(frame: VideoFrame) -> VideoFrame:
    """Return the lower half of a frame."""
    half = HEIGHT // 2
    return VideoFrame(frame.y[half:], frame.u[half // 2 :], frame.v[half // 2 :], frame.pts, frame.time_base)


def _moved_up(covers: ScreenCovers) -> ScreenCovers:
    """Return the covers of the lower half."""

    def moved(boxes: Sequence[Box]) -> tuple[Box, ...]:
        half = HEIGHT // 2
        return tuple(Box(b.x1, max(0, b.y1 - half), b.x2, b.y2 - half) for b in boxes if b.y2 > half)

    return ScreenCovers(moved(covers.lines), moved(covers.unread), covers.failed)


def filmed(texts: Sequence[tuple[str, int, int]], index: int, *, across: float, down: float) -> VideoFrame:
    """Return what a camera that pans shows of a pale wall with dark lines on it."""
    wide = wall(3, width=3 * WIDTH, height=2 * HEIGHT, shapes=300) // 4 + 180
    picture = np.dstack([wide] * 3)
    for text, x, y in texts:
        write(picture, text, x, y, size=18)
    x, y = round(10 + across * index), round(60 + down * index)
    return as_frame(np.ascontiguousarray(picture[y : y + HEIGHT, x : x + WIDTH]), index, 30)


@pytest.mark.parametrize(("across", "down"), [(3.0, 0.0), (2.0, -0.7), (1.0, 0.5)])
def test_secret_on_a_wall_before_a_camera_that_pans_is_never_shown(across: float, down: float) -> None:
    """A line goes along with the wall that it is on and is covered where it is, on every frame, by little more."""
    frames = [filmed([(LONG, 60, 140)], index, across=across, down=down) for index in range(60)]
    covers = watched(frames, FakeReader())
    assert all(hidden(frame, one) for frame, one in zip(frames, covers, strict=True))
    areas = [sum(box.area for box in one.lines) for one in covers[3:]]
    ink = max(int(np.ptp(np.argwhere(frame.y < 120), axis=0).prod()) for frame in frames)
    assert np.mean(areas) < 4 * ink


def test_wall_without_secrets_before_a_camera_that_pans_has_no_covers() -> None:
    """What comes into the frame of a camera that moves is not covered for coming, and plain text is not covered."""
    frames = [filmed([(SHORT, 120, 140)], index, across=2.0, down=-0.8) for index in range(60)]
    covers = watched(frames, FakeReader())
    assert not any(one.lines or one.unread for one in covers)


def test_name_over_a_camera_that_pans_is_never_shown() -> None:
    """A tag that lies over a moving picture stays where it is, and so does its cover."""
    frames = []
    for index in range(60):
        frame = filmed([], index, across=3.0, down=-0.5)
        tag = np.full((24, 220, 3), 235, np.uint8)
        write(tag, LONG, 6, 18, size=18)
        frame.y[130:154, 20:240] = as_frame(tag, index).y
        frames.append(frame)
    covers = watched(frames, FakeReader())
    assert all(hidden(frame, one) for frame, one in zip(frames, covers, strict=True))
