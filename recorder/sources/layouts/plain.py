"""A plain recording with what lies beside it: captions, chat, notes and lists of people."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from recorder.sources.file_names import why_not_readable
from recorder.sources.recording import Recording
from recorder.sources.sidecars.bounded_read import read_text
from redaction.errors import UnreadableInput

__all__ = ["plain_recording", "plain_recordings"]

_SIDECARS: Final = frozenset({".csv", ".sbv", ".srt", ".txt", ".vtt"})
_TELLING: Final = re.compile(
    r"(attend|caption|chat|participant|people|roster|subtitle|transcript)|\.(sbv|vtt|srt)$", re.IGNORECASE
)
_PEOPLE: Final = re.compile(r"attend|participant|people|roster|names", re.IGNORECASE)
_MESSAGE: Final = re.compile(r"\s*\[?(\d{4}-\d{2}-\d{2}[ T])?\d{1,3}:\d{2}:\d{2}\]?\s.{1,300}:", re.DOTALL)
_LOOK: Final = 2_000


def plain_recordings(media: Sequence[Path], files: Sequence[Path]) -> list[Recording]:
    """Return a recording for each media file of one folder.

    Args:
        media: the media files.
        files: all files of the folder. What has a media file's stem goes with it; a media file that is alone takes
            whatever is called a chat, captions, a roster or the like.
    """
    beside = [path for path in files if path.suffix.lower() in _SIDECARS]
    if len(media) != 1:
        sidecars, others = _ByName(beside), _ByName(media)
        return [plain_recording(path, sidecars.after(path), others=others.after(path)) for path in media]
    return [plain_recording(media[0], beside, more=[path for path in beside if _TELLING.search(path.name)])]


class _ByName:
    """Files of one folder in order of their names, so that thousands are not compared with thousands."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = sorted(paths, key=lambda path: path.name)
        self._names = [path.name for path in self._paths]

    def after(self, path: Path) -> list[Path]:
        """Return those whose names begin with a file's stem and a dot."""
        prefix = f"{path.stem}."
        found: list[Path] = []
        for place in range(bisect_left(self._names, prefix), len(self._names)):
            if not self._names[place].startswith(prefix):
                break
            found.append(self._paths[place])
        return found


def plain_recording(
    path: Path, beside: Iterable[Path], *, others: Sequence[Path] = (), more: Sequence[Path] = ()
) -> Recording:
    """Return the recording of one media file with the sidecars of its stem, such as `call.vtt` and `call.en.vtt`.

    Args:
        path: the media file.
        beside: files of its folder.
        others: media files of its folder; what has a longer stem of theirs is theirs.
        more: files that go with it whatever their stem.
    """
    own = [
        one
        for one in beside
        if one.suffix.lower() in _SIDECARS and one.name.startswith(f"{path.stem}.") and one != path
    ]
    if own:
        longer = [f"{other.stem}." for other in others if len(other.stem) > len(path.stem)]
        own = [one for one in own if not one.name.startswith(tuple(longer))]
    roles: dict[str, list[Path]] = {"chats": [], "captions": [], "people": [], "notes": []}
    problem = why_not_readable(path)
    for one in dict.fromkeys((*own, *more)):
        try:
            roles[_role(one)].append(one)
        except UnreadableInput as error:
            problem = error.sentence
    return Recording(
        "plain",
        views=(path,),
        chats=tuple(roles["chats"]),
        captions=tuple(roles["captions"]),
        people=tuple(roles["people"]),
        notes=tuple(roles["notes"]),
        problem=problem,
    )


def _role(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in (".vtt", ".srt"):
        return "captions"
    if suffix == ".sbv":  # Google Meet saves its chat so
        return "chats"
    if suffix == ".csv":
        return "people"
    start = read_text(path, what="text")[:_LOOK].lstrip()
    if _MESSAGE.match(start.partition("\n")[0]):
        return "chats"
    if "-->" in start:
        return "captions"
    return "people" if _PEOPLE.search(path.name) else "notes"
