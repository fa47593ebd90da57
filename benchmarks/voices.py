"""Attack the stored voices: can a speaker be told from resynthesised or disguised speech, and is it understood?

Every utterance is a recording of its own with voices drawn for it alone. The attacker is CAM++, which scores an
utterance against the mean of three others of the claimed speaker (enrolled on originals: OA, on the method's own
output: AA); impostors have the claimed speaker's sex. 50 % equal error rate is chance.

    python -m benchmarks.voices [--rounds 5] [--no-words]

Needs the model groups `speakers` and `multilingual`, and the folder of measuring data (OFFRECORD_SHARED_DATA).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from redaction.audio.listening.segment import SpeechSegment
from redaction.audio.listening.transcribe import WhisperTranscriber
from redaction.audio.speakers.embed import SAME_SPEAKER_COSINE, Embedder
from redaction.audio.voice.disguise import Disguiser
from redaction.audio.voice.pseudovoice import PseudoVoice, draw_voices
from redaction.audio.voice.resynthesize import Resynthesizer
from redaction.audio.voice.speak import HibariSynthesizer
from redaction.model import AudioBlock, RedactedUtterance, Samples, Span, Token
from redaction.policy import Policy

DATA = Path(os.environ.get("OFFRECORD_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
METHODS = ("resynthesize", "disguise")
ENROLLED = 3
TEXTS = (
    "Can we move the meeting to Thursday afternoon because the release is late?",
    "The tests still fail on the staging server, and nobody knows which change broke them.",
)
RESAMPLES = 500

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Clip:
    """One utterance of the data set: float32 (n,) at 16,000 Hz, who said it, and what was heard."""

    samples: Samples
    speaker: str
    sex: str
    text: str | None
    heard: RedactedUtterance

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / 16_000


@dataclass(frozen=True, slots=True)
class Scores:
    """Cosines of trials, with the test speaker of each, for resampling by speaker."""

    target: NDArray[np.float64]
    target_speaker: NDArray[np.str_]
    impostor: NDArray[np.float64]
    impostor_speaker: NDArray[np.str_]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, help="draws of every voice")
    parser.add_argument("--no-words", action="store_true", help="skip the word error rates")
    options = parser.parse_args()
    clips = load()
    embedder = Embedder()
    originals = np.stack([embedder.embed(clip.samples) for clip in clips])
    report("original", "OO", [score(originals, originals, clips)])
    first: dict[str, list[Samples]] = {}
    for method in METHODS:
        rounds = []
        started = time.process_time()
        for _ in range(options.rounds):
            rounds.append([render(method, clip) for clip in clips])
        cpu = time.process_time() - started
        first[method] = rounds[0]
        vectors = [np.stack([embedder.embed(one) for one in outputs]) for outputs in rounds]
        report(method, "OA", [score(originals, one, clips) for one in vectors])
        report(method, "AA", [score(one, one, clips) for one in vectors])
        own = np.concatenate([np.sum(originals * one, axis=1) for one in vectors])
        print(
            f"{method:13} cosine to the original: mean {own.mean():.2f}, highest {own.max():.2f}, "
            f"{np.sum(own >= SAME_SPEAKER_COSINE)} of {own.size} at or above {SAME_SPEAKER_COSINE}; "
            f"{cpu / options.rounds / sum(clip.duration for clip in clips):.3f} CPU s per s"
        )
    tell_apart(embedder)
    if not options.no_words:
        listen(clips, {"original": [clip.samples for clip in clips], **first})


def tell_apart(embedder: Embedder, *, recordings: int = 10, speakers: int = 4) -> None:
    """Print how well the voices of one recording are told from each other, here the lower the better."""
    synthesizer = HibariSynthesizer()
    same: list[float] = []
    other: list[float] = []
    for _ in range(recordings):
        spoken = [
            [
                embedder.embed(np.asarray(resample_poly(_spoken(synthesizer, voice, text), 2, 3), np.float32))
                for text in TEXTS
            ]
            for voice in draw_voices(speakers)
        ]
        same += [float(one[0] @ one[1]) for one in spoken]
        other += [float(a[0] @ b[1]) for a in spoken for b in spoken if a is not b]
    print(
        f"voices of one recording told apart: EER {100 * equal_error_rate(np.array(same), np.array(other)):.1f} %, "
        f"cosine same {np.mean(same):.2f}, other {np.mean(other):.2f} ({len(same)} and {len(other)} trials)"
    )


def _spoken(synthesizer: HibariSynthesizer, voice: PseudoVoice, text: str) -> Samples:
    return voice.apply(synthesizer.speak(text.split(), rate=voice.pace))


def load() -> list[Clip]:
    """Read the utterances and transcribe them as the engine would, all of each taken as speech."""
    rows = [json.loads(line) for line in (DATA / "voices" / "manifest.jsonl").read_text("utf-8").splitlines()]
    ears = WhisperTranscriber("speech.whisper_tiny_en")
    clips = []
    for row in rows:
        samples = decode(DATA / "voices" / row["path"])
        heard = transcribe(ears, samples)
        clips.append(Clip(samples, row["spk"], row["sex"], row["text"], heard))
    return clips


def decode(path: Path) -> Samples:
    """Return a file's sound, float32 (n,) at 16,000 Hz mono."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)


def transcribe(ears: WhisperTranscriber, samples: Samples) -> RedactedUtterance:
    """Return what was heard in a clip as one utterance without personal words."""
    whole = Span(0, len(samples) / 16_000)
    transcript = ears.transcribe(SpeechSegment(AudioBlock(samples.copy(), 0, 16_000), (whole,)))
    words = [word for segment in transcript.segments for word in segment]
    tokens = tuple(Token(word.text, word.span) for word in words)
    return RedactedUtterance(tokens, whole, "S1", "a1")


_synthesizer: list[HibariSynthesizer] = []


def render(method: str, clip: Clip) -> Samples:
    """Return the clip with its voice replaced, float32 (n,) at 16,000 Hz, from voices drawn now."""
    if method == "resynthesize":
        if not _synthesizer:
            _synthesizer.append(HibariSynthesizer())
        blocks = Resynthesizer(Policy(), _synthesizer[0]).render([clip.heard], duration=clip.duration)
    else:
        source = [AudioBlock(clip.samples, 0, 16_000)]
        blocks = Disguiser().render(source, [clip.heard.span], duration=clip.duration)
    samples = np.concatenate([block.samples for block in blocks])
    return np.asarray(resample_poly(samples, 2, 3), np.float32)


def score(enrolled: Vectors, tested: Vectors, clips: Sequence[Clip]) -> Scores:
    """Score every utterance against its own speaker and all of the same sex."""
    speakers = np.array([clip.speaker for clip in clips])
    sex = {clip.speaker: clip.sex for clip in clips}
    target: list[tuple[float, str]] = []
    impostor: list[tuple[float, str]] = []
    for at, clip in enumerate(clips):
        for claimed in dict.fromkeys(one for one in speakers if sex[one] == clip.sex):
            others = np.flatnonzero((speakers == claimed) & (np.arange(len(clips)) != at))[:ENROLLED]
            mean = enrolled[others].mean(axis=0)
            cosine = float(tested[at] @ mean / np.linalg.norm(mean))
            (target if claimed == clip.speaker else impostor).append((cosine, clip.speaker))
    return Scores(*_columns(target), *_columns(impostor))


def _columns(trials: list[tuple[float, str]]) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    return np.array([value for value, _ in trials]), np.array([speaker for _, speaker in trials])


def equal_error_rate(target: NDArray[np.float64], impostor: NDArray[np.float64]) -> float:
    """Return the rate, 0 to 1, at which as many targets are rejected as impostors accepted."""
    cuts = np.sort(np.concatenate([target, impostor]))
    rejected = np.searchsorted(np.sort(target), cuts, side="left") / len(target)
    accepted = 1 - np.searchsorted(np.sort(impostor), cuts, side="left") / len(impostor)
    best = int(np.argmin(np.abs(rejected - accepted)))
    return float((rejected[best] + accepted[best]) / 2)


def report(method: str, attack: str, rounds: Sequence[Scores]) -> None:
    """Print the mean over rounds with a 95 % interval from resampling the speakers."""
    each = [equal_error_rate(one.target, one.impostor) for one in rounds]
    chance = np.random.default_rng(0)
    names = np.unique(rounds[0].target_speaker)
    means = []
    for _ in range(RESAMPLES):
        picked = chance.choice(names, len(names))
        means.append(np.mean([_resampled(one, picked) for one in rounds]))
    low, high = np.percentile(means, [2.5, 97.5])
    print(
        f"{method:13} {attack}  EER {100 * np.mean(each):5.1f} %  (95 %: {100 * low:.1f} to {100 * high:.1f}; "
        f"rounds {', '.join(f'{100 * one:.1f}' for one in each)}; {len(rounds)} x {len(rounds[0].target)} target, "
        f"{len(rounds[0].impostor)} impostor trials)"
    )


def _resampled(scores: Scores, picked: NDArray[np.str_]) -> float:
    target = np.concatenate([scores.target[scores.target_speaker == one] for one in picked])
    impostor = np.concatenate([scores.impostor[scores.impostor_speaker == one] for one in picked])
    return equal_error_rate(target, impostor)


def listen(clips: Sequence[Clip], sounds: dict[str, list[Samples]]) -> None:
    """Print the word error rate of Whisper base, another model than the one that heard the originals."""
    ears = WhisperTranscriber("speech.whisper_base")
    known = [at for at, clip in enumerate(clips) if clip.text]
    truths = {at: words_of(clips[at].text or "") for at in known}
    total = sum(len(truth) for truth in truths.values())
    for method, outputs in sounds.items():
        wrong = sum(edits(truths[at], heard_words(transcribe(ears, outputs[at]))) for at in known)
        print(f"{method:13} word error rate {100 * wrong / total:.1f} % ({wrong} of {total} words)")
    wrong = sum(edits(truths[at], heard_words(clips[at].heard)) for at in known)
    print(f"(what the engine heard to speak: {100 * wrong / total:.1f} %)")


def heard_words(utterance: RedactedUtterance) -> list[str]:
    """Return the words of an utterance, for comparing."""
    return words_of(" ".join(token.text for token in utterance.tokens))


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    return re.sub(r"[^a-z0-9' ]", "", text.lower().replace("-", " ")).split()


def edits(truth: Sequence[str], heard: Sequence[str]) -> int:
    """Return the fewest words to insert, delete or replace between the two."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(truth, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


if __name__ == "__main__":
    main()
