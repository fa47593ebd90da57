"""Recordings of Zoom: the folder that the client leaves, and the files that its cloud hands out.

Source: Zoom support, KB0064394 (file formats): `video[number].mp4`, `audio[number].m4a`, `playback[number].m3u`,
`chat.txt`, and `audio[Name][number].m4a` for each participant; older clients write `zoom_0.mp4` and `audio_only.m4a`.
The cloud's files begin with `GMT`, date and time; what follows names the view or the kind of text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Final

from recorder.sources.file_names import MEDIA_SUFFIXES, why_not_readable
from recorder.sources.recording import Listing, Recording
from redaction.text.person_names import from_file_name

__all__ = ["cloud_recordings", "local_recording"]

_EXPECTED: Final = (
    "A Zoom folder must hold one recording: zoom_0.mp4 or video*.mp4, or audio_only.m4a, or the participants' "
    "sound in 'Audio Record'."
)
_PARTS: Final = (
    "A Zoom folder holds several parts of a call, and their names do not tell their order, or one is missing; "
    "put each part into a folder of its own."
)
_PART: Final = re.compile(
    r"(?:zoom_(\d{1,3})|video_?(\d*)).{0,60}\.mp4|(?:audio_only(?:_(\d{1,3}))?|audio(\d{5,})|zoom_(\d{1,3}))\.m4a",
    re.IGNORECASE,
)
_COUNTED: Final = 3
_SURE: Final = re.compile(
    r"zoom_\d{1,3}\.(mp4|m4a)|audio_only(_\d{1,3})?\.m4a|double_click_to_convert.{0,40}\.zoom"
    r"|meeting_saved_closed_caption\.txt|closed_caption\.(txt|vtt)",
    re.IGNORECASE,
)
_LIKELY: Final = (
    re.compile(r"video\d{5,}\.mp4", re.IGNORECASE),
    re.compile(r"audio\d{5,}\.m4a", re.IGNORECASE),
    re.compile(r"(meeting_saved_)?chat\.txt", re.IGNORECASE),
    re.compile(r"playback.{0,30}\.m3u", re.IGNORECASE),
    re.compile(r"recording\.conf", re.IGNORECASE),
)
_VIEW: Final = re.compile(r"(?:zoom_(\d{1,3})|video_?(\d*)).{0,60}\.mp4", re.IGNORECASE)
_MIX: Final = re.compile(r"(audio_only(_\d{1,3})?|audio\d{5,}|zoom_\d{1,3})\.m4a", re.IGNORECASE)
_VOICE: Final = re.compile(r"audio(?P<name>.{1,150}?)\d{4,}\.m4a", re.IGNORECASE)
_CHAT: Final = re.compile(r".{0,60}chat.{0,20}\.txt|.{0,80}\.chat", re.IGNORECASE)
_CAPTION: Final = re.compile(
    r".{0,80}(caption|transcript).{0,20}\.(txt|vtt)|.{0,80}\.(vtt|srt)", re.IGNORECASE
)
_COMPANION: Final = re.compile(r".{0,80}\.(m3u|conf|tmp|log)", re.IGNORECASE)
_FOLDER: Final = re.compile(r"\d{4}-\d{2}-\d{2} (\d{2})\.(\d{2})\.(\d{2}) (.{1,200})")
_OWNER: Final = re.compile(r"(.{1,100}?)['’]s?\s(?:Zoom|Personal|Meeting)", re.IGNORECASE)
_CLOUD: Final = re.compile(r"(GMT\d{8}-\d{6})(?:_|\.|$)(.{0,200})", re.IGNORECASE)
_CLOUD_VOICE: Final = re.compile(r".{0,60}audio(?P<name>[^\d_].{0,150}?)_?\d{4,}\.m4a", re.IGNORECASE)

# The fullest view stands first. Source: Zoom API, `recording_type`.
_RANK: Final = (
    ("shared_screen_with_gallery", "gallery_shared", "gs_"),
    ("shared_screen_with_speaker", "as_"),
    ("gallery", "gvo_"),
    ("active_speaker", "speaker", "avo_"),
    ("shared_screen", "separate"),
)


def local_recording(listing: Listing) -> Recording | None:
    """Return the recording that Zoom's client left in a folder, None where it is no such folder."""
    here = listing.here
    names = [path.name for path in here]
    spoken = listing.below("Audio Record")
    likely = sum(any(pattern.fullmatch(name) for name in names) for pattern in _LIKELY)
    if not (spoken or any(map(_SURE.fullmatch, names)) or likely > 1):
        return None
    if any(name.lower().endswith(".zoom") for name in names):
        return Recording(
            "zoom",
            problem=why_not_readable(PurePath("double_click_to_convert.zoom")),
        )
    views = [path for path in here if _VIEW.fullmatch(path.name)]
    mix = [path for path in here if _MIX.fullmatch(path.name)]
    voices = [path for path in spoken if path.suffix.lower() == ".m4a"]
    voices += [path for path in here if path not in mix and _VOICE.fullmatch(path.name)]
    chats = [path for path in listing.files if _CHAT.fullmatch(path.name) and path not in voices]
    captions = [path for path in here if path not in chats and _CAPTION.fullmatch(path.name)]
    companions = [path for path in here if path not in captions and _COMPANION.fullmatch(path.name)]
    known = {*views, *mix, *voices, *chats, *captions, *companions}
    strangers = [path for path in listing.files if path not in known]
    order = _order(views) or ([] if views else _order(mix))
    problem = _problem(views, mix, voices, strangers)
    parts = len(order) or 1
    if not problem and (len(_numbers(views)) > parts or len(_numbers(mix)) > parts):
        problem = _PARTS
    folder = _FOLDER.fullmatch(listing.folder.name)
    starts = None
    people: list[str] = []
    if folder is not None:
        hours, minutes, seconds, title = folder.groups()
        starts = float(int(hours) * 3600 + int(minutes) * 60 + int(seconds))
        owner = _OWNER.match(title)
        people = [owner.group(1)] if owner else []
    if order:
        # Nothing tells which part a participant's file belongs to; the parts hold everybody's sound.
        people += [name for name in map(_voice_name, voices) if name]
        return Recording(
            "zoom",
            views=tuple(order) if views else (),
            mix=() if views else tuple(order),
            names=tuple(people),
            chats=tuple(chats),
            captions=tuple(captions),
            companions=(*companions, *voices, *(mix if views else ())),
            strangers=len(strangers),
            joined=True,
            problem=problem,
        )
    return Recording(
        "zoom",
        views=tuple(views),
        mix=tuple(mix),
        voices=tuple(voices),
        voice_names=tuple(_voice_name(path) for path in voices),
        names=tuple(people),
        chats=tuple(chats),
        captions=tuple(captions),
        companions=tuple(companions),
        strangers=len(strangers),
        starts=starts,
        problem=problem,
    )


def _problem(
    views: Sequence[Path], mix: Sequence[Path], voices: Sequence[Path], strangers: Sequence[Path]
) -> str:
    if not (views or mix or voices):
        return f"A folder looks like a recording of Zoom and has no media. {_EXPECTED}"
    if any(path.suffix.lower() in MEDIA_SUFFIXES for path in strangers):
        return f"A folder of a Zoom recording holds media of another kind. {_EXPECTED}"
    return ""


def _number(path: Path) -> str:
    """Return the number by which a part of a call is told from the others, empty where the name has none."""
    found = _PART.fullmatch(path.name)
    return next((number for number in found.groups() if number), "") if found else ""


def _numbers(paths: Sequence[Path]) -> set[str]:
    return {_number(path) for path in paths} - {""}


def _order(paths: Sequence[Path]) -> list[Path]:
    """Return the parts of a call in their order, none where there is one part or the names do not tell.

    Parts are counted, `zoom_0.mp4` and `zoom_1.mp4`, or are numbers alike in length that rise, `video1...` and
    `video2...`, and each is one file.
    """
    numbers = [_number(path) or "0" for path in paths]
    counted = all(len(number) <= _COUNTED for number in numbers)
    if len(paths) < 2 or len(set(map(int, numbers))) < len(paths):
        return []
    if not counted and len(set(map(len, numbers))) > 1:
        return []
    order = sorted(zip(map(int, numbers), paths, strict=True))
    whole = [number for number, _ in order] == list(range(order[0][0], order[0][0] + len(order)))
    return [path for _, path in order] if (whole and order[0][0] <= 1) or not counted else []


def _voice_name(path: Path) -> str:
    found = _VOICE.fullmatch(path.name)
    name = found.group("name") if found else re.sub(r"\d+$", "", path.stem)
    return from_file_name(name) if any(map(str.isalpha, name)) else ""


def cloud_recordings(listing: Listing) -> list[Recording]:
    """Return the recordings of Zoom's cloud in a folder, one for each time in the names of its files."""
    groups: dict[str, list[Path]] = {}
    for path in listing.here:
        if found := _CLOUD.match(path.name):
            groups.setdefault(found.group(1).upper(), []).append(path)
    return [_cloud(paths) for _, paths in sorted(groups.items())]


def _cloud(paths: Sequence[Path]) -> Recording:
    views = sorted((path for path in paths if path.suffix.lower() == ".mp4"), key=_rank)
    sounds = [path for path in paths if path.suffix.lower() == ".m4a"]
    voices = [path for path in sounds if _CLOUD_VOICE.fullmatch(path.name)]
    chats = [path for path in paths if _CHAT.fullmatch(path.name)]
    captions = [path for path in paths if path not in chats and _CAPTION.fullmatch(path.name)]
    people = [path for path in paths if path.suffix.lower() == ".json"]
    problem = ""
    if not (views or sounds):
        problem = (
            "Files of a Zoom cloud recording have no media beside them: a GMT..._Recording*.mp4 or .m4a "
            "was expected in the folder."
        )
    known = {*views, *sounds, *chats, *captions, *people}
    others = [path for path in paths if path not in known]
    if any(path.suffix.lower() in MEDIA_SUFFIXES for path in others):
        problem = "A Zoom cloud recording holds media that are neither MP4 nor M4A; convert or move them."
    return Recording(
        "zoom-cloud",
        views=tuple(views),
        mix=tuple(path for path in sounds if path not in voices),
        voices=tuple(voices),
        voice_names=tuple(_cloud_name(path) for path in voices),
        chats=tuple(chats),
        captions=tuple(captions),
        people=tuple(people),
        companions=tuple(others),
        starts=0.0,
        problem=problem,
    )


def _cloud_name(path: Path) -> str:
    found = _CLOUD_VOICE.fullmatch(path.name)
    return from_file_name(found.group("name")) if found else ""


def _rank(path: Path) -> tuple[int, str]:
    name = path.name.lower()
    for rank, marks in enumerate(_RANK):
        if any(mark in name for mark in marks):
            return rank, name
    return 1, name  # a file that names no view is the shared screen with the speaker
