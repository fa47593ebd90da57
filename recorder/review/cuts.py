"""Where a time stands once stretches are cut out of a recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from redaction.audio.voice.mute import merged_spans
from redaction.model import Span

__all__ = ["Cuts"]

_LEAST_S: Final = 0.001


class Cuts:
    """Stretches that go, and how the rest moves together.

    Args:
        spans: what goes, in any order.
        duration: of the recording, in seconds.
    """

    def __init__(self, spans: Iterable[Span], *, duration: float) -> None:
        inside = (Span(min(span.start, duration), min(span.end, duration)) for span in spans)
        self.spans = tuple(span for span in merged_spans(inside) if span.duration > 0)
        self._kept = tuple(_between(self.spans, duration))
        self.duration = sum((span.duration for span in self._kept), 0.0) if self.spans else duration

    def __bool__(self) -> bool:
        return bool(self.spans)

    def holds(self, time: float) -> bool:
        """Tell whether a time is cut out."""
        return any(span.start <= time < span.end for span in self.spans)

    def moved(self, time: float) -> float:
        """Return where a time stands afterwards; one that is cut out stands where the cut is."""
        if not self.spans:
            return time
        return sum((max(0.0, min(time, span.end) - span.start) for span in self.kept()), 0.0)

    def moved_span(self, span: Span) -> Span | None:
        """Return what is left of a span; None when nothing is."""
        moved = Span(self.moved(span.start), max(self.moved(span.start), self.moved(span.end)))
        if span.duration > 0:
            return moved if moved.duration >= _LEAST_S else None
        return None if self.holds(span.start) else moved

    def kept(self) -> tuple[Span, ...]:
        """Return the stretches that stay, in times before the cut."""
        return self._kept


def _between(spans: Iterable[Span], duration: float) -> Iterator[Span]:
    """Yield what is left of a recording, sums of which never run backwards however they are rounded."""
    at = 0.0
    for span in spans:
        if span.start > at:
            yield Span(at, span.start)
        at = span.end
    if duration > at:
        yield Span(at, duration)
