"""The second look before publishing: numbered steps over the stored files, each of which raises or passes.

1. the stored picture has every frame, at its time, and shows what redaction put where something was covered
2. other detectors find no face, and the reader no personal text, outside what is covered; what they find is covered
   again and looked at again
3. the stored sound is as long as the recording and starts with it
4. the stored sound, transcribed again, holds none of the personal words that were found
5. the stored voices are not the voices that spoke
6. the stored file holds the expected streams and no tag, chapter, subtitle, attachment or data
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recorder.media.file import FileSource
from recorder.runtime.context import Run
from recorder.runtime.threads import frames_ahead, prefetched
from recorder.verify.proof import FrameProof, Highlight
from redaction.errors import RedactionIncomplete, UnreadableInput
from redaction.model import Box, Gap, VideoFrame
from redaction.video.change import block_of
from redaction.video.cover import evened, shows_cover, solid
from redaction.video.faces.second_detector import SecondLook
from redaction.video.screen.changes import strokes
from redaction.video.screen.reader import ScreenReader
from redaction.video.screen.second_search import ScreenSearch

__all__ = ["Suspect", "VideoVerdict", "around_suspect", "search_video", "stored_frames", "with_covers"]

LOOK_EVERY_S: Final = 1.0
_FACE_LOOK_PX: Final = 32
"""Longest side that is kept of what looks like a face: 1 KB each, however large it is and however often found."""

LUMA_TOLERANCE: Final = 40
TIME_TOLERANCE_S: Final = 0.002
_COVERED_SHARE: Final = 0.55
_SPARED_SHARE: Final = 1 / 200
"""Least share of a spared place that the thing in it fills. A place is 2.6 times a cover, which may be a whole body."""

_LOOKERS: Final = 2
_LOOKS_WAITING: Final = 3
_LOOKS_AGAIN: Final = 3
_GROWTH: Final = 0.5
_EDGE_SHARE: Final = 0.15
_BLURRED_PX: Final = 9
"""Share of a line from which it may be the edge of a cover, and pixels around one that a codec blurs."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """Something like a face, or personal text, in the stored picture, outside what is covered.

    Attributes:
        look: what stands in the box, uint8 (h, w) luma; of a face made small, as there may be one for every look.
        text: whether it is text or a code, which stay where they are; a face may move.
    """

    frame: int
    time: float
    box: Box
    score: float
    look: NDArray[np.uint8] = field(repr=False, compare=False)
    text: bool = False


@dataclass(frozen=True, slots=True)
class VideoVerdict:
    """What the second look at a stored picture found.

    Attributes:
        frames: frames decoded and compared.
        probes: covered pixels compared.
        looked: frames in which other detectors searched.
        suspects: what they found outside what is covered.
        stills: the highlights whose frames are there.
    """

    frames: int
    probes: int
    looked: int
    suspects: tuple[Suspect, ...]
    stills: tuple[Highlight, ...]


def search_video(
    path: Path,
    proofs: Sequence[FrameProof],
    highlights: Sequence[Highlight],
    *,
    look: SecondLook,
    run: Run,
    reach: Callable[[float], None],
    screen: ScreenReader | None = None,
    only: Container[int] | None = None,
    surely: Container[int] = (),
) -> VideoVerdict:
    """Decode the stored picture and compare every frame with its proof (steps 1 and 2).

    Args:
        path: of the stored picture.
        proofs: of its frames.
        highlights: frames that are looked at in any case.
        look: searches for faces.
        run: ends the search.
        reach: told of progress.
        screen: searches for text and codes; None when the policy leaves them alone.
        only: indices of frames that may be searched; None for all.
        surely: indices of frames that are searched in any case.

    Raises:
        RedactionIncomplete: a frame is missing, at another time, or shows something else where it was covered.
    """
    suspects: list[Suspect] = []
    stills: list[Highlight] = []
    looking: deque[tuple[Future[list[Suspect]], ...]] = deque()
    wanted = sorted(highlights, key=lambda item: item.time)
    index = probes = looked = 0
    next_look = 0.0
    search = None if screen is None else ScreenSearch(screen)
    with (
        ThreadPoolExecutor(_LOOKERS, thread_name_prefix="second look") as lookers,
        ThreadPoolExecutor(
            1, thread_name_prefix="second reading"
        ) as reader,  # it compares with what it read before
    ):
        for frame in stored_frames(path, run):
            if index >= len(proofs):
                raise RedactionIncomplete("The stored picture has more frames than were redacted.")
            proof = proofs[index]
            if abs(frame.time - proof.time) > TIME_TOLERANCE_S:
                raise RedactionIncomplete(f"Frame {index} of the stored picture is not at its time.")
            probes += _compare(frame, proof, index)
            highlighted = bool(wanted) and frame.time >= wanted[0].time - TIME_TOLERANCE_S
            due = (frame.time >= next_look or highlighted) and (only is None or index in only)
            if due or index in surely:
                next_look = frame.time + LOOK_EVERY_S
                looked += 1
                jobs = [lookers.submit(_faces, look, frame, proof, index)]
                if search is not None:
                    jobs.append(reader.submit(_texts, search, frame, proof, index))
                looking.append(tuple(jobs))
            while len(looking) > _LOOKS_WAITING:
                suspects += _results(looking.popleft())
            if highlighted:
                stills.append(wanted.pop(0))
            index += 1
            reach(frame.time)
        for jobs_left in looking:
            suspects += _results(jobs_left)
    if index != len(proofs):
        raise RedactionIncomplete(f"The stored picture lacks {len(proofs) - index} frames.")
    return VideoVerdict(index, probes, looked, tuple(suspects), tuple(stills))


def stored_frames(path: Path, run: Run) -> Iterator[VideoFrame]:
    """Decode a stored picture.

    Raises:
        RedactionIncomplete: it cannot be decoded without a gap.
    """
    source = FileSource(path, own=True)
    try:
        track = next(item for item in source.info().tracks if item.kind == "video")
        depth = frames_ahead(track.width or 0, track.height or 0)
        with prefetched(source.video(track.id), depth=depth, name="decode stored", run=run) as frames:
            for item in frames:
                if isinstance(item, Gap) or item.whole_cover:
                    raise RedactionIncomplete("The stored picture does not decode cleanly.")
                yield item
    except (UnreadableInput, StopIteration):
        raise RedactionIncomplete("The stored picture cannot be read back.") from None


def _compare(frame: VideoFrame, proof: FrameProof, index: int) -> int:
    if not len(proof.points):
        return 0
    x, y = proof.points[:, 0], proof.points[:, 1]
    if int(x.max()) >= frame.width or int(y.max()) >= frame.height:
        raise RedactionIncomplete(f"Frame {index} of the stored picture has another size.")
    off = np.abs(frame.y[y, x].astype(np.int16) - proof.luma.astype(np.int16)) > LUMA_TOLERANCE
    if off.mean() > 0.2:
        raise RedactionIncomplete(f"Frame {index} of the stored picture is not covered where it should be.")
    return len(x)


def _results(jobs: Sequence[Future[list[Suspect]]]) -> list[Suspect]:
    return [suspect for job in jobs for suspect in job.result()]


def _faces(look: SecondLook, frame: VideoFrame, proof: FrameProof, index: int) -> list[Suspect]:
    return _settled(
        frame, proof, index, lambda shown, _: [(Box.outward(*r), s) for r, s in look.search(shown)]
    )


def _texts(search: ScreenSearch, frame: VideoFrame, proof: FrameProof, index: int) -> list[Suspect]:
    return _settled(
        frame,
        proof,
        index,
        lambda shown, again: [(line, 1.0) for line in search.search(shown, at_once=again)],
        search=search,
    )


def _settled(
    frame: VideoFrame,
    proof: FrameProof,
    index: int,
    find: Callable[[VideoFrame, bool], Sequence[tuple[Box, float]]],
    *,
    search: ScreenSearch | None = None,
) -> list[Suspect]:
    """Return what is found outside what is covered, and what is found next to it once that is covered too.

    A detector that is shown another cover may see something beside it that it did not see before. Looking at the frame
    at once saves a round of covering, encoding and looking at the whole file.
    """
    text = search is not None
    covers = [Box(*(int(edge) for edge in row)) for row in proof.boxes]
    suspects: list[Suspect] = []
    shown = frame
    for turn in range(_LOOKS_AGAIN):
        boxes: list[Box] = []
        for found, score in find(shown, turn > 0):
            box = found.clipped(frame.width, frame.height)
            known = _is_edge(shown, box, search) if text else _is_spared(box, proof.spared)
            if box.area and not known and not _mostly_covered(box, covers):
                part = frame.y[box.y1 : box.y2, box.x1 : box.x2]
                kept = part.copy() if text else _small(part)
                suspects.append(Suspect(index, frame.time, box, score, kept, text))
                boxes.append(around_suspect(box, frame))
        if not boxes:
            break
        covers += boxes
        shown = with_covers(shown, boxes)
    return suspects


def around_suspect(box: Box, frame: VideoFrame) -> Box:
    """Return what is covered of a frame because something was found in a box."""
    across, down = _GROWTH * box.width, _GROWTH * box.height
    grown = Box.outward(box.x1 - across, box.y1 - down, box.x2 + across, box.y2 + down)
    return grown.clipped(frame.width, frame.height)


def with_covers(frame: VideoFrame, boxes: Sequence[Box]) -> VideoFrame:
    """Return a copy of a frame with boxes filled."""
    covered = VideoFrame(frame.y.copy(), frame.u.copy(), frame.v.copy(), frame.pts, frame.time_base)
    for box in boxes:
        solid((covered.y, covered.u, covered.v), evened(box, width=frame.width, height=frame.height))
    return covered


def _is_edge(frame: VideoFrame, box: Box, search: ScreenSearch | None) -> bool:
    """Tell whether what was taken for a line is the edge of a cover: nothing around the cover looks like letters.

    Where every line is covered whatever it says, what is around is searched again without the cover.
    """
    part = VideoFrame(
        frame.y[box.y1 : box.y2, box.x1 : box.x2],
        frame.u[box.y1 // 2 : -(-box.y2 // 2), box.x1 // 2 : -(-box.x2 // 2)],
        frame.v[box.y1 // 2 : -(-box.y2 // 2), box.x1 // 2 : -(-box.x2 // 2)],
        frame.pts,
        frame.time_base,
    )
    covered = cv2.dilate(shows_cover(part).view(np.uint8), np.ones((_BLURRED_PX, _BLURRED_PX), np.uint8)) > 0
    if covered.mean() < _EDGE_SHARE or min(box.width, box.height) < 3:
        return False
    if covered.all():
        return True
    bare = np.where(covered, np.median(part.y[~covered]), part.y).astype(np.uint8)
    if not strokes(bare, block=block_of(frame)).any():
        return True
    return search is not None and not search.reads and not search.stands(replace(part, y=bare))


def _small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = (min(side, _FACE_LOOK_PX) for side in picture.shape)
    return np.array(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _is_spared(box: Box, places: Sequence[Box]) -> bool:
    """Tell whether what looks like a face is what a person called none, rather than something small beside it."""
    return any(box.area >= _SPARED_SHARE * place.area and _mostly_covered(box, [place]) for place in places)


def _mostly_covered(box: Box, covers: Sequence[Box]) -> bool:
    seen = np.zeros((box.height, box.width), bool)
    for cover in covers:
        part = box.intersection(cover)
        if part.area:
            seen[part.y1 - box.y1 : part.y2 - box.y1, part.x1 - box.x1 : part.x2 - box.x1] = True
    return float(seen.mean()) >= _COVERED_SHARE
