"""How well speakers are told apart: `python -m benchmarks.speakers`.

Prints the attacker's control figure (CAM++ on unaltered voices, same-sex impostors), the diarization error on
the synthetic calls with known turns and on conversations put together from single utterances, how many words of
the synthetic calls get the right speaker, and the CPU each second of sound costs. Needs the optional models
(`offrecord models fetch speakers`) and the shared data folder.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from redaction.audio.speakers.models import (
    SAME_SPEAKER_COSINE,
    Embedder,
    SpeakerModels,
    SpeakerSplitter,
    Turn,
    assign_speakers,
    cosine,
)
from redaction.model import AudioBlock, Samples, Span, Utterance, Word

RATE = 16_000
BLOCK = RATE // 5
DATA = Path(
    os.environ.get("OFFRECORD_SHARED_DATA", Path(__file__).resolve().parents[1].parent / "shared" / "data")
)


def main() -> int:
    """Print every figure; 0 when they could be measured."""
    if not DATA.is_dir():
        print("The shared data folder is not here; nothing was measured.", file=sys.stderr)
        return 1
    if not SpeakerModels.available():
        print("The models are not here; run `offrecord models fetch speakers`.", file=sys.stderr)
        return 1
    rows = [json.loads(line) for line in (DATA / "voices" / "manifest.jsonl").read_text().splitlines()]
    sounds = {row["path"]: load(DATA / "voices" / row["path"]) for row in rows}
    print_control(rows, sounds)
    print_enrolled(rows, sounds)
    print_diarization(rows, sounds)
    return 0


def load(path: Path) -> Samples:
    """Return a file's sound as float32 (n,), 16 kHz, mono."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("flt", "mono", RATE)
        blocks = [
            block.to_ndarray()[0]
            for frame in [*container.decode(audio=0), None]
            for block in resampler.resample(frame)
        ]
    return np.concatenate(blocks).astype(np.float32)


def equal_error(same: NDArray[np.float64], different: NDArray[np.float64]) -> float:
    """Return the equal error rate in per cent, where misses and false alarms meet."""
    cuts = np.sort(np.concatenate([same, different]))
    misses = np.searchsorted(np.sort(same), cuts) / len(same)
    alarms = 1 - np.searchsorted(np.sort(different), cuts) / len(different)
    nearest = int(np.abs(misses - alarms).argmin())
    return float(50 * (misses[nearest] + alarms[nearest]))


def print_control(rows: Sequence[dict[str, Any]], sounds: dict[str, Samples]) -> None:
    """Print how well the attacker does on unaltered voices; all vectors are zeroed."""
    embedder = Embedder()
    print("Attacker's control: unaltered voices, every pair of utterances, same-sex impostors")
    print(
        "  seconds heard | EER % | same speaker: lowest, median | different: median, 99 %, highest | CPU s/s"
    )
    for limit in (2.0, 4.0, 60.0):
        began = time.process_time()
        heard = {path: sound[: int(limit * RATE)] for path, sound in sounds.items()}
        vectors = {path: embedder.embed(sound) for path, sound in heard.items()}
        cost = (time.process_time() - began) / (sum(map(len, heard.values())) / RATE)
        same: list[float] = []
        different: list[float] = []
        for first, second in combinations(rows, 2):
            if first["sex"] == second["sex"]:
                alike = cosine(vectors[first["path"]], vectors[second["path"]])
                (same if first["spk"] == second["spk"] else different).append(alike)
        for vector in vectors.values():
            vector.fill(0)
        own, other = np.array(same), np.array(different)
        print(
            f"  {'all' if limit == 60 else limit:>13} | {equal_error(own, other):5.2f} | {own.min():.2f}, "
            f"{np.median(own):.2f} | {np.median(other):.2f}, {np.percentile(other, 99):.2f}, {other.max():.2f} | "
            f"{cost:.3f}   at {SAME_SPEAKER_COSINE}: misses {100 * (own < SAME_SPEAKER_COSINE).mean():.1f} %, "
            f"false {100 * (other >= SAME_SPEAKER_COSINE).mean():.2f} %"
        )


def print_enrolled(rows: Sequence[dict[str, Any]], sounds: dict[str, Samples]) -> None:
    """Print how alike speakers are once several utterances of each are averaged, as `verify` does."""
    embedder = Embedder()
    spoken: dict[tuple[str, str], list[NDArray[np.float32]]] = {}
    for row in rows:
        spoken.setdefault((row["spk"], row["sex"]), []).append(embedder.embed(sounds[row["path"]]))
    own = np.array([cosine(np.mean(v[::2], axis=0), np.mean(v[1::2], axis=0)) for v in spoken.values()])
    means = {who: np.mean(vectors, axis=0) for who, vectors in spoken.items()}
    pairs = [(cosine(means[a], means[b]), a[1] == b[1]) for a, b in combinations(means, 2)]
    one_sex = [alike for alike, same_sex in pairs if same_sex]
    across = [alike for alike, same_sex in pairs if not same_sex]
    for vector in (*(v for vectors in spoken.values() for v in vectors), *means.values()):
        vector.fill(0)
    print(
        f"  averaged over 2 utterances, one speaker: lowest {own.min():.2f}, median {np.median(own):.2f}; over 4, "
        f"two speakers of one sex: median {np.median(one_sex):.2f}, highest {max(one_sex):.2f}; of both sexes: "
        f"highest {max(across):.2f}"
    )


def print_diarization(rows: Sequence[dict[str, Any]], sounds: dict[str, Samples]) -> None:
    """Print the diarization error of each conversation, collar 0.25 s, and the mean."""
    print("Diarization, collar 0.25 s, overlaps counted (pauses inside an utterance count as missed speech)")
    print(
        "  conversation    |    s | speakers true/found | error % = missed + false + confused | CPU s/s | words"
    )
    models = SpeakerModels.load()
    figures, spent, seconds = [], 0.0, 0.0
    for name, sound, truth, words in [*calls(), *conversations(rows, sounds)]:
        turns, cost = split(models, sound)
        spent, seconds = spent + cost, seconds + len(sound) / RATE
        parts = errors(truth, turns, len(sound) / RATE)
        figures.append(parts)
        right = f"{100 * words_right(words, turns):.1f} %" if words else ""
        print(
            f"  {name:15} | {len(sound) / RATE:4.0f} | {len(_labels(truth))}/{len(_labels(turns))} | "
            f"{sum(parts):5.1f} = {parts[0]:4.1f} + {parts[1]:4.1f} + {parts[2]:4.1f} | "
            f"{cost / (len(sound) / RATE):.3f} | {right}"
        )
    missed, false, confused = np.mean(figures, axis=0)
    print(
        f"  mean error {missed + false + confused:.1f} % = missed {missed:.1f} + false {false:.1f} + "
        f"confused {confused:.1f}; {spent / seconds:.3f} CPU s per s of sound, one thread"
    )


Conversation = tuple[str, Samples, list[Turn], list[tuple[Word, str]]]


def calls() -> list[Conversation]:
    """Return the synthetic calls, which have word times, and a real telephone call, which has turns."""
    made: list[Conversation] = []
    for name in ("standup", "silence_heavy"):
        truth = json.loads((DATA / "speech" / f"{name}.json").read_text())
        words = [
            (Word(word["word"], Span(word["start"], word["end"])), word["speaker"]) for word in truth["words"]
        ]
        made.append((name, load(DATA / "speech" / f"{name}.wav"), _turns(truth["segments"]), words))
    for clip in json.loads((DATA / "speech" / "real.json").read_text()):
        if clip["id"] == "pyannote_sample":
            sound = load(DATA / "speech" / "pyannote_sample.wav")
            made.append(("telephone", sound, _turns(clip["segments"]), []))
    return made


def _turns(segments: Sequence[dict[str, Any]]) -> list[Turn]:
    return [(Span(part["start"], part["end"]), part["speaker"]) for part in segments]


def conversations(
    rows: Sequence[dict[str, Any]], sounds: dict[str, Samples], *, count: int = 8
) -> list[Conversation]:
    """Return conversations of two to four speakers, utterances up to 0.8 s over each other or 1 s apart."""
    speakers = sorted({row["spk"] for row in rows})
    made: list[Conversation] = []
    for seed in range(count):
        chance = np.random.default_rng(seed)
        chosen = set(chance.choice(speakers, 2 + seed % 3, replace=False).tolist())
        spoken = [row for row in rows if row["spk"] in chosen]
        chance.shuffle(spoken)
        now, truth = 0.5, []
        for row in spoken:
            now = max(0.1, now + chance.uniform(-0.8, 1.0))
            end = now + len(sounds[row["path"]]) / RATE
            truth.append((Span(now, end), str(row["spk"])))
            now = end
        sound = np.zeros(int((now + 0.5) * RATE), np.float32)
        for row, (span, _) in zip(spoken, truth, strict=True):
            start = int(span.start * RATE)
            sound[start : start + len(sounds[row["path"]])] += sounds[row["path"]]
        made.append((f"made {seed}", sound, truth, []))
    return made


def split(models: SpeakerModels, sound: Samples) -> tuple[list[Turn], float]:
    """Return the turns found in a sound, and the CPU seconds spent."""
    began = time.process_time()
    with SpeakerSplitter(models) as splitter:
        for start in range(0, len(sound), BLOCK):
            splitter.push(AudioBlock(sound[start : start + BLOCK], start, RATE))
        turns = splitter.finish()
    return turns, time.process_time() - began


def errors(
    truth: Sequence[Turn], found: Sequence[Turn], seconds: float, *, collar: float = 0.25
) -> tuple[float, float, float]:
    """Return missed, false and confused speech in per cent of the true speech, under the best naming."""
    steps = round(seconds * 100) + 1
    true, heard = _grid(truth, steps), _grid(found, steps)
    kept = np.ones(steps, dtype=bool)
    for span, _ in truth:
        for edge in (span.start, span.end):
            kept[max(0, round((edge - collar) * 100)) : round((edge + collar) * 100)] = False
    true, heard = true[:, kept], heard[:, kept]
    rows, columns = linear_sum_assignment(-(true.astype(int) @ heard.T.astype(int)))
    right = (true[rows] & heard[columns]).sum()
    wanted, given = true.sum(axis=0), heard.sum(axis=0)
    missed = np.maximum(wanted - given, 0).sum()
    false = np.maximum(given - wanted, 0).sum()
    confused = np.minimum(wanted, given).sum() - right
    total = wanted.sum()
    return 100 * missed / total, 100 * false / total, 100 * confused / total


def words_right(words: Sequence[tuple[Word, str]], turns: Sequence[Turn]) -> float:
    """Return the share of words whose speaker is right under the best naming; all words are one utterance."""
    spoken = tuple(word for word, _ in words)
    whole = Utterance(spoken, Span(spoken[0].span.start, spoken[-1].span.end), speaker="", track="T1")
    labels = [part.speaker for part in assign_speakers([whole], turns) for _ in part.words]
    names, found = sorted({name for _, name in words}), sorted(set(labels))
    table = np.zeros((len(names), len(found)), int)
    for (_, name), label in zip(words, labels, strict=True):
        table[names.index(name), found.index(label)] += 1
    rows, columns = linear_sum_assignment(-table)
    return float(table[rows, columns].sum() / table.sum())


def _labels(turns: Sequence[Turn]) -> list[str]:
    return sorted({label for _, label in turns})


def _grid(turns: Sequence[Turn], steps: int) -> NDArray[np.bool_]:
    """Return who speaks in each 10 ms, bool (speakers, steps); one silent row when nobody speaks."""
    labels = _labels(turns)
    grid = np.zeros((max(1, len(labels)), steps), dtype=bool)
    for span, label in turns:
        grid[labels.index(label), round(span.start * 100) : round(span.end * 100)] = True
    return grid


if __name__ == "__main__":
    raise SystemExit(main())
