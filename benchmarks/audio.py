"""What listening and speaking cost and how good they are, each beside its yardstick in the same run.

python -m benchmarks.audio listening
python -m benchmarks.audio listening --model speech.whisper_base --threads 2
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import time
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np

from redaction.audio.listening.align import PocketsphinxAligner
from redaction.audio.listening.listen import Listener
from redaction.audio.listening.pronounce import spoken_slots
from redaction.audio.listening.segment import RATE
from redaction.audio.listening.transcribe import Transcriber, WhisperTranscriber
from redaction.audio.voice.mute import mute_spans
from redaction.model import AudioBlock, EntityType, Samples, Span, TextFinding, Utterance
from redaction.weights import locate

DATA = Path(
    os.environ.get("OFFRECORD_SHARED_DATA", Path(__file__).resolve().parents[1].parent / "shared" / "data")
)
CALLS = {"standup": ("host", "dev1", "dev2", "pm"), "silence_heavy": ("a", "b")}
PADS_S = (0.0, 0.05, 0.1, 0.2)
QUIET_DB = -50.0


@dataclass(frozen=True)
class Truth:
    """A reference word: text, call time, whose it is, and its label when personal."""

    text: str
    span: Span
    speaker: str
    label: str | None


@dataclass(frozen=True)
class RedactedSpeech:
    """What a listener made of one track."""

    utterances: list[Utterance]
    uncovered: list[Span]
    failures: list[Span]


def load(name: str) -> Samples:
    """Return a recording of the shared speech data, float32 (n,), -1 to 1, 16,000 Hz."""
    with wave.open(str(DATA / "speech" / f"{name}.wav")) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return (pcm / 32768.0).astype(np.float32)


def cpu_s() -> float:
    """Return CPU seconds of this process so far, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the CPU and wall seconds of a piece of work."""
    cpu, wall = cpu_s(), time.perf_counter()
    work()
    return cpu_s() - cpu, time.perf_counter() - wall


def listen(
    samples: Samples, *, transcriber: Transcriber, aligner: PocketsphinxAligner | None
) -> RedactedSpeech:
    """Feed one track to a listener in blocks of 20 ms."""
    listener = Listener(track="bench", speaker="S1", transcriber=transcriber, aligner=aligner)
    utterances: list[Utterance] = []
    for start in range(0, len(samples), 320):
        utterances += listener.push(AudioBlock(samples[start : start + 320], start, RATE))
    utterances += listener.flush()
    return RedactedSpeech(utterances, listener.uncovered, listener.failures)


def atoms(text: str) -> list[str]:
    """Return what is said, for comparison: lower-case words, figures digit by digit."""
    said: list[str] = []
    for token in re.sub(r"(\d)", r" \1 ", text.lower().replace("dr.", "doctor")).split():
        for slot in spoken_slots(token):
            way = slot[0] if all(slot) else ()
            said += [word for word in way if word] if way else (["dot"] if ("dot",) in slot else [])
    return said


def aligned_atoms(reference: Sequence[str], heard: Sequence[str]) -> tuple[int, list[int | None]]:
    """Return the edit distance in words and, for each reference word, the heard word it became."""
    rows, columns = len(reference), len(heard)
    cost = np.zeros((rows + 1, columns + 1))
    cost[:, 0], cost[0, :] = np.arange(rows + 1), np.arange(columns + 1)
    change = np.array([[_unlike(a, b) for b in heard] for a in reference]).reshape(rows, columns)
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            cost[i, j] = min(
                cost[i - 1, j] + 1, cost[i, j - 1] + 1, cost[i - 1, j - 1] + change[i - 1, j - 1]
            )
    partner: list[int | None] = [None] * rows
    i, j, errors = rows, columns, 0
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + change[i - 1, j - 1]:
            i, j = i - 1, j - 1
            partner[i] = j
            errors += reference[i] != heard[j]
        elif i and cost[i, j] == cost[i - 1, j] + 1:
            i, errors = i - 1, errors + 1
        else:
            j, errors = j - 1, errors + 1
    return errors, partner


def _unlike(a: str, b: str) -> float:
    return 0.0 if a == b else 0.6 + 0.4 * (1 - SequenceMatcher(None, a, b, autojunk=False).ratio())


def references() -> dict[str, str]:
    """Return the reference text of every recording that has one."""
    texts = {clip["id"]: clip["ref"] for clip in json.loads((DATA / "speech" / "real.json").read_text())}
    for call in CALLS:
        texts[call] = " ".join(word.text for word in truth(call))
    return {name: text for name, text in texts.items() if (DATA / "speech" / f"{name}.wav").is_file()}


def truth(call: str) -> list[Truth]:
    """Return the reference words of a synthetic call."""
    words = json.loads((DATA / "speech" / f"{call}.json").read_text())["words"]
    return [Truth(w["word"], Span(w["start"], w["end"]), w["speaker"], w["label"]) for w in words]


def personal_groups(words: Sequence[Truth]) -> list[tuple[int, int]]:
    """Return half-open runs of neighbouring reference words with one label and speaker."""
    groups: list[tuple[int, int]] = []
    for index, word in enumerate(words):
        if word.label is None:
            continue
        if groups and groups[-1][1] == index and words[index - 1].label == word.label:
            groups[-1] = (groups[-1][0], index + 1)
        else:
            groups.append((index, index + 1))
    return groups


def simulated_findings(words: Sequence[Truth], heard: RedactedSpeech) -> list[TextFinding | None]:
    """Return for each personal group the finding of a perfect finder: the words that were heard in its
    place."""
    reference = [(atom, index) for index, word in enumerate(words) for atom in atoms(word.text)]
    said = [
        (atom, number, place)
        for number, utterance in enumerate(heard.utterances)
        for place, word in enumerate(utterance.words)
        for atom in atoms(word.text)
    ]
    _, partner = aligned_atoms([atom for atom, _ in reference], [atom for atom, _, _ in said])
    findings: list[TextFinding | None] = []
    for first, last in personal_groups(words):
        hits = [
            said[j][1:]
            for (_, index), j in zip(reference, partner, strict=True)
            if j is not None and first <= index < last
        ]
        for number in sorted({number for number, _ in hits}):
            places = [place for other, place in hits if other == number]
            findings.append(
                TextFinding(number, min(places), max(places) + 1, EntityType.OTHER, 1.0, "benchmark")
            )
        if not hits:
            findings.append(None)
    return findings


def leak_db(samples: Samples, span: Span, muted: Sequence[Span]) -> float:
    """Return the energy that is left in a span against the original's, in decibels."""
    a, b = round(span.start * RATE), round(span.end * RATE)
    kept = samples[a:b].astype(np.float64).copy()
    whole = float(np.sum(kept**2))
    for mute in muted:
        kept[max(0, round(mute.start * RATE) - a) : max(0, round(mute.end * RATE) - a)] = 0.0
    left = float(np.sum(kept**2))
    return -np.inf if left == 0.0 or whole == 0.0 else float(10 * np.log10(left / whole))


def overlap_s(spans: Sequence[Span], others: Sequence[Span]) -> float:
    """Return the seconds that two lists of disjoint spans share."""
    return sum(
        max(0.0, min(span.end, other.end) - max(span.start, other.start))
        for span in spans
        for other in others
    )


def tracks(call: str, *, mixed: bool) -> list[tuple[str, list[Truth]]]:
    """Return recordings of a call and the words in each: the mixed file, or one file per speaker."""
    if mixed:
        return [(call, truth(call))]
    return [(f"{call}.{who}", [word for word in truth(call) if word.speaker == who]) for who in CALLS[call]]


def print_location(label: str, results: Sequence[tuple[Samples, list[Truth], RedactedSpeech]]) -> None:
    """Print how much of the personal words can still be heard at each pad, and what else is muted."""
    for pad_s in PADS_S:
        groups = inside = quiet = 0
        worst = -np.inf
        collateral = muted_s = 0.0
        for samples, words, heard in results:
            findings = [finding for finding in simulated_findings(words, heard) if finding is not None]
            muted = mute_spans(
                heard.utterances, findings, uncovered=heard.uncovered, failures=heard.failures, pad_s=pad_s
            )
            personal = [word for word in words if word.label is not None]
            for word in personal:
                level = leak_db(samples, word.span, muted)
                worst = max(worst, level)
                quiet += level <= QUIET_DB
                inside += any(m.start <= word.span.start and word.span.end <= m.end for m in muted)
            groups += len(personal)
            collateral += overlap_s([word.span for word in words if word.label is None], muted)
            muted_s += sum(span.duration for span in muted)
        print(
            f"{label:34} {pad_s * 1000:5.0f}  {groups:5d}  {100 * inside / groups:8.1f}  {100 * quiet / groups:8.1f}"
            f"  {worst:9.1f}  {collateral:10.2f}  {muted_s:7.2f}"
        )


def listening(model: str, *, threads: int) -> None:
    """Print the cost of listening against bare faster-whisper, its word errors, and where personal words
    are."""
    texts = references()
    gap = np.zeros(RATE, np.float32)
    names = list(texts)
    sound = np.concatenate([part for name in names for part in (load(name), gap)])
    transcriber = WhisperTranscriber(model, threads=threads)
    aligner = PocketsphinxAligner()
    print_cost(sound, model=model, threads=threads, transcriber=transcriber, aligner=aligner)
    print_errors(texts, model=model, threads=threads, transcriber=transcriber)
    print(
        f"\n{'personal words':34} pad_ms  words  inside_%  quiet_%  worst_dB  collateral_s  muted_s"
        f"   (quiet: {QUIET_DB:.0f} dB or less left)"
    )
    for mixed in (True, False):
        for aligned in (None, aligner):
            results = []
            for call in CALLS:
                for name, words in tracks(call, mixed=mixed):
                    heard = listen(load(name), transcriber=transcriber, aligner=aligned)
                    results.append((load(name), words, heard if aligned else _believed(heard)))
            label = f"{'mixed' if mixed else 'per speaker'}, {'aligned' if aligned else 'recogniser times'}"
            print_location(label, results)


def _believed(heard: RedactedSpeech) -> RedactedSpeech:
    """Return the words as if the recogniser's own times were exact, for comparison."""
    utterances = [
        Utterance(
            tuple(type(w)(w.text, w.span, w.probability, located=True) for w in utterance.words),
            utterance.span,
            utterance.speaker,
            utterance.track,
        )
        for utterance in heard.utterances
    ]
    return RedactedSpeech(utterances, heard.uncovered, heard.failures)


def bare_whisper(model: str, *, threads: int) -> Callable[[Samples, bool], list[str]]:
    """Return a function that transcribes sound with faster-whisper alone, with word times, with or without
    VAD."""
    from faster_whisper import WhisperModel

    bare = WhisperModel(
        str(locate(model)), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
    )

    def transcribe(sound: Samples, vad: bool) -> list[str]:
        segments, _ = bare.transcribe(
            sound,
            language="en",
            beam_size=1,
            word_timestamps=True,
            condition_on_previous_text=False,
            vad_filter=vad,
        )
        return [segment.text for segment in segments]

    return transcribe


def print_cost(
    sound: Samples,
    *,
    model: str,
    threads: int,
    transcriber: Transcriber,
    aligner: PocketsphinxAligner,
) -> None:
    """Print CPU seconds of bare faster-whisper with word times and of our listening, on the same sound."""
    bare = bare_whisper(model, threads=threads)
    runs: dict[str, Callable[[], object]] = {
        "faster-whisper, word times": lambda: bare(sound, False),
        "faster-whisper, word times, VAD": lambda: bare(sound, True),
        "listening without alignment": lambda: listen(sound, transcriber=transcriber, aligner=None),
        "listening": lambda: listen(sound, transcriber=transcriber, aligner=aligner),
    }
    listen(sound[: 5 * RATE], transcriber=transcriber, aligner=aligner)
    seconds = len(sound) / RATE
    print(f"{seconds:.0f} s of sound, {model}, {threads} threads; best of 2 runs, one after another")
    best = {name: min(timed(work) for _ in range(2)) for name, work in runs.items()}
    yardstick = best["faster-whisper, word times"][0]
    print(f"{'':34} cpu_s  cpu_s_per_min  wall_s  x_bare")
    for name, (cpu, wall) in best.items():
        print(f"{name:34} {cpu:5.2f}  {cpu / seconds * 60:13.2f}  {wall:6.2f}  {cpu / yardstick:6.2f}")


def print_errors(texts: dict[str, str], *, model: str, threads: int, transcriber: Transcriber) -> None:
    """Print word errors per recording beside those of bare faster-whisper."""
    bare = bare_whisper(model, threads=threads)
    print(f"\n{'word errors':34} words  errors   WER_%  unheard_s  bare_errors  bare_WER_%")
    all_words = all_errors = all_bare = 0
    for name, text in texts.items():
        heard = listen(load(name), transcriber=transcriber, aligner=None)
        said = [atom for u in heard.utterances for w in u.words for atom in atoms(w.text)]
        errors, _ = aligned_atoms(atoms(text), said)
        words = len(atoms(text))
        plain, _ = aligned_atoms(atoms(text), atoms(" ".join(bare(load(name), False))))
        all_words, all_errors, all_bare = all_words + words, all_errors + errors, all_bare + plain
        unheard = sum(span.duration for span in heard.uncovered)
        print(
            f"{name:34} {words:5d}  {errors:6d}  {100 * errors / words:6.1f}  {unheard:9.2f}"
            f"  {plain:11d}  {100 * plain / words:10.1f}"
        )
    print(
        f"{'all':34} {all_words:5d}  {all_errors:6d}  {100 * all_errors / all_words:6.1f}"
        f"  {'':9}  {all_bare:11d}  {100 * all_bare / all_words:10.1f}"
    )


def main() -> None:
    """Run the part that was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=["listening"])
    parser.add_argument("--model", default="speech.whisper_tiny_en")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if not (DATA / "speech").is_dir():
        parser.exit(5, "The shared speech data is not there; set OFFRECORD_SHARED_DATA.\n")
    listening(options.model, threads=options.threads)


if __name__ == "__main__":
    main()
