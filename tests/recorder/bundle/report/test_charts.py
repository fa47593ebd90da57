"""Charts of the connections show the worst of each stretch, and a hole where nothing was measured."""

from __future__ import annotations

from recorder.bundle.quality import QualitySecond
from recorder.bundle.report.charts import CHART_HEIGHT, CHART_WIDTH, charts


def test_short_fault_in_a_long_call_is_drawn() -> None:
    """Of ten hours, one second of loss stands in the chart at its height and place."""
    seconds = [
        QualitySecond(time=float(n), packets=100, lost=300 if n == 18_000 else 0) for n in range(1, 36_000)
    ]
    (loss,) = [chart for chart in charts({"P01": seconds}, duration=36_000) if chart.name == "packet loss"]
    assert loss.worst == "75 %"
    points = [tuple(map(float, point.split(","))) for path in loss.lines[0].paths for point in path.split()]
    assert len(points) <= 501
    x, y = min(points, key=lambda point: point[1])
    assert abs(x - CHART_WIDTH / 2) < 3
    assert y < CHART_HEIGHT / 10


def test_lines_break_where_nothing_was_measured() -> None:
    """A hole in the figures is a hole in the line, and a single second is still to be seen."""
    seconds = [QualitySecond(time=float(n), packets=1, fps=20.0) for n in (1, 2, 3, 30, 31, 50)]
    (chart,) = [item for item in charts({"P01": seconds}, duration=60) if item.name == "pictures a second"]
    assert [len(path.split()) for path in chart.lines[0].paths] == [3, 2, 2]
    assert not [item for item in charts({"P01": seconds}, duration=60) if item.name == "jitter"]
