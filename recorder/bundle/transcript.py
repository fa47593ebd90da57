"""The redacted transcript as WebVTT with voice tags and as JSON with word times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from redaction.model import RedactedUtterance
from redaction.text.redact import joined_tokens

__all__ = ["SpokenToken", "TranscriptFile", "TranscriptUtterance", "speaker_names", "write_transcript"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SpokenToken(_Entry):
    """One word, or what stands for personal words."""

    text: str
    start: float
    end: float
    entity_type: str | None = None
    located: bool = True


class TranscriptUtterance(_Entry):
    """One speaker's words without a long pause."""

    speaker: str
    track: str
    language: str
    start: float
    end: float
    text: str
    words: tuple[SpokenToken, ...]


class TranscriptFile(_Entry):
    """The file `transcript.json`."""

    schema_version: str = "offrecord/transcript/1"
    utterances: tuple[TranscriptUtterance, ...]


def speaker_names(utterances: Sequence[RedactedUtterance]) -> dict[str, str]:
    """Number the speakers in order of first speech: `Speaker 1`, `Speaker 2` ..."""
    order: dict[str, str] = {}
    for utterance in sorted(utterances, key=lambda item: item.span):
        order.setdefault(utterance.speaker, f"Speaker {len(order) + 1}")
    return order


def write_transcript(
    utterances: Sequence[RedactedUtterance],
    *,
    vtt: Path,
    json_path: Path,
    names: Mapping[str, str] | None = None,
) -> None:
    """Write both files.

    Args:
        utterances: what may be stored, in any order.
        vtt: where the WebVTT goes.
        json_path: where the JSON goes.
        names: what each speaker is called; numbered in order of first speech when left out.
    """
    names = speaker_names(utterances) if names is None else names
    ordered = sorted((item for item in utterances if item.tokens), key=lambda item: item.span)
    lines = ["WEBVTT", ""]
    for utterance in ordered:
        start, end = utterance.span.start, max(utterance.span.end, utterance.span.start + 0.01)
        lines += [
            f"{_clock(start)} --> {_clock(end)}",
            f"<v {names[utterance.speaker]}>{_escape(joined_tokens(utterance.tokens))}",
            "",
        ]
    vtt.write_text("\n".join(lines), encoding="utf-8")
    document = TranscriptFile(utterances=tuple(_entry(item, names[item.speaker]) for item in ordered))
    json_path.write_text(
        json.dumps(document.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )


def _entry(utterance: RedactedUtterance, speaker: str) -> TranscriptUtterance:
    return TranscriptUtterance(
        speaker=speaker,
        track=utterance.track,
        language=utterance.language,
        start=round(utterance.span.start, 3),
        end=round(utterance.span.end, 3),
        text=joined_tokens(utterance.tokens),
        words=tuple(
            SpokenToken(
                text=token.text,
                start=round(token.span.start, 3),
                end=round(token.span.end, 3),
                entity_type=str(token.entity_type) if token.entity_type else None,
                located=token.located,
            )
            for token in utterance.tokens
        ),
    )


def _clock(seconds: float) -> str:
    total_ms = max(0, round(seconds * 1000))
    hours, rest = divmod(total_ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02d}:{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
