"""Folders as call systems leave them, made here: the same invented people in file names, chat, captions and speech."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from samples.speech import SAMPLE_HZ, CallSpeech, ScriptLine, speak_call

__all__ = [
    "FOLDERS",
    "PLANTED",
    "SCRIPT",
    "TAG",
    "TAG_AREA",
    "Sounds",
    "bigbluebutton",
    "jibri",
    "plain",
    "sounds",
    "write_media",
    "zoom",
    "zoom_cloud",
]

# Invented: the names are of nobody, 555 0142 is a number for fiction (NANPA), example.com cannot be had (RFC 2606).
SCRIPT: Final = (
    ScriptLine(0, "Hello, my name is {Laura Bennett}."),
    ScriptLine(1, "Hi {Laura}, this is {Daniel Carter}."),
    ScriptLine(1, "I press the export button, and then nothing happens."),
)
PLANTED: Final = (
    "laura",
    "bennett",
    "daniel",
    "carter",
    "adaeze",
    "okonkwo",
    "4155550142",
    "415-555-0142",
    "example.com",
)
"""Everything personal in the folders, in lower case, as it must be found nowhere afterwards."""

_MESSAGES: Final = (
    (1, "Daniel Carter", "Hi Laura, I am on 415-555-0142"),
    (3, "Adaeze Okonkwo", "mail me at adaeze.okonkwo@example.com, all is in Okonkwo_notes.pdf"),
    (5, "Laura Bennett", "thanks Adaeze, the export works now"),
)
_CAPTIONS: Final = (
    (0, 2, "Laura Bennett", "Hello, my name is Laura Bennett."),
    (2, 5, "Daniel Carter", "Hi Laura, this is Daniel Carter."),
    (5, 8, "Daniel Carter", "I press the export button, and then nothing happens."),
)
TAG: Final = "Adaeze Okonkwo"
"""What stands in every picture, white on grey, in `TAG_AREA` (rows, columns)."""
TAG_AREA: Final = np.s_[28:54, 80:250]
_SIZE: Final = (320, 180)
_FPS: Final = 10

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sounds:
    """The call's sound, float32 (n,) at 24,000 Hz: everybody's, and each speaker's on the same clock."""

    mix: Samples
    voices: tuple[Samples, ...]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.mix) / SAMPLE_HZ


@cache
def sounds() -> Sounds:
    """Speak the script once for all folders."""
    speech = speak_call(SCRIPT)
    return Sounds(speech.samples, tuple(_alone(speech, speaker) for speaker in (0, 1)))


def _alone(speech: CallSpeech, speaker: int) -> Samples:
    own = np.zeros(len(speech.samples), np.float32)
    for word in speech.words:
        if word.speaker == speaker:
            part = slice(
                max(0, int((word.span.start - 0.15) * SAMPLE_HZ)), int((word.span.end + 0.25) * SAMPLE_HZ)
            )
            own[part] = speech.samples[part]
    return own


def write_media(
    path: Path, *, picture: bool = True, sound: Samples | None = None, seconds: float = 0.0
) -> Path:
    """Write a file with a drawn picture, with sound, or with both."""
    path.parent.mkdir(parents=True, exist_ok=True)
    webm = path.suffix == ".webm"
    with av.open(str(path), "w") as out:
        if picture:
            video = out.add_stream("libvpx" if webm else "libx264", rate=_FPS)
            video.width, video.height, video.pix_fmt = *_SIZE, "yuv420p"
            video.options = {"deadline": "realtime", "cpu-used": "8"} if webm else {"preset": "ultrafast"}
        if sound is not None:
            audio = out.add_stream("libopus" if webm else "aac", rate=SAMPLE_HZ, layout="mono")
        if picture:
            length = seconds if sound is None else len(sound) / SAMPLE_HZ
            for number in range(round(length * _FPS)):
                image = np.full((_SIZE[1], _SIZE[0], 3), 60, np.uint8)
                image[80:140, 4 * number % 250 : 4 * number % 250 + 60] = (40, 140, 90)
                cv2.putText(
                    image, TAG, (84, 46), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA
                )
                frame = av.VideoFrame.from_ndarray(image, format="bgr24")
                frame.pts, frame.time_base = number, Fraction(1, _FPS)
                out.mux(video.encode(frame))
            out.mux(video.encode(None))
        if sound is not None:
            for start in range(0, len(sound), SAMPLE_HZ):
                part = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(sound[None, start : start + SAMPLE_HZ]), format="fltp", layout="mono"
                )
                part.sample_rate, part.pts, part.time_base = SAMPLE_HZ, start, Fraction(1, SAMPLE_HZ)
                out.mux(audio.encode(part))
            out.mux(audio.encode(None))
    return path


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600:02d}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}"


def captions(*, voices: bool = False) -> str:
    """Return WebVTT, with the speaker before the text as Zoom writes it or as a voice tag."""
    lines = ["WEBVTT", ""]
    for number, (start, end, who, text) in enumerate(_CAPTIONS, start=1):
        said = f"<v {who}>{text}" if voices else f"{who}: {text}"
        lines += [str(number), f"{_clock(start)}.000 --> {_clock(end)}.000", said, ""]
    return "\n".join(lines)


def zoom(folder: Path) -> Path:
    """Make what Zoom's client leaves: a picture, mixed sound, each participant's sound, chat and captions."""
    place = folder / "2026-03-02 10.00.00 Laura Bennett's Zoom Meeting"
    write_media(place / "video1234567890.mp4", sound=sounds().mix)
    write_media(place / "audio1234567890.m4a", picture=False, sound=sounds().mix)
    for name, voice in zip(("LauraBennett", "DanielCarter"), sounds().voices, strict=True):
        write_media(place / "Audio Record" / f"audio{name}11234567890.m4a", picture=False, sound=voice)
    chat = [f"{_clock(36_000 + at)} From {who} to Everyone:\n\t{text}" for at, who, text in _MESSAGES]
    (place / "chat.txt").write_text("\n".join(chat) + "\n", encoding="utf-8")
    said = [f"[{who}] {_clock(36_000 + start)}\n{text}\n" for start, _, who, text in _CAPTIONS]
    (place / "closed_caption.txt").write_text("\n".join(said), encoding="utf-8")
    return place


def zoom_cloud(folder: Path) -> Path:
    """Make what Zoom's cloud hands out: two views, mixed sound, transcript, chat and the time line."""
    place, stem = folder / "cloud", "GMT20260302-100000_Recording"
    write_media(place / f"{stem}_gallery_1280x720.mp4", sound=sounds().mix)
    write_media(place / f"{stem}_avo_1280x720.mp4", sound=sounds().mix)
    write_media(place / f"{stem}.m4a", picture=False, sound=sounds().mix)
    (place / f"{stem}.transcript.vtt").write_text(captions(), encoding="utf-8")
    chat = "\n".join(f"{_clock(at)}\t{who}:\t{text}" for at, who, text in _MESSAGES)
    (place / f"{stem}newChat.txt").write_text(chat + "\n", encoding="utf-8")
    users = [
        {"username": who, "email_address": f"{who.replace(' ', '.')}@example.com"} for _, who, _ in _MESSAGES
    ]
    (place / f"{stem}.json").write_text(json.dumps({"timeline": [{"ts": "00:00:01.000", "users": users}]}))
    return place


def jibri(folder: Path) -> Path:
    """Make what Jibri leaves: one video and the participants in `metadata.json`."""
    place = folder / "jibri"
    write_media(place / "laura-bennett-weekly_2026-03-02-10-00-00.mp4", sound=sounds().mix)
    people = [
        {"user": {"id": str(at), "name": who, "email": f"{who.split()[0]}@example.com"}, "group": "g"}
        for at, who, _ in _MESSAGES
    ]
    document = {"meeting_url": "https://meet.example.com/LauraBennett", "participants": people, "share": True}
    (place / "metadata.json").write_text(json.dumps(document), encoding="utf-8")
    return place


def bigbluebutton(folder: Path) -> Path:
    """Make what BigBlueButton publishes: cameras with sound, the shared screen, chat, captions and metadata."""
    place = folder / "bigbluebutton"
    write_media(place / "video" / "webcams.webm", sound=sounds().mix)
    write_media(place / "deskshare" / "deskshare.webm", seconds=sounds().seconds)
    events = "\n".join(
        f'<chattimeline in="{at}" direction="down" name="{who}" message="{text}" target="chat"/>'
        for at, who, text in _MESSAGES
    )
    (place / "slides_new.xml").write_text(f"<popcorn>{events}</popcorn>", encoding="utf-8")
    (place / "captions_en.vtt").write_text(captions(voices=True), encoding="utf-8")
    (place / "metadata.xml").write_text(
        "<recording><id>1</id><meeting name='Weekly of Adaeze Okonkwo'/><meta><bbb-recording-owner>Laura Bennett"
        "</bbb-recording-owner></meta></recording>",
        encoding="utf-8",
    )
    (place / "presentation" / "1").mkdir(parents=True)
    (place / "presentation" / "1" / "slide-1.svg").write_text("<svg>Laura Bennett</svg>", encoding="utf-8")
    return place


def plain(folder: Path) -> Path:
    """Make a recording with captions, chat and a list of people beside it."""
    place = folder / "plain"
    write_media(place / "Laura.mp4", sound=sounds().mix)
    (place / "Laura.en.vtt").write_text(captions(), encoding="utf-8")
    (place / "Laura.chat.txt").write_text(
        "\n".join(f"{_clock(a)} {w}: {t}" for a, w, t in _MESSAGES), encoding="utf-8"
    )
    (place / "Laura.csv").write_text(
        "First name,Last name,E-mail\nAdaeze,Okonkwo,adaeze.okonkwo@example.com\nDaniel,Carter,\n",
        encoding="utf-8",
    )
    return place


FOLDERS: Final[Sequence[Callable[[Path], Path]]] = (zoom, zoom_cloud, jibri, bigbluebutton, plain)
