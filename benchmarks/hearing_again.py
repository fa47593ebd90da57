"""What the second hearing of stored audio masks: names that were missed, and kept words that hold nothing personal.

    python -m benchmarks.hearing_again

Every recording of the shared speech data, its voices and the sample call is redacted track by track as a call is, once
as it is and once with every second name missed by the first search, then verified as a finished call. Kept words that
are masked though the whole search finds nothing personal in them are false; missed names that are masked are caught.
Needs the shared data folder, `../shared/data` or `OFFRECORD_SHARED_DATA`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from benchmarks.faces import DATA
from recorder.media.encode import AudioWriter
from recorder.media.file import FileSource
from recorder.media.mix import AudioPart, write_track
from recorder.runtime.context import Run
from recorder.verify.audio import StoredTrack, VerifiedAudio, verify_audio
from recorder.verify.stored_words import Repair
from redaction.audio.redact import LISTENING_HZ, SPEAKING_HZ, AudioRedactor, RedactedSpeech, Transcription
from redaction.audio.stages import AudioStages
from redaction.model import AudioBlock, EntityType, Gap, RedactedUtterance, Samples, TextFinding, Utterance
from redaction.policy import Policy
from redaction.text.lexicon import CLOSED, fold
from redaction.text.redact import redact_utterances
from samples.participants import _own
from samples.speech import SAMPLE_HZ, speak_call

CALLS = {"standup": ("host", "dev1", "dev2", "pm"), "silence_heavy": ("a", "b")}
REAL = ("LJ050-0131", "jfk", "libri_61-70968-0000", "pyannote_sample")
BETWEEN_S = 0.75


@dataclass
class Figures:
    """Words of one verified call."""

    kept: int = 0
    false: int = 0
    missed: int = 0
    caught: int = 0

    def add(self, other: Figures) -> None:
        """Add another call's."""
        self.kept += other.kept
        self.false += other.false
        self.missed += other.missed
        self.caught += other.caught


def main() -> None:
    """Print the table."""
    policy = Policy()
    stages = AudioStages.load(policy, threads=2)
    totals = {False: Figures(), True: Figures()}
    print(f"{'recording':24} {'fault':5} {'kept':>5} {'false':>5} {'missed':>6} {'caught':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for name, tracks in recordings():
            heard = listened(tracks, policy, stages)
            for fault in (False, True):
                missed = names_of(heard)[::2] if fault else []
                if fault and not missed:
                    continue
                row = verified(tracks, heard, set(missed), policy, stages, Path(folder))
                totals[fault].add(row)
                print(
                    f"{name:24} {fault!s:5} {row.kept:5} {row.false:5} {row.missed:6} {row.caught:6}",
                    flush=True,
                )
    for fault, row in totals.items():
        print(f"{'all':24} {fault!s:5} {row.kept:5} {row.false:5} {row.missed:6} {row.caught:6}")


def recordings() -> Iterator[tuple[str, dict[str, Samples]]]:
    """Yield the recordings, track by track at 16,000 Hz."""
    speech = DATA / "speech"
    for name, speakers in CALLS.items():
        yield name, {who: samples(speech / f"{name}.{who}.wav") for who in speakers}
    for name in REAL:
        yield name, {"x": samples(speech / f"{name}.wav")}
    by_speaker: dict[str, list[Samples]] = {}
    for path in sorted((DATA / "voices").glob("*.flac")):
        parts = by_speaker.setdefault(path.name.partition("-")[0], [])
        parts += [samples(path), np.zeros(round(BETWEEN_S * LISTENING_HZ), np.float32)]
    for speaker, parts in by_speaker.items():
        yield f"voice {speaker}", {"x": np.concatenate(parts)}
    call = speak_call()
    ratio = SAMPLE_HZ // 8000
    yield (
        "sample call",
        {str(at): resample_poly(_own(call, at), 2, ratio).astype(np.float32) for at in (0, 1)},
    )


def samples(path: Path) -> Samples:
    """Return the audio of a file at 16,000 Hz."""
    source = FileSource(path)
    blocks = source.audio(source.info().audio[0].id, LISTENING_HZ)
    return np.concatenate([item.samples for item in blocks if not isinstance(item, Gap)])


def listened(tracks: dict[str, Samples], policy: Policy, stages: AudioStages) -> RedactedSpeech:
    """Return what is found in a call."""
    redactor = AudioRedactor(policy, stages)
    utterances: list[Utterance] = []
    for number, (track, own) in enumerate(tracks.items(), start=1):
        listener = redactor.listener(track, speaker=f"S{number}")
        utterances += listener.push(AudioBlock(own.copy(), 0, LISTENING_HZ)) + listener.flush()
    utterances.sort(key=lambda one: one.span)
    empty: dict[str, tuple[()]] = {track: () for track in tracks}
    seconds = max(len(own) for own in tracks.values()) / LISTENING_HZ
    return redactor.find(
        Transcription(tuple(utterances), {**empty}, {**empty}, 0.0, seconds, (), speakers_told_apart=True)
    )


def words_of(heard: RedactedSpeech, finding: TextFinding) -> list[str]:
    """Return the words of a finding, folded."""
    words = heard.utterances[finding.utterance].words[finding.first : finding.last]
    return [fold(word.text) for word in words]


def names_of(heard: RedactedSpeech) -> list[str]:
    """Return the words of all names that were found, in order, but for those that only join others."""
    people = [one for one in heard.findings if one.entity_type is EntityType.PERSON]
    words = {word for one in people for word in words_of(heard, one)}
    return sorted(word for word in words if len(word) > 1 and word not in CLOSED)


def verified(
    tracks: dict[str, Samples],
    heard: RedactedSpeech,
    missed: set[str],
    policy: Policy,
    stages: AudioStages,
    folder: Path,
) -> Figures:
    """Store a call in which some names were missed, verify it, and compare its words with those before."""
    findings = [one for one in heard.findings if not missed & set(words_of(heard, one))]
    redacted = redact_utterances(heard.utterances, findings, policy)
    spoken: dict[str, StoredTrack] = {}
    for track in tracks:
        own = [one for one in redacted if one.track == track]
        rendering = AudioRedactor(policy, stages).renderer.render(
            own, end=round((heard.seconds + 1) * SPEAKING_HZ)
        )
        path = folder / f"{track}.m4a"
        with AudioWriter(path, sample_rate=SPEAKING_HZ) as writer:
            for block in rendering.blocks:
                writer.write(block)
        spoken[track] = StoredTrack(path, rendering.words())

    def rewrite(track: str, words: tuple[RedactedUtterance, ...], repair: Repair) -> StoredTrack:
        out = folder / f"{track}-again.m4a"
        out.unlink(missing_ok=True)
        source = spoken[track].path or out
        write_track([AudioPart(source, 0.0)], out, duration=heard.seconds + 1, silent=repair.spans, run=Run())
        return StoredTrack(out, words)

    result = verify_audio(
        spoken, duration=heard.seconds + 1, policy=policy, stages=stages, rewrite=rewrite, run=Run()
    )
    personal = {word for one in heard.findings for word in words_of(heard, one)}
    return compared(spoken, result, missed, personal)


def compared(
    before: dict[str, StoredTrack], after: VerifiedAudio, missed: set[str], personal: set[str]
) -> Figures:
    """Count the words that the second hearing masked."""
    figures = Figures()
    for track, stored in before.items():
        for old, new in zip(stored.words, after.tracks[track].words, strict=True):
            for token, now in zip(old.tokens, new.tokens, strict=True):
                if token.entity_type is not None:
                    continue
                word, masked = fold(token.text), now.entity_type is not None
                figures.missed += word in missed
                figures.caught += word in missed and masked
                figures.kept += word not in missed
                figures.false += masked and word not in personal
    return figures


if __name__ == "__main__":
    main()
