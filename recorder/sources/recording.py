"""One recording as it lies on a disk: its media, and what lies beside them."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from recorder.media.file import FileSource
from recorder.media.source import Source
from recorder.media.stream import Input, open_stream
from recorder.sources.multitrack import MultitrackSource
from recorder.sources.sidecars.bounded_read import people_in, read_csv, read_json, read_text, read_xml
from recorder.sources.sidecars.captions import parse_captions, parse_zoom_captions
from recorder.sources.sidecars.chat import SidecarMessage, parse_chat, parse_popcorn, place_on_call_clock
from recorder.sources.sidecars.declared_ages import DeclaredAges, read_ages
from redaction.errors import UnreadableInput
from redaction.text.person_names import roster_of
from redaction.text.sidecars import Caption, ChatLine, Sidecars

__all__ = ["Listing", "Opened", "Recording", "bundle_name", "open_source", "refuse_unknown"]

_NAME_DIGITS: Final = 32  # 128 bits
_CHUNK: Final = 1 << 20

_MOST_FILES: Final = 10_000
_DEEPEST: Final = 6
_SKIPPED: Final = frozenset({"desktop.ini", "thumbs.db"})


@dataclass(frozen=True, slots=True)
class Opened:
    """A recording that can be read."""

    source: MultitrackSource
    beside: Sidecars


@dataclass(frozen=True, slots=True)
class Recording:
    """Which file of a recording is what.

    Attributes:
        layout: `plain`, `zoom`, `zoom-cloud`, `jibri` or `bigbluebutton`; `folder` where it cannot be told.
        views: pictures, the main one first.
        mix: files with everybody's sound; read where there is no sound of each participant.
        voices: files with one participant's sound.
        names: of people, from names of files and folders.
        voice_names: whose each of `voices` is, in their order; empty where the file's name does not tell.
        chats: texts with messages.
        captions: texts with what was said.
        people: lists of people: JSON, CSV or one to a line.
        notes: other texts that are searched for names.
        popcorn: BigBlueButton's list of events, with the chat.
        companions: other files of the recording that are not read.
        strangers: number of files in its folder that do not belong to it.
        starts: seconds on the chat's clock at the start of the recording; None where nothing tells.
        joined: the views, or where there are none the mixes, were recorded one after the other, in this order.
        problem: why it cannot be read, empty where it can.
    """

    layout: str
    views: tuple[Path, ...] = field(default=(), repr=False)
    mix: tuple[Path, ...] = field(default=(), repr=False)
    voices: tuple[Path, ...] = field(default=(), repr=False)
    names: tuple[str, ...] = field(default=(), repr=False)
    voice_names: tuple[str, ...] = field(default=(), repr=False)
    chats: tuple[Path, ...] = field(default=(), repr=False)
    captions: tuple[Path, ...] = field(default=(), repr=False)
    people: tuple[Path, ...] = field(default=(), repr=False)
    notes: tuple[Path, ...] = field(default=(), repr=False)
    popcorn: Path | None = field(default=None, repr=False)
    companions: tuple[Path, ...] = field(default=(), repr=False)
    strangers: int = 0
    starts: float | None = None
    joined: bool = False
    problem: str = ""

    @property
    def media(self) -> tuple[Path, ...]:
        """Every media file of the recording."""
        return (*self.views, *self.mix, *self.voices)

    @property
    def read(self) -> tuple[Path, ...]:
        """The files that are read, which the bundle's name is made of."""
        return tuple(path for path in self.files if path not in self.companions)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file of the recording, media first."""
        beside = (*self.chats, *self.captions, *self.people, *self.notes)
        popcorn = () if self.popcorn is None else (self.popcorn,)
        return tuple(dict.fromkeys((*self.media, *beside, *popcorn, *self.companions)))

    def check(self) -> None:
        """Raise what is known to be wrong.

        Raises:
            UnreadableInput: the folder lacks something, or a file of it is a link.
        """
        if self.problem:
            raise UnreadableInput(self.problem)
        if self.layout == "plain":
            return
        for path in self.files:
            if not _is_plain_file(path):
                raise UnreadableInput(
                    "A file in the folder of a recording is a link, a pipe or a device, or is gone; "
                    "put the file itself there."
                )

    def open(self) -> Opened:
        """Read what lies beside the media, and make a source of the media.

        Raises:
            UnreadableInput: something cannot be read or understood.
        """
        self.check()
        ages = read_ages(path for path in self.people if path.suffix.lower() == ".csv")
        names = [*self.voice_names, *[""] * (len(self.voices) - len(self.voice_names))]
        kept = [at for at, name in enumerate(names[: len(self.voices)]) if not ages.is_minor(name)]
        if self.voices and not kept:
            raise UnreadableInput(
                "Every voice of this recording is a declared minor's; nothing of it is kept."
            )
        source = self._source([self.voices[at] for at in kept])
        duration = source.info().duration
        named = dict(zip(source.voice_tracks, [names[at] for at in kept], strict=False))
        return Opened(source, self._beside(duration, named, ages))

    def _source(self, voices: Sequence[Path]) -> MultitrackSource:
        if not self.joined:
            return MultitrackSource(self.views, mix=self.mix, voices=voices)
        return MultitrackSource([self.views]) if self.views else MultitrackSource([], mix=[self.mix])

    def _beside(self, duration: float, voices: dict[str, str], ages: DeclaredAges) -> Sidecars:
        messages = [message for path in self.chats for message in parse_chat(read_text(path, what="chat"))]
        chat = list(place_on_call_clock(messages, starts=self._starts(messages, duration)))
        names = [*self.names, *self.voice_names]
        if self.popcorn is not None:
            events = parse_popcorn(read_xml(self.popcorn, what="list of events"))
            chat += place_on_call_clock(events, starts=0.0)
            messages += events
        captions: list[Caption] = []
        for path in self.captions:
            captions += self._captions(path)
        context: list[str] = []
        for path in self.people:
            names += self._people(path, context)
        notes = [read_text(path, what="text") for path in self.notes]
        context += [line for text in notes for line in text.split("\n") if line.strip()]
        names += [caption.speaker for caption in captions if caption.speaker]
        names += [name for message in messages for name in (message.sender, *message.others)]
        return Sidecars(
            names=roster_of(dict.fromkeys(names)),
            chat=tuple(line for line in _in_order(chat) if not ages.is_minor(line.sender)),
            captions=tuple(one for one in captions if not ages.is_minor(one.speaker)),
            context=tuple(context),
            voices={track: name for track, name in voices.items() if name},
            everybody_adult=ages.everybody_adult,
            minors_left_out=len(self.voices) - len(voices) if ages.minors else 0,
            declares_minors=bool(ages.minors),
        )

    def _starts(self, messages: Sequence[SidecarMessage], duration: float) -> float | None:
        if self.starts is not None or self.layout == "zoom":
            return self.starts
        last = max((message.clock for message in messages), default=0.0)
        return 0.0 if last <= duration + 60 else None

    def _captions(self, path: Path) -> list[Caption]:
        text = read_text(path, what="captions")
        if self.layout in ("zoom", "zoom-cloud"):
            return parse_zoom_captions(text)
        return parse_captions(text)

    def _people(self, path: Path, context: list[str]) -> list[str]:
        suffix = path.suffix.lower()
        if suffix == ".csv":
            return read_csv(path)
        if suffix == ".json":
            return list(people_in(read_json(path, what="metadata")))
        if suffix == ".xml":
            found: list[str] = []
            for item in read_xml(path, what="metadata").iter():
                tag = item.tag.rpartition("}")[2].casefold()
                values = [*item.attrib.values(), item.text or ""]
                context += [value for value in values if any(map(str.isalpha, value))]
                if tag.endswith(("owner", "email", "fullname", "username", "presenter", "creator")):
                    found.append((item.text or "").strip())
            return found
        return [line.strip() for line in read_text(path, what="list of people").split("\n") if line.strip()]


def _in_order(chat: list[ChatLine]) -> list[ChatLine]:
    if any(line.time is None for line in chat):
        return chat
    return sorted(chat, key=lambda line: line.time or 0.0)


def _is_plain_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


class Listing:
    """The names of the files of a folder and, where asked for, below it; nothing is opened and no link is followed.

    Attributes:
        folder: the folder.
        here: paths of the files in it, but hidden ones.
        folders: paths of the folders in it, as `here`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folders: list[Path] = []
        here: list[Path] = []
        for entry in _scanned(folder):
            (self.folders if entry.is_dir(follow_symlinks=False) else here).append(Path(entry.path))
        self.here: tuple[Path, ...] = tuple(here)

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The files in the folder and below it.

        Raises:
            UnreadableInput: a folder cannot be read, or there are too many files for one recording.
        """
        found = list(self.here)
        folders = [(folder, 1) for folder in self.folders]
        while folders:
            folder, depth = folders.pop(0)
            for entry in _scanned(folder):
                if entry.is_dir(follow_symlinks=False):
                    folders.append((Path(entry.path), depth + 1))
                else:
                    found.append(Path(entry.path))
            if len(found) > _MOST_FILES or depth > _DEEPEST:
                raise UnreadableInput("The folder of a recording holds too many files to be one.")
        return tuple(found)

    def below(self, name: str) -> tuple[Path, ...]:
        """Return the files in the folder of that name, case aside."""
        return tuple(
            Path(entry.path)
            for folder in self.folders
            if folder.name.casefold() == name.casefold()
            for entry in _scanned(folder)
            if not entry.is_dir(follow_symlinks=False)
        )


def _scanned(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        raise UnreadableInput(
            "A folder among the inputs cannot be read; check that you may read it."
        ) from None
    return [
        entry
        for entry in found
        if not (entry.name.startswith(".") or ".offrecord" in entry.name or entry.name.casefold() in _SKIPPED)
    ]


def open_source(untrusted: Input) -> FileSource:
    """Open a recording and look at its tracks.

    Raises:
        UnreadableInput: it is no recording, or a track of it cannot be decoded.
        StorageFailed: its store failed.
    """
    source = FileSource(untrusted)
    refuse_unknown(source)
    return source


def refuse_unknown(source: Source) -> None:
    """Raise where a recording has a track that no decoder here can read.

    Raises:
        UnreadableInput: there is one, or nothing can be read at all.
    """
    if left_out := source.info().left_out:
        raise UnreadableInput(
            f"{left_out} track(s) of the input cannot be decoded, so what is in them is unknown; "
            "convert the recording to MP4 with H.264 and AAC first."
        )


def bundle_name(*untrusted: Input) -> str:
    """Derive a bundle's name from the content of all files of the source, so that no file name goes anywhere.

    Of the sha256 128 bits stand in the name: two sources of one name cannot be made, so a bundle of that name is of
    that source, and nothing else has to be stored to know it.

    Raises:
        UnreadableInput: a file cannot be read.
        StorageFailed: its store failed.
    """
    if len(untrusted) != 1:
        names = sorted(bundle_name(part) for part in untrusted)
        return f"recording-{hashlib.sha256(' '.join(names).encode()).hexdigest()[:_NAME_DIGITS]}"
    return _name_of(untrusted[0])


def _name_of(untrusted: Input) -> str:
    digest = hashlib.sha256(b"offrecord bundle name")
    if isinstance(untrusted, Path):
        _digest_path(untrusted, digest)
    else:
        handle, latched = open_stream(untrusted)
        with closing(handle):
            while chunk := latched.read(_CHUNK):
                digest.update(chunk)
            latched.check()
    return f"recording-{digest.hexdigest()[:_NAME_DIGITS]}"


def _digest_path(path: Path, digest: hashlib._Hash) -> None:
    if not path.is_file():
        raise UnreadableInput("The input is not a file; name a recording or a folder of recordings.")
    try:
        with path.open("rb") as data:
            while chunk := data.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        raise UnreadableInput(
            "The input cannot be read; check that it exists and that you may read it."
        ) from None
