"""Looks at parts of a frame: finds lines and codes, reads what is new, and judges it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final, Self

from redaction.model import Box, VideoFrame
from redaction.policy import Policy
from redaction.text.find import PersonalDataFinder
from redaction.text.known import Memory
from redaction.video.screen.cache import LeftRegion, Recall, look_of
from redaction.video.screen.codes import CodeFinder
from redaction.video.screen.decide import Judge, SeenText
from redaction.video.screen.layout import at_corner, avatar
from redaction.video.screen.ocr import OnnxReader, Place, Reading, TextReader
from redaction.video.view import Picture, View

__all__ = ["ScreenReader", "TextLine"]

_LONG_SIDE: Final = 960
_LEAST_SCALE: Final = 0.75
_MOST_SCALE: Final = 1.5
_CLOSE_AREA: Final = 200_000
_MOST_PX: Final = 1_300_000
"""Pixels that the detector is shown at once: 330 MB. A frame of 1080 lines is shown whole."""

_SEAM_PX: Final = 48
"""How far bands reach over each other, in pixels of the detector; a line twice as high is whole in one."""

_SAME: Final = 0.9
_UNREAD: Final = Reading("", 0.0)
_LARGE_PX: Final = 36
_LARGE: Final = 0.05
_HUGE: Final = 0.1
_HUGER: Final = 0.2
_UNSURE: Final = 0.6
_SURE: Final = 0.9
"""Lines of charts, folds of clothes and textures are read as large letters. Sizes are shares of a frame's shorter side.

Source: measured. On the sample call a chart and a suit are letters of 77 to 355 px of 720, at most 0.83 sure. In 342
pictures without people nearly all that is taken for text and is thicker than 36 px is under 0.6 sure, while of 86
lines of meeting windows that were drawn so large and blurred, up to a tenth of their size, one was."""
_HUGE_CODE: Final = 0.03
_HUGE_MOVING_CODE: Final = 0.003
"""Share of a frame beyond which a bar code must be readable to be one, and before a camera that moves; grain of wood is
taken for one so large, fences and windows before a camera are smaller."""
_AVATAR: Final = 0.08
"""A line that is thicker, as a share of the shorter side of a frame, is no name tag with a picture before it."""


@dataclass(slots=True)
class TextLine:
    """A line of text, or a code, in one frame.

    Attributes:
        box: in frame pixels, rounded outward.
        reading: what it says; empty when nobody asked.
        personal: it is to be covered.
        covers: the boxes that cover it.
        typed_until: it counts as being typed until then, on the call clock.
        code: it is a code.
        found: its box and covers as they were where the motion of the picture counts from.
    """

    box: Box
    reading: Reading = _UNREAD
    personal: bool = False
    covers: tuple[Box, ...] = ()
    typed_until: float = field(default=float("-inf"))
    code: bool = False
    found: tuple[Box, tuple[Box, ...]] = (Box(0, 0, 0, 0), ())


class ScreenReader:
    """Finds, reads and judges; one serves any number of tracks, one after the other.

    Attributes:
        left: what the lines said that were judged free to be seen; in memory only.
    """

    def __init__(self, reader: TextReader | None, judge: Judge | None, codes: CodeFinder | None) -> None:
        if reader is not None and judge is None:
            raise ValueError("lines of text need a judge")
        self._reader = reader
        self._judge = judge
        self._codes = codes
        self._recall = Recall()
        self.left = LeftRegion()

    @classmethod
    def load(cls, policy: Policy, *, threads: int = 1) -> Self | None:
        """Load what the policy asks for; None when it asks for nothing.

        Raises:
            ModelMissing: a model is not in place.
            ModelAltered: a model is not the one that was measured.
        """
        screen = policy.screen
        if screen.text == "none" and not screen.codes:
            return None
        codes = CodeFinder() if screen.codes else None
        if screen.text == "none":
            return cls(None, None, codes)
        judge = Judge(PersonalDataFinder(policy.speech, threads=threads), text=screen.text)
        return cls(OnnxReader.load(threads=threads), judge, codes)

    def for_recording(self, names: Sequence[str]) -> Self:
        """Return a reader for another recording, with the same models: it knows these names and nothing seen so far."""
        return type(self)(
            self._reader, None if self._judge is None else self._judge.for_recording(names), self._codes
        )

    @property
    def judge(self) -> Judge | None:
        """What judges the lines; None where only codes are found."""
        return self._judge

    @property
    def reads(self) -> bool:
        """Whether what a line says decides about it."""
        return self._judge is not None and self._judge.reads

    def only(self, judge: Judge, *, codes: bool = False) -> Self:
        """Return a reader with the same models that covers the lines of another judge, and codes only if asked."""
        return type(self)(self._reader, judge, self._codes if codes else None)

    def know_words(self, memories: Mapping[str, Memory]) -> None:
        """Take up what was found in speech and in texts beside it."""
        if self._judge is not None:
            self._judge.learn(memories)

    def know_names(self, names: Sequence[str]) -> None:
        """Take up names that were heard or announced, from any thread; returns at once."""
        if self._judge is not None:
            self._judge.know(names)

    def names_seen(self) -> tuple[str, ...]:
        """Return the names that were read so far; they live in memory only."""
        return () if self._judge is None else self._judge.names_seen()

    def look(self, frame: VideoFrame, region: Box, *, moving: bool = False) -> list[TextLine]:
        """Find the lines and codes of a region, and read the lines; `moving` when the picture moves as a whole."""
        lines: list[TextLine] = []
        if self._reader is not None:
            places = self._found(frame, region)
            found = zip(places, self._read(frame, places), strict=True)
            lines += [
                TextLine(place.box, reading)
                for place, reading in found
                if not self._is_shape(place, reading, frame)
            ]
        if self._codes is not None:
            huge = _HUGE_MOVING_CODE if moving else _HUGE_CODE
            part = frame.y[region.y1 : region.y2, region.x1 : region.x2]
            for box in self._codes.find(part, unread_px=huge * frame.width * frame.height):
                moved = Box(box.x1 + region.x1, box.y1 + region.y1, box.x2 + region.x1, box.y2 + region.y1)
                lines.append(TextLine(moved, personal=True, covers=(moved,), code=True))
        return lines

    def places(self, frame: VideoFrame) -> list[Box]:
        """Return where lines of text are in a frame, whatever they say."""
        return [place.box for place in self._found(frame, Box(0, 0, frame.width, frame.height))]

    def judged(self, frame: VideoFrame, lines: Sequence[TextLine]) -> list[TextLine]:
        """Return the lines with what is to be covered of each."""
        texts = [line for line in lines if not line.code]
        result = [line for line in lines if line.code]
        if self._judge is None:
            return result
        seen = [SeenText(line.box, line.reading, at_corner(frame.y, line.box)) for line in texts]
        for line, personal in zip(texts, self._judge.personal(seen), strict=True):
            edge = max(2, line.box.height // 8)
            box = Box(
                line.box.x1 - edge, line.box.y1 - edge // 2, line.box.x2 + edge, line.box.y2 + edge // 2
            )
            covers = [box.clipped(frame.width, frame.height)]
            small = line.box.height <= max(_LARGE_PX, _AVATAR * min(frame.width, frame.height))
            if personal and small and line.box.width < 24 * line.box.height:
                disc = avatar(frame.y, line.box)
                covers += [] if disc is None else [disc]
            if not personal:
                self.left.note(line.reading.text)
            result.append(replace(line, personal=personal, covers=tuple(covers)))
        return result

    def telling(self, lines: Sequence[TextLine]) -> list[TextLine]:
        """Return the codes, and the lines whose words alone, read for sure, are personal; or all, if all are wanted."""
        if self._judge is None:
            return [line for line in lines if line.code]
        texts = [line for line in lines if not line.code]
        verdicts = self._judge.telling([line.reading for line in texts])
        return [line for line in lines if line.code] + [
            line for line, personal in zip(texts, verdicts, strict=True) if personal
        ]

    def _is_shape(self, place: Place, reading: Reading, frame: VideoFrame) -> bool:
        """Tell whether what was found is one huge sign, or several that are large and unsure: a picture, no name.

        Where all text is covered, only what is huge and no writing at all is none: a gallery, or its covers.
        """
        side = min(frame.width, frame.height)
        if self._judge is None:
            return False
        if not self.reads:
            return place.thick >= _HUGER * side and reading.score < _SURE
        if len("".join(reading.text.split())) <= 1:
            return min(place.box.width, place.box.height) >= _HUGE * side
        large = place.thick >= max(_LARGE_PX, _LARGE * side)
        return (large and reading.score < _UNSURE) or (place.thick >= _HUGER * side and reading.score < _SURE)

    def _found(self, frame: VideoFrame, region: Box) -> list[Place]:
        """Find lines in a region; places in frame pixels.

        A large region is looked at in bands, since the detector takes 250 bytes a pixel. A line that the bands may have
        cut is found in the whole of it, made small.
        """
        if self._reader is None:
            return []
        side = max(frame.width, frame.height)
        scale = min(_MOST_SCALE, max(_LEAST_SCALE, _LONG_SIDE / side))
        scale = min(max(1.0, scale), max(scale, (_CLOSE_AREA / max(1, region.area)) ** 0.5))
        if region.area * scale * scale <= _MOST_PX:
            return self._found_at(frame, region, scale)
        seam = round(_SEAM_PX / scale)
        places: list[Place] = []
        for top, bottom in _bands(region, room=round(_MOST_PX / (region.width * scale * scale)), seam=seam):
            part = Box(region.x1, top - seam, region.x2, bottom + seam).intersection(region)
            places += [
                place
                for place in self._found_at(frame, part, scale)
                if top <= (place.box.y1 + place.box.y2) / 2 < bottom
            ]
        whole = self._found_at(frame, region, (_MOST_PX / region.area) ** 0.5)
        return places + [
            place
            for place in whole
            if place.box.height > seam
            and not any(place.box.intersection(other.box).area >= _SAME * place.box.area for other in places)
        ]

    def _found_at(self, frame: VideoFrame, region: Box, scale: float) -> list[Place]:
        """Find the lines that the detector sees in a region at a scale; places in frame pixels."""
        if self._reader is None:
            return []
        view = View.of(frame, region=region, scale=scale)
        across, down = view.region.width / view.width, view.region.height / view.height
        places: list[Place] = []
        for place in self._reader.find(view.picture(frame)):
            box = Box.outward(
                view.region.x1 + place.box.x1 * across,
                view.region.y1 + place.box.y1 * down,
                view.region.x1 + place.box.x2 * across,
                view.region.y1 + place.box.y2 * down,
            ).clipped(frame.width, frame.height)
            places.append(Place(box, place.thick * min(across, down)))
        return places

    def _read(self, frame: VideoFrame, places: Sequence[Place]) -> list[Reading]:
        """Read lines; where all are covered whatever they say, only huge ones, which may be none."""
        huge = _HUGER * min(frame.width, frame.height)
        wanted = [at for at, place in enumerate(places) if self.reads or place.thick >= huge]
        pictures = [View.of(frame, region=places[at].box, scale=1.0).picture(frame) for at in wanted]
        result = [_UNREAD] * len(places)
        for at, reading in zip(wanted, self._readings(pictures), strict=True):
            result[at] = reading
        return result

    def _readings(self, pictures: Sequence[Picture]) -> list[Reading]:
        """Read pictures of lines, those that looked the same before from memory."""
        if self._reader is None:
            return [_UNREAD] * len(pictures)
        looks = [look_of(picture) for picture in pictures]
        known = [self._recall.get(look) for look in looks]
        new = [at for at, reading in enumerate(known) if reading is None]
        if new:
            for at, reading in zip(new, self._reader.read([pictures[at] for at in new]), strict=True):
                known[at] = reading
                self._recall.put(looks[at], reading)
        return [reading if reading is not None else _UNREAD for reading in known]


def _bands(region: Box, *, room: int, seam: int) -> list[tuple[int, int]]:
    """Divide a region into equal bands from top to bottom, each with a seam above and below within the room."""
    count = max(1, -(-region.height // max(room - 2 * seam, 2 * seam)))
    edges = [region.y1 + region.height * at // count for at in range(count + 1)]
    return list(pairwise(edges))
