"""Captions as call systems write them: WebVTT, SubRip, and the lists of Zoom."""

from __future__ import annotations

import html
import re
from typing import Final

from redaction.errors import UnreadableInput
from redaction.model import Span
from redaction.text.lexicon import fold, is_ordinary
from redaction.text.sidecars import Caption

__all__ = ["MOST_CAPTIONS", "parse_captions", "parse_zoom_captions"]

MOST_CAPTIONS: Final = 20_000
_LONGEST_LINE: Final = 4_000
_LONGEST_CAPTION: Final = 10_000
_LONGEST_S: Final = 24 * 3600.0
_REFUSED: Final = UnreadableInput(
    "The captions beside a recording are not WebVTT or SubRip that can be understood; correct or remove them."
)
# Source: W3C WebVTT, section 4 (cue timings, voice span); SubRip writes a comma in place of the point.
_TIME: Final = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})[.,](\d{3})"
_TIMING: Final = re.compile(rf"\s*{_TIME}[ \t]+-->[ \t]+{_TIME}(?:[ \t]|$)")
_VOICE: Final = re.compile(r"<v(?:\.[^\s>]{1,100})?[ \t]+([^>]{1,200})>")
_TAG: Final = re.compile(r"<[^<>]{0,300}>")
_LABEL: Final = re.compile(r"([^\W\d_][^:<>\n]{0,79}?):[ \t]+(?=\S)")
_STAMPED: Final = re.compile(r"\[([^\]]{1,200})\][ \t]+(\d{1,2}):(\d{2}):(\d{2})[ \t]*$")
_MOST_LABEL_WORDS: Final = 6


def parse_captions(untrusted_text: str, *, labelled: bool = False) -> list[Caption]:
    """Read WebVTT or SubRip.

    Args:
        untrusted_text: the file's text.
        labelled: every `Name:` at the start of a caption is a speaker, as Zoom and Teams write them; otherwise only
            what holds a word that is no everyday word.

    Raises:
        UnreadableInput: it is neither, or out of bounds.
    """
    captions: list[Caption] = []
    webvtt = untrusted_text.startswith("WEBVTT")
    for number, block in enumerate(re.split(r"\n[ \t]*\n", untrusted_text.strip("\n"))):
        lines = block.strip("\n").split("\n")
        if max(map(len, lines)) > _LONGEST_LINE or len(captions) >= MOST_CAPTIONS:
            raise _REFUSED
        if webvtt and (number == 0 or re.match(r"(NOTE|STYLE|REGION)(\s|$)", lines[0])):
            continue
        caption = _caption(lines, labelled=labelled)
        if caption is not None:
            captions.append(caption)
    if not webvtt and not captions and untrusted_text.strip():
        raise _REFUSED
    return captions


def _caption(lines: list[str], *, labelled: bool) -> Caption | None:
    at = next((at for at, line in enumerate(lines[:2]) if "-->" in line), None)
    if at is None:
        if any(line.strip() for line in lines):
            raise _REFUSED
        return None
    timing = _TIMING.match(lines[at])
    if timing is None:
        raise _REFUSED
    times = timing.groups()
    start, end = _seconds(times[:4]), _seconds(times[4:])
    if end < start or end > _LONGEST_S:
        raise _REFUSED
    raw = " ".join(lines[at + 1 :])
    if len(raw) > _LONGEST_CAPTION:
        raise _REFUSED
    voice = _VOICE.search(raw)
    speaker = html.unescape(voice.group(1)).strip() if voice else ""
    text = html.unescape(_TAG.sub(" ", raw)).strip()
    if not speaker:
        speaker, text = _split(text, labelled=labelled)
    return Caption(Span(start, end), speaker, text) if text or speaker else None


def _split(text: str, *, labelled: bool) -> tuple[str, str]:
    found = _LABEL.match(text)
    if found is None:
        return "", text
    words = found.group(1).split()
    told = labelled or any(not is_ordinary(fold(word)) for word in words)
    if not told or len(words) > _MOST_LABEL_WORDS:
        return "", text
    return found.group(1).strip(), text[found.end() :]


def parse_zoom_captions(untrusted_text: str) -> list[Caption]:
    """Read the captions that Zoom's client saves: a line `[Name] 10:00:05` and what was said below it.

    Text of another form is taken without speakers and times: it is searched for names all the same.

    Raises:
        UnreadableInput: it is out of bounds.
    """
    if untrusted_text.startswith("WEBVTT") or "-->" in untrusted_text[:2000]:
        return parse_captions(untrusted_text, labelled=True)
    captions: list[Caption] = []
    speaker = ""
    for line in untrusted_text.split("\n"):
        if len(line) > _LONGEST_LINE or len(captions) >= MOST_CAPTIONS:
            raise _REFUSED
        if stamped := _STAMPED.match(line.strip()):
            speaker = stamped.group(1).strip()
        elif line.strip():
            captions.append(Caption(None, speaker, line.strip()))
    return captions


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, thousandths = (int(part or 0) for part in parts)
    return hours * 3600 + minutes * 60 + seconds + thousandths / 1000
