"""Attack: can a bundle and its source be put together by anything but what is said and shown in them?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import av

from recorder.audit.outcome import AttackOutcome, AuditVerdict, Control, LookAt, judged, wilson
from recorder.audit.targets import Attacked, SourceRecording
from recorder.sources.recording import bundle_name
from redaction.errors import OffrecordError

__all__ = ["Membership"]

_ATTACKER: Final = "comparison of names, lengths, times and tags"
_SHORTEST: Final = 4
_CHUNK: Final = 1 << 20
_CLOSE_S: Final = 0.05
_SUFFIX: Final = ".offrecord"


@dataclass(slots=True)
class Membership:
    """Looks at every file of a bundle and at the lengths of all originals."""

    pairs: int = 0
    named: list[str] = field(default_factory=list)
    by_length: int = 0
    by_id: int = 0
    by_frames: int = 0
    control_found: int = 0

    def compare(self, attacked: Attacked) -> None:
        """Try to put a recording and its original together."""
        source = attacked.original
        if source is None or attacked.path is None:
            return
        self.pairs += 1
        marks = _marks(source)
        files = sorted(attacked.bundle.path.rglob("*")) if attacked.bundle is not None else [attacked.path]
        if any(_holds(path, marks) for path in files if path.is_file()):
            self.named.append(attacked.name)
        before = source.open().info()
        stored = attacked.open()
        after = stored.info() if stored is not None else before
        self.by_length += abs(before.duration - after.duration) <= _CLOSE_S
        rates = [[track.average_rate for track in info.video] for info in (before, after)]
        self.by_frames += bool(rates[0]) and rates[0] == rates[1]
        try:
            self.by_id += attacked.name.removesuffix(_SUFFIX) == bundle_name(*source.recording.read)
        except OffrecordError:
            return
        self.control_found += any(_holds_bytes(mark + b" and more", marks) for mark in marks) or not marks

    def outcomes(self, limits: dict[str, float]) -> list[AttackOutcome]:
        """Return the rows of the audit."""
        if not self.pairs:
            meaning = "No original was given, so there is nothing to put together."
            return [
                AttackOutcome(
                    "membership-names", _ATTACKER, "share of recordings", AuditVerdict.NOT_RUN, meaning
                )
            ]
        found = self.control_found / self.pairs
        control = Control("marks of a source, searched in themselves", found, found == 1)
        named = len(self.named)
        limit = limits["membership-names"]
        return [
            AttackOutcome(
                "membership-names",
                _ATTACKER,
                "share of recordings",
                judged(control, good=named / self.pairs <= limit),
                f"The files of {named} of {self.pairs} recordings hold their source's file name or a text of its tags.",
                named / self.pairs,
                wilson(named, self.pairs),
                self.pairs,
                None,
                limit,
                control,
                tuple(LookAt(name, None, "name or tag of the source") for name in self.named[:50]),
            ),
            AttackOutcome(
                "membership",
                _ATTACKER,
                "share of recordings",
                AuditVerdict.TOLD,
                "Whoever holds the source can put it and the bundle together: by the length, by the pictures a second, "
                "and by the bundle's name, which is made from the source's content on purpose. Content would do, too.",
                max(self.by_length, self.by_id) / self.pairs,
                wilson(max(self.by_length, self.by_id), self.pairs),
                self.pairs,
                facts={
                    "by length, to a twentieth of a second": self.by_length / self.pairs,
                    "by pictures a second": self.by_frames / self.pairs,
                    "by the bundle's name": self.by_id / self.pairs,
                },
            ),
        ]


def _marks(source: SourceRecording) -> list[bytes]:
    """Return what would name a source: its files' names without suffix, and the texts of its tags."""
    texts = {path.stem for path in source.recording.files}
    for path in source.recording.media:
        texts |= set(_tags(path))
    return [text.encode() for text in texts if len(text) >= _SHORTEST and not text.isdigit()]


def _tags(path: Path) -> Iterator[str]:
    plain = {"isom", "und", "mp42", "isomiso2avc1mp41", "vide", "soun", "videohandler", "soundhandler"}
    try:
        with av.open(str(path)) as container:
            named = [container.metadata, *(stream.metadata for stream in container.streams)]
            for tags in named:
                for key, value in tags.items():
                    told = key.lower() in {
                        "title",
                        "artist",
                        "author",
                        "comment",
                        "album",
                        "description",
                        "location",
                    }
                    if told and value.lower() not in plain:
                        yield value
    except (av.error.FFmpegError, OSError):
        return


def _holds(path: Path, marks: list[bytes]) -> bool:
    if not marks:
        return False
    reach = max(map(len, marks))
    tail = b""
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            if _holds_bytes(tail + chunk, marks):
                return True
            tail = chunk[-reach:]
    return False


def _holds_bytes(data: bytes, marks: list[bytes]) -> bool:
    """Tell whether a mark stands in bytes, not as part of a longer word."""
    for mark in marks:
        at = data.find(mark)
        while at >= 0:
            around = data[at - 1 : at] + data[at + len(mark) : at + len(mark) + 1]
            if not around.isalnum():
                return True
            at = data.find(mark, at + 1)
    return False
