"""The composed picture: who stands where, what is seen when, and sound at its time."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.media.compose import ComposedTrack, ComposedView, compose
from recorder.media.encode import AudioWriter, VideoWriter
from recorder.media.file import FileSource
from recorder.media.grid import CANVAS, arranged
from recorder.media.mix import AudioPart, mixed, on_call_clock, write_track
from recorder.runtime.context import Cancellation, Run
from redaction.errors import Interrupted
from redaction.model import AudioBlock, Gap, Samples, Span, VideoFrame
from redaction.policy import OutputSection
from tests.recorder.live.staged import Draw, moving, planes_of, tone_at

BLUE, RED, GREEN = (40, 80, 160), (160, 60, 40), (20, 160, 90)
RATE = 24_000


def film(
    path: Path, draw: Draw, *, seconds: float, spans: tuple[Span, ...] = (), fps: int = 15
) -> ComposedTrack:
    """Store a picture track from call time 0."""
    height, width = draw(0).shape[:2]
    with VideoWriter(path, width=width, height=height, time_base=Fraction(1, fps)) as writer:
        for number in range(round(seconds * fps)):
            writer.write(VideoFrame(*planes_of(draw(number / fps)), number, Fraction(1, fps)))
    return ComposedTrack(path, spans or (Span(0, seconds),))


def sound(path: Path, samples: Samples) -> Path:
    """Store a sound track from call time 0."""
    with AudioWriter(path, sample_rate=RATE) as writer:
        writer.write(AudioBlock(samples, 0, RATE))
    return path


def composed(folder: Path, views: list[ComposedView], *, seconds: float) -> Path:
    """Compose a recording."""
    out = folder / "recording.mp4"
    compose(
        views,
        out,
        duration=seconds,
        output=OutputSection(preset="ultrafast"),
        run=Run(),
    )
    assert (
        sorted(item.name for item in folder.iterdir() if "composed" in item.name or "mixed" in item.name)
        == []
    )
    return out


def frames(path: Path) -> list[tuple[float, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]]:
    """Return times and pictures, uint8 (H, W, 3) RGB."""
    with av.open(str(path)) as container:
        return [
            (frame.time, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            for frame in container.decode(video=0)
        ]


def at(
    pictures: list[tuple[float, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]], time: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return what is seen at a time."""
    return [picture for when, picture in pictures if when <= time + 1e-6][-1]


def near(pixel: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], colour: tuple[int, int, int]) -> bool:
    """Tell whether a pixel has a colour, as well as a codec keeps it."""
    return bool(np.abs(pixel.astype(int) - np.array(colour)).max() < 40)


@given(count=st.integers(1, 60), screen=st.booleans())
@settings(max_examples=60, deadline=None)
def test_tiles_lie_apart_inside_the_canvas_on_even_pixels(count: int, screen: bool) -> None:
    """However many there are, nobody's tile overlaps another's or the screen, and every chroma sample is one's own."""
    tiles, main = arranged([f"P{n:02d}" for n in range(count)], screen=screen)
    places = [*tiles.values(), *([main] if main else [])]
    assert len(tiles) == count
    assert (main is not None) == screen
    for box in places:
        assert box.width > 1
        assert box.height > 1
        assert min(box.x1, box.y1) >= 0
        assert box.x2 <= CANVAS[0]
        assert box.y2 <= CANVAS[1]
        assert not any(edge % 2 for edge in (box.x1, box.y1, box.x2, box.y2))
    assert not any(a.intersection(b).area for a, b in combinations(places, 2))


@pytest.fixture(scope="module")
def pictures(
    tmp_path_factory: pytest.TempPathFactory,
) -> list[tuple[float, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]]:
    """Four seconds: P01's camera until 2, P02's camera, P02's screen from 1 to 3, P03 without any."""
    folder = tmp_path_factory.mktemp("composed")
    views = [
        ComposedView("P01", camera=film(folder / "1.mp4", moving(BLUE), seconds=4, spans=(Span(0, 2),))),
        ComposedView(
            "P02",
            camera=film(folder / "2.mp4", moving(RED), seconds=4),
            screen=film(folder / "s.mp4", moving(GREEN), seconds=4, spans=(Span(1, 3),)),
        ),
        ComposedView("P03"),
    ]
    return frames(composed(folder, views, seconds=4.0))


@pytest.mark.parametrize(
    ("time", "place", "colour"),
    [
        (0.5, (100, 300), BLUE),
        (0.5, (100, 900), RED),
        (1.5, (150, 400), GREEN),
        (1.5, (60, 1100), BLUE),
        (1.5, (300, 1100), RED),
        (2.5, (300, 1100), RED),
        (3.5, (100, 900), RED),
    ],
)
def test_everybody_stands_in_their_tile(
    pictures: list[tuple[float, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]],
    time: float,
    place: tuple[int, int],
    colour: tuple[int, int, int],
) -> None:
    """Cameras stand in the grid, and beside a shared screen while there is one."""
    assert near(at(pictures, time)[place], colour)


@pytest.mark.parametrize(
    ("time", "tile"), [(0.5, (slice(364, 716), slice(330, 950))), (3.5, (slice(4, 356), slice(4, 636)))]
)
def test_who_has_no_picture_has_a_plain_tile_with_their_number(
    pictures: list[tuple[float, np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]],
    time: float,
    tile: tuple[slice, slice],
) -> None:
    """Nothing of the last picture is left in a tile whose camera ended, only the label."""
    part = at(pictures, time)[tile].astype(int)
    assert np.ptp(part, axis=2).max() < 12
    assert part.max() > 180
    assert np.median(part) < 60


def test_recording_is_as_long_as_the_call_and_begins_at_its_start(tmp_path: Path) -> None:
    """Picture and sound go from 0 to the end, also where nobody shows or says anything."""
    out = composed(tmp_path, [ComposedView("P01")], seconds=3.0)
    times = [time for time, _ in frames(out)]
    assert times[0] == 0
    assert times[-1] == pytest.approx(3.0, abs=0.05)
    info = FileSource(out).info()
    assert info.duration == pytest.approx(3.0, abs=0.06)
    assert len(info.audio) == 1


@pytest.mark.slow
def test_flash_and_beep_stay_together(tmp_path: Path) -> None:
    """Five moments of picture and sound are within 60 ms of each other."""
    for moment in (0.4, 1.3, 2.6):
        folder = tmp_path / str(moment)
        folder.mkdir()
        view = ComposedView(
            "P01",
            camera=film(folder / "1.mp4", moving(BLUE, flash=moment), seconds=3.5, fps=30),
            microphone=sound(folder / "1.m4a", tone_at(3.5, beep=moment)),
        )
        out = composed(folder, [view], seconds=3.5)
        flash = next(time for time, picture in frames(out) if picture[300:400, 600:700].mean() > 200)
        source = FileSource(out)
        samples = np.concatenate(
            [item.samples for item in source.audio("A1", RATE) if isinstance(item, AudioBlock)]
        )
        beep = float(np.argmax(np.abs(samples) > 0.1)) / RATE
        assert abs(flash - moment) < 0.06
        assert abs(flash - beep) < 0.06


def test_composition_can_be_stopped(tmp_path: Path) -> None:
    """A wish to stop ends it, and nothing half is left."""
    stopped = Cancellation()
    stopped.cancel()
    with pytest.raises(Interrupted):
        compose(
            [ComposedView("P01")],
            tmp_path / "recording.mp4",
            duration=60,
            output=OutputSection(),
            run=Run(cancellation=stopped),
        )
    assert list(tmp_path.iterdir()) == []


def test_pieces_of_sound_stand_at_their_times(tmp_path: Path) -> None:
    """Each piece is heard from its call time on, silence in between, the earlier where two overlap."""
    first = sound(tmp_path / "1.m4a", np.full(RATE, 0.25, np.float32))
    second = sound(tmp_path / "2.m4a", np.full(RATE, -0.25, np.float32))
    parts = [AudioPart(second, 1.5), AudioPart(first, 1.0), AudioPart(first, 4.0)]
    blocks = list(on_call_clock(parts, duration=6.0))
    joined = np.concatenate([block.samples for block in blocks])
    assert len(joined) == 6 * 48_000
    assert [block.start for block in blocks[1:]] == list(
        np.cumsum([len(block.samples) for block in blocks[:-1]])
    )
    level = {
        time: float(np.mean(joined[round(time * 48_000) - 200 : round(time * 48_000) + 200]))
        for time in (0.5, 1.25, 1.75, 2.2, 3.0, 4.5)
    }
    assert [round(value, 1) for value in level.values()] == pytest.approx(
        [0.0, 0.2, 0.2, -0.2, 0.0, 0.2], abs=0.11
    )
    assert level[1.75] > 0.1 > -0.1 > level[2.2]


def test_muted_stretches_are_exactly_silent(tmp_path: Path) -> None:
    """What must not be heard is not in the stored track, and what surrounds it is."""
    part = AudioPart(sound(tmp_path / "1.m4a", tone_at(3.0, beep=1.0) + tone_at(3.0, beep=2.0)), 0.5)
    out = tmp_path / "track.m4a"
    write_track([part], out, duration=4.0, silent=[Span(1.4, 1.7)], run=Run())
    source = FileSource(out)
    samples = np.concatenate([item.samples for item in source.audio("A1", RATE) if not isinstance(item, Gap)])
    assert np.abs(samples[round(1.42 * RATE) : round(1.68 * RATE)]).max() < 1e-3
    assert np.abs(samples[round(2.5 * RATE) : round(2.6 * RATE)]).max() > 0.2


def test_many_voices_together_do_not_clip(tmp_path: Path) -> None:
    """The sum of loud voices stays below 1, and one voice alone passes unchanged."""
    loud = sound(tmp_path / "1.m4a", (0.6 * np.sin(np.arange(RATE) * 0.1)).astype(np.float32))
    alone = np.concatenate([block.samples for block in mixed([loud], duration=1.0)])
    together = np.concatenate([block.samples for block in mixed([loud] * 5, duration=1.0)])
    assert np.abs(together).max() < 1
    given = np.concatenate([block.samples for block in on_call_clock([AudioPart(loud, 0)], duration=1.0)])
    assert np.allclose(alone, given)
