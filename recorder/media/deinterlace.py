"""Make progressive pictures of interlaced ones, one for one."""

from __future__ import annotations

from fractions import Fraction

import av.error
from av.filter import Graph
from av.video.frame import VideoFrame as AvVideoFrame

__all__ = ["Deinterlacer"]


class Deinterlacer:
    """Runs the `bwdif` filter at the pictures' own rate; pictures not marked interlaced pass unchanged.

    It gives each picture back one later, so a reader keeps the picture's time by itself.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._key: tuple[int, int, str] | None = None
        self.held = 0

    def push(self, picture: AvVideoFrame) -> list[AvVideoFrame]:
        """Take a picture, and return those that are done, in order."""
        key = (picture.width, picture.height, picture.format.name)
        done = self.flush() if self._graph is not None and key != self._key else []
        if self._graph is None:
            self._graph = _graph(picture)
            self._key = key
        picture.pts = picture.pts or 0
        picture.time_base = Fraction(1, 1000)
        self._graph.push(picture)
        self.held += 1
        return done + self._pull(self._graph)

    def flush(self) -> list[AvVideoFrame]:
        """Return what is held, and forget the pictures before."""
        if self._graph is None:
            return []
        graph, self._graph = self._graph, None
        graph.push(None)
        return self._pull(graph)

    def _pull(self, graph: Graph) -> list[AvVideoFrame]:
        done: list[AvVideoFrame] = []
        while True:
            try:
                picture = graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return done
            if isinstance(picture, AvVideoFrame):
                self.held -= 1
                done.append(picture)


def _graph(picture: AvVideoFrame) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1, 1000)
    )
    graph.link_nodes(
        source,
        graph.add("bwdif", mode="send_frame", parity="auto", deint="interlaced"),
        graph.add("buffersink"),
    )
    graph.configure()
    return graph
