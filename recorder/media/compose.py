"""What a person watches of a call: all stored tracks in one picture, and their sound mixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av.error
from av.codec.context import ThreadType
from av.video.frame import VideoFrame as AvVideoFrame

from recorder.media.encode import VideoWriter, mux, reopen
from recorder.media.grid import CANVAS, arranged, draw_label, draw_plain, draw_screen_label
from recorder.media.mix import mix
from recorder.media.planes import Planes, blank, fitted, paste, planes
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from recorder.runtime.threads import prefetched
from redaction.errors import InternalError
from redaction.model import Box, Span, VideoFrame
from redaction.policy import OutputSection

__all__ = ["ComposedTrack", "ComposedView", "compose"]

COMPOSED_HZ: Final = 30
_STILL_EVERY: Final = COMPOSED_HZ
"""A composed picture in which nothing moves is written again after so many ticks, so that players can seek."""
_DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class ComposedTrack:
    """A track's own file and when something of it is stored."""

    path: Path
    spans: tuple[Span, ...]

    def shows(self, time: float) -> bool:
        """Tell whether something is stored at a time."""
        return any(span.start <= time < span.end for span in self.spans)

    def began(self, time: float) -> float:
        """Return when the stretch that holds a time began."""
        return max((span.start for span in self.spans if span.start <= time < span.end), default=-1.0)


@dataclass(frozen=True, slots=True)
class ComposedView:
    """One participant: label and stored tracks."""

    label: str
    camera: ComposedTrack | None = None
    screen: ComposedTrack | None = None
    microphone: Path | None = None


def compose(
    views: Sequence[ComposedView],
    out: Path,
    *,
    duration: float,
    output: OutputSection,
    run: Run,
) -> None:
    """Write `recording.mp4` in bounded memory; picture and sound begin at call time 0.

    Raises:
        StorageFailed: the file cannot be written.
        InternalError: a track cannot be read back.
        Interrupted: the run was cancelled.
    """
    picture, sound = out.with_name("composed.mp4"), out.with_name("mixed.m4a")
    try:
        with run.stage("composing", duration) as reach:
            _compose_picture(views, picture, duration=duration, output=output, run=run, reach=reach)
        tracks = [view.microphone for view in views if view.microphone is not None]
        mix(tracks, sound, duration=duration, run=run)
        mux(video=picture, audio=sound, out=out)
    finally:
        with storage_errors():
            picture.unlink(missing_ok=True)
            sound.unlink(missing_ok=True)


def _compose_picture(
    views: Sequence[ComposedView],
    out: Path,
    *,
    duration: float,
    output: OutputSection,
    run: Run,
    reach: Callable[[float], None],
) -> None:
    with ExitStack() as stack:
        writer = stack.enter_context(
            VideoWriter(
                out,
                width=CANVAS[0],
                height=CANVAS[1],
                time_base=Fraction(1, COMPOSED_HZ),
                crf=output.crf,
                preset=output.preset,
            )
        )
        scene = _Scene(views, stack, run)
        ticks = max(1, int(duration * COMPOSED_HZ))
        written = -_STILL_EVERY
        for tick in range(ticks):
            run.check()
            changed = scene.advance(tick / COMPOSED_HZ)
            if changed or tick - written >= _STILL_EVERY or tick == ticks - 1:
                y, u, v = scene.canvas
                writer.write(VideoFrame(y, u, v, tick, Fraction(1, COMPOSED_HZ)))
                written = tick
            if not tick % COMPOSED_HZ:
                reach(tick / COMPOSED_HZ)


class _Scene:
    """The canvas, drawn anew only where something changed."""

    def __init__(self, views: Sequence[ComposedView], stack: ExitStack, run: Run) -> None:
        self.canvas: Planes = blank(*CANVAS)
        self._labels = [view.label for view in views]
        self._cameras = {view.label: _Film(view.camera, stack, run) for view in views if view.camera}
        self._screens = {view.label: _Film(view.screen, stack, run) for view in views if view.screen}
        self._tiles: dict[str, Box] = {}
        self._main: Box | None = None
        self._shared: str | None = None
        self._plain: set[str] = set()
        self._begun = False

    def advance(self, time: float) -> bool:
        """Draw what is to be seen at a time; tell whether anything changed."""
        changed = self._arrange(time)
        for label, film in self._screens.items():
            moved = film.advance(time)
            if label == self._shared and film.picture is not None and (moved or changed):
                changed = True
                self._show(film, self._main, label, screen=True)
        for label in self._labels:
            changed = self._tile(label, time) or changed
        return changed

    def _arrange(self, time: float) -> bool:
        sharing = [(film.track.began(time), label) for label, film in self._screens.items() if film.on(time)]
        shared = max(sharing)[1] if sharing else None
        if self._begun and shared == self._shared:
            return False
        self._begun, self._shared = True, shared
        self._tiles, self._main = arranged(self._labels, screen=shared is not None)
        self.canvas = blank(*CANVAS)
        self._plain.clear()
        for film in self._cameras.values():
            film.stale = True
        return True

    def _tile(self, label: str, time: float) -> bool:
        tile = self._tiles[label]
        film = self._cameras.get(label)
        moved = film.advance(time) if film is not None else False
        if film is None or not film.on(time) or film.picture is None:
            if label in self._plain:
                return False
            self._plain.add(label)
            self._clear(tile)
            draw_plain(self.canvas, tile, label)
            return True
        if not moved and not film.stale and label not in self._plain:
            return False
        if label in self._plain:
            self._clear(tile)
            self._plain.discard(label)
        film.stale = False
        self._show(film, tile, label, screen=False)
        return True

    def _show(self, film: _Film, where: Box | None, label: str, *, screen: bool) -> None:
        if film.picture is None or where is None:
            return
        parts = planes(film.picture)
        place = fitted(parts[0].shape[1], parts[0].shape[0], where)
        paste(parts, self.canvas, place)
        (draw_screen_label if screen else draw_label)(self.canvas, place, label)

    def _clear(self, tile: Box) -> None:
        empty = blank(tile.width, tile.height)
        paste(empty, self.canvas, tile)


class _Film:
    """One track, read along with the clock.

    Attributes:
        picture: what is shown now.
        stale: it must be drawn again though it did not move.
    """

    def __init__(self, track: ComposedTrack, stack: ExitStack, run: Run) -> None:
        self.track = track
        self.picture: AvVideoFrame | None = None
        self.stale = True
        self._frames = stack.enter_context(
            prefetched(_decoded(track.path), depth=_DEPTH, name="decode stored", run=run)
        )
        self._next: tuple[float, AvVideoFrame] | None = next(self._frames, None)

    def on(self, time: float) -> bool:
        """Tell whether something is stored at a time."""
        return self.track.shows(time)

    def advance(self, time: float) -> bool:
        """Go on to a time, to the frame nearest to it; tell whether there is another picture now."""
        moved = False
        until = time + 0.5 / COMPOSED_HZ
        while self._next is not None and self._next[0] <= until:
            self.picture = self._next[1]
            self._next = next(self._frames, None)
            moved = True
        return moved


def _decoded(path: Path) -> Iterator[tuple[float, AvVideoFrame]]:
    try:
        with reopen(path) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_type = ThreadType.NONE
            for frame in container.decode(stream):
                if frame.time is not None:
                    yield frame.time, frame
    except (av.error.FFmpegError, IndexError):
        raise InternalError("A stored track cannot be read back.") from None
