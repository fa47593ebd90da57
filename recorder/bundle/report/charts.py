"""Quality over time as lines for inline SVG: one chart a figure, one line a participant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from recorder.bundle.quality import QualitySecond

__all__ = ["CHART_HEIGHT", "CHART_WIDTH", "Chart", "ChartLine", "charts"]

CHART_WIDTH: Final = 1000
CHART_HEIGHT: Final = 90
_MOST_POINTS: Final = 500
_LONGEST_STEP_S: Final = 4.0
_COLOURS: Final = 8

Figure = Callable[[QualitySecond], float | None]
Worst = Callable[[Sequence[float]], float]


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One participant's line.

    Attributes:
        colour: 0 to 7; a class of the page.
        paths: points `x,y` of every stretch without a hole, in chart units.
    """

    label: str
    colour: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """One figure over time.

    Attributes:
        top: value at the upper edge, as text with its unit; the lower edge is 0.
        worst: the worst value of all lines, as text.
    """

    name: str
    top: str
    worst: str
    lines: tuple[ChartLine, ...]


def charts(people: Mapping[str, Sequence[QualitySecond]], *, duration: float) -> tuple[Chart, ...]:
    """Return a chart of each figure that any connection told."""
    found = (
        _chart(name, unit, figure, worst, least_top, people, duration)
        for name, unit, figure, worst, least_top in _FIGURES
    )
    return tuple(chart for chart in found if chart is not None)


def _loss(second: QualitySecond) -> float | None:
    expected = second.packets + second.lost
    return 100 * second.lost / expected if expected else None


_FIGURES: Final[tuple[tuple[str, str, Figure, Worst, float], ...]] = (
    ("packet loss", "%", _loss, max, 2),
    ("jitter", "ms", lambda second: second.jitter_ms, max, 20),
    ("round trip", "ms", lambda second: second.round_trip_ms, max, 50),
    ("bitrate", "kbit/s", lambda second: second.bitrate_kbps, min, 100),
    ("picture height", "px", lambda second: second.height, min, 240),
    ("pictures a second", "/s", lambda second: second.fps, min, 15),
    ("freezes", "", lambda second: float(second.freezes), max, 2),
    ("concealed sound", "ms", lambda second: second.concealed_ms, max, 100),
)


def _chart(
    name: str,
    unit: str,
    figure: Figure,
    worst: Worst,
    least_top: float,
    people: Mapping[str, Sequence[QualitySecond]],
    duration: float,
) -> Chart | None:
    values = {
        label: [(row.time, value) for row in rows if (value := figure(row)) is not None]
        for label, rows in people.items()
    }
    every = [value for points in values.values() for _, value in points]
    if not every:
        return None
    top = max(least_top, *every)
    return Chart(
        name=name,
        top=_text(top, unit),
        worst=_text(worst(every), unit),
        lines=tuple(
            ChartLine(label, number % _COLOURS, _paths(_thinned(points, worst, duration), top, duration))
            for number, (label, points) in enumerate(values.items())
            if points
        ),
    )


def _thinned(
    points: Sequence[tuple[float, float]], worst: Worst, duration: float
) -> list[tuple[float, float]]:
    """Keep the worst of each small stretch, so that a short fault in a long call stays visible."""
    step = max(duration / _MOST_POINTS, 1e-3)
    buckets: dict[int, list[tuple[float, float]]] = {}
    for time, value in points:
        buckets.setdefault(int(time / step), []).append((time, value))
    return [(bucket[-1][0], worst([value for _, value in bucket])) for _, bucket in sorted(buckets.items())]


def _paths(points: Sequence[tuple[float, float]], top: float, duration: float) -> tuple[str, ...]:
    limit = max(_LONGEST_STEP_S, 3 * duration / _MOST_POINTS)
    paths: list[list[str]] = []
    before: float | None = None
    for time, value in points:
        if before is None or time - before > limit:
            paths.append([])
        before = time
        x = CHART_WIDTH * min(1.0, time / max(duration, 1e-3))
        y = CHART_HEIGHT - 2 - (CHART_HEIGHT - 6) * min(1.0, max(0.0, value / top))
        paths[-1].append(f"{x:.1f},{y:.1f}")
    return tuple(" ".join(path if len(path) > 1 else path * 2) for path in paths)


def _text(value: float, unit: str) -> str:
    figure = f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
    return f"{figure} {unit}".strip()
