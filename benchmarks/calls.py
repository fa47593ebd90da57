"""Labelled personal words of the synthetic calls, looked for in what `offrecord redact` stored.

    python -m benchmarks.calls

For each call and method: labelled words that still stand in the transcript; words that another, larger recogniser
(Whisper base, group `multilingual`) hears in the stored sound; with `disguise`, the loudest masked span
against the original and the time of other words that was lost. Needs the shared data folder, `../shared/data` or
`OFFRECORD_SHARED_DATA`, and `offrecord models fetch speakers multilingual`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faces import DATA
from recorder.media.file import FileSource
from redaction.audio.listening.listen import Listener
from redaction.audio.listening.transcribe import WhisperTranscriber
from redaction.model import AudioBlock, Samples
from redaction.weights import locate

CALLS = ("standup", "silence_heavy")
METHODS = ("resynthesize", "disguise")
RATE = 16_000


def main() -> None:
    """Print the table."""
    print(
        f"{'call':14} {'method':13} {'labelled':>8} {'in text':>8} {'heard':>6} {'loudest dB':>11} {'lost s':>7}"
    )
    listener = WhisperTranscriber(str(locate("speech.whisper_base")), language="en", threads=2)
    with tempfile.TemporaryDirectory() as name:
        for call in CALLS:
            for method in METHODS:
                row(call, method, Path(name) / f"{call}-{method}", listener)


def row(call: str, method: str, folder: Path, listener: WhisperTranscriber) -> None:
    """Redact one call and print what is left of its personal words."""
    folder.mkdir()
    policy = folder / "policy.toml"
    policy.write_text(f'[voice]\nmethod = "{method}"\n[speech]\npersonal = "tone"\n')
    source = DATA / f"speech/{call}.wav"
    program = [
        sys.executable,
        "-m",
        "recorder.cli",
        "redact",
        str(source),
        "-o",
        str(folder),
        "--policy",
        str(policy),
    ]
    subprocess.run([*program, "--quiet"], check=True, capture_output=True)
    (bundle,) = folder.glob("*.offrecord")
    words = json.loads((DATA / f"speech/{call}.json").read_text())["words"]
    personal = [word for word in words if word["label"]]
    telling = {plain(word["word"]) for word in personal} - {
        plain(word["word"]) for word in words if not word["label"]
    }
    stored = plain_words((bundle / "transcript.vtt").read_text())
    heard = plain_words(" ".join(recognised(bundle / "recording.mp4", listener)))
    before, after = samples(source), samples(bundle / "recording.mp4")
    loudest = (
        max(level(after, word) - level(before, word) for word in personal) if method == "disguise" else None
    )
    lost = sum(
        word["end"] - word["start"]
        for word in words
        if not word["label"] and level(after, word) < -70 and method == "disguise"
    )
    loud = "" if loudest is None else f"{loudest:.0f}"
    gone = "" if loudest is None else f"{lost:.1f}"
    left = f"{len(personal):8} {len(telling & stored):8} {len(telling & heard):6}"
    which = sorted(telling & (stored | heard))
    print(f"{call:14} {method:13} {left} {loud:>11} {gone:>7}  {which or ''}", flush=True)


def plain(text: str) -> str:
    """Return a word without case and signs."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def plain_words(text: str) -> set[str]:
    """Return the words of a text without case and signs."""
    return {plain(word) for word in text.split()}


def samples(path: Path) -> Samples:
    """Return the sound of a file at 16,000 Hz."""
    source = FileSource(path)
    track = source.info().audio[0]
    parts = [item.samples for item in source.audio(track.id, RATE) if isinstance(item, AudioBlock)]
    return np.concatenate(parts)


def recognised(path: Path, listener: WhisperTranscriber) -> list[str]:
    """Return the words that another recogniser hears."""
    track = Listener(track="A1", speaker="S1", transcriber=listener, aligner=None)
    found = track.push(AudioBlock(samples(path), 0, RATE))
    return [utterance.text for utterance in (*found, *track.flush())]


def level(sound: Samples, word: dict[str, Any]) -> float:
    """Return the level of a word's true span in dB, at least -120."""
    part = sound[int(word["start"] * RATE) : int(word["end"] * RATE)].astype(np.float64)
    return float(max(-120.0, 10 * np.log10(np.mean(part**2) + 1e-12))) if len(part) else -120.0


if __name__ == "__main__":
    main()
