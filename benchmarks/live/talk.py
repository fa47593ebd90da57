"""How much of what everybody says in a live call of four is in its transcript, and what becomes of a child.

    python -m benchmarks.live.talk [--seconds N] [--pace N] [--call adults|declared|child|stills]

Four participants send 360p pictures and read speech all the time, at once. `adults` are three talking heads and a still
photograph that moves, undeclared; `declared` the same, declared adults; in `child` one tile shows a small child;
`stills` are photographs of four adults of other ages and groups. Talking time is that of the words which the listener
of recorded files finds in the same sound; a word counts as stored where the transcript of the call has a word, masked
or not, within half a second. The child's tile should store nothing and be reported. Needs the shared data folder,
`../shared/data` or `OFFRECORD_SHARED_DATA`, and the models; four talk at once, so the machine should have nothing else
to do. With `--pace 4` a second of the call takes four, which tells what is lost on a machine that is fast enough.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.faces import DATA
from benchmarks.live.sending import RATE, SIZES, Sender, encoded, vp8
from recorder.call.source import LiveKind
from recorder.live.capture.engine import LiveEngine
from recorder.live.store.journal import Journal
from recorder.live.store.schema import CallRecord, ConsentRecord, PersonRecord, Stay
from recorder.runtime.context import Run
from redaction.audio.listening.listen import Listener
from redaction.audio.redact import LISTENING_HZ
from redaction.model import AudioBlock, Samples, Span
from redaction.policy import Policy
from redaction.stages import AudioStages, Stages

SIZE: Final = SIZES["360p"]
PAUSE_S: Final = 0.5
NEAR_S: Final = 0.5
CALLS: Final = {
    "adults": ("d6", "d12", "d3", "62_0_1_20170113182604718"),
    "declared": ("d6", "d12", "d3", "62_0_1_20170113182604718"),
    "child": ("d6", "d12", "d11", "62_0_1_20170113182604718"),
    "stills": (
        "30_1_2_20170116191316723",
        "35_0_3_20170104215607486",
        "49_1_0_20170109013409205",
        "34_1_1_20170112231510054",
    ),
}
SPEAKERS: Final = ("LS3080", "LS26", "LS19", "LS2033")


@dataclass
class Talk:
    """What one participant said, and what of it was stored.

    Attributes:
        face: the clip or photograph.
        said_s: talking time.
        stored_s: that of words which are in the transcript.
        missing: when the words begin that are not in the transcript, in seconds.
        lost: why sound was not stored, with its seconds.
        minor: they were reported as a minor.
        erased: at which second they were erased, how many bytes were stored by then, and whether some are left.
    """

    face: str
    said_s: float = 0.0
    stored_s: float = 0.0
    lost: Counter[str] = field(default_factory=Counter)
    missing: list[float] = field(default_factory=list)
    minor: bool = False
    erased: tuple[float, int, bool] | None = None


def main() -> None:
    """Print a row for each participant."""
    parser = argparse.ArgumentParser(description="Whose words a live call stores.")
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument("--pace", type=float, default=1.0, help="seconds of this machine for one of the call")
    parser.add_argument("--call", choices=list(CALLS), action="append")
    given = parser.parse_args()
    print(f"{'call':9} {'face':26} {'talked s':>8} {'stored':>7} {'minor':>5}  lost")
    for name in given.call or CALLS:
        talks, pictures = measured(CALLS[name], given.seconds, declared=name == "declared", pace=given.pace)
        for talk in talks:
            share = talk.stored_s / talk.said_s if talk.said_s else 0.0
            lost = ", ".join(f"{seconds:.1f} s {reason}" for reason, seconds in talk.lost.items())
            print(f"{name:9} {talk.face:26} {talk.said_s:8.1f} {share:7.1%} {talk.minor!s:>5}  {lost}")
            if talk.missing and talk.stored_s:
                print(f"{'':9} not stored: the words at {', '.join(map(str, talk.missing))} s")
            if talk.erased is not None:
                second, stored, left = talk.erased
                print(
                    f"{'':9} erased at {second:.1f} s: {stored} bytes from before, {'some' if left else 'none'} left"
                )
        print(f"{name:9} pictures sent / stored: {pictures[0]} / {pictures[1]}", flush=True)


def measured(
    faces: Sequence[str], seconds: float, *, declared: bool = False, pace: float = 1.0
) -> tuple[list[Talk], tuple[int, int]]:
    """Hold a call and return what became of what everybody said, and of the pictures."""
    policy = Policy()
    stages = Stages(policy)
    voices = [speech(speaker, seconds) for speaker in SPEAKERS]
    talks = [Talk(face) for face in faces]
    said = [list(spoken_words(samples, stages.audio)) for samples in voices]
    clips = [still(face) if face[0].isdigit() else vp8(face, SIZE) for face in faces]
    tokens = [f"{number:016x}" for number in range(len(faces))]
    minors: list[str] = []
    erased: dict[str, tuple[float, int, bool]] = {}
    errors: list[BaseException] = []
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder))
        journal.begin(
            CallRecord(version="0", started=datetime.now(UTC), way="room", policy={}, policy_digest="")
        )
        engine = LiveEngine(stages=stages, journal=journal, on_minor=minors.append, on_error=errors.append)
        engine.start()
        consent = ConsentRecord(time=0, via="page", receipt="r")
        senders = []
        began = time.monotonic() + 0.5

        def erase() -> None:
            """Forget who turned out to be a minor, as a call does; note when, and what had been stored by then."""
            for token in [token for token in minors if token not in erased]:
                pieces = sum(
                    path.stat().st_size for path in journal.folder(token).glob("*") if path.is_file()
                )
                engine.forget(token)
                left = journal.folder(token).exists()
                erased[token] = (max(0.0, time.monotonic() - began) / pace, pieces, left)

        for number, token in enumerate(tokens):
            journal.admit(PersonRecord(token=token, order=number, stays=(Stay(start=0),), consent=consent))
            if declared:
                engine.declare_adult(token)
            camera = engine.open(token, LiveKind.CAMERA, time=0.0)
            mic = engine.open(token, LiveKind.MICROPHONE, time=0.0)
            senders.append(
                Sender(
                    clips[number],
                    (voices[number], LISTENING_HZ),
                    picture=partial(engine.video, camera),
                    sound=partial(engine.audio, mic),
                    began=began,
                    seconds=seconds,
                    pace=pace,
                )
            )
        for sender in senders:
            sender.start()
        while any(sender.is_alive() for sender in senders):
            erase()
            time.sleep(0.1)
        engine.finish(Run())
        erase()
        journal.close()
        if errors:
            raise errors[0]
        stored_pictures = 0
        for token, talk, words in zip(tokens, talks, said, strict=True):
            place = journal.folder(token)
            stored = [span.padded(NEAR_S, NEAR_S) for span in stored_words(place)]
            talk.minor = token in minors
            talk.erased = erased.get(token)
            talk.said_s = sum(word.duration for word in words)
            talk.stored_s = sum(
                word.duration for word in words if any(span.overlaps(word) for span in stored)
            )
            talk.missing = [
                round(word.start, 1) for word in words if not any(span.overlaps(word) for span in stored)
            ]
            talk.lost = gaps(place)
            for path in place.glob("camera-*.jsonl"):
                stored_pictures += json.loads(path.read_text().splitlines()[-1])["counts"]["frames"]
    return talks, (sum(sender.sent for sender in senders), stored_pictures)


def speech(speaker: str, seconds: float) -> Samples:
    """Return read speech of one person, float32 mono at 16,000 Hz, with short pauses, over and over."""
    folder = DATA / "voices"
    lines = map(json.loads, (folder / "manifest.jsonl").read_text("utf-8").splitlines())
    pause = np.zeros(round(PAUSE_S * LISTENING_HZ), np.float32)
    pieces: list[Samples] = []
    for line in cycle([line for line in lines if line["spk"] == speaker]):
        pieces += [read(folder / line["path"]), pause]
        if sum(map(len, pieces)) >= seconds * LISTENING_HZ:
            return np.concatenate(pieces)[: round(seconds * LISTENING_HZ)]
    raise ValueError(speaker)


def read(path: Path) -> Samples:
    """Return a file's sound at 16,000 Hz."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=LISTENING_HZ)
    with av.open(str(path)) as container:
        blocks = [
            block.to_ndarray()[0] for one in container.decode(audio=0) for block in resampler.resample(one)
        ]
    return np.concatenate(blocks).astype(np.float32)


def spoken_words(samples: Samples, stages: AudioStages) -> Iterator[Span]:
    """Yield when the words are said that the listener of recorded files finds."""
    listener = Listener(track="a", speaker="S1", transcriber=stages.transcriber, aligner=stages.aligner)
    found = list(listener.push(AudioBlock(samples, 0, LISTENING_HZ))) + list(listener.flush())
    for utterance in found:
        yield from (word.span for word in utterance.words)


def stored_words(place: Path) -> list[Span]:
    """Return when the words of a participant's transcript are heard."""
    path = place / "words.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    latest = {line["id"]: line for line in lines}
    return [Span(word["start"], word["end"]) for line in latest.values() for word in line["words"]]


def gaps(place: Path) -> Counter[str]:
    """Return for how long and why a participant's sound was not stored."""
    found: Counter[str] = Counter()
    path = place / "facts.jsonl"
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        fact = json.loads(line)
        reason = (fact.get("detail") or {}).get("reason")
        if reason and fact.get("track") == "microphone":
            found[reason] += round(fact["end"] - fact["start"], 2)
    return found


def still(name: str) -> list[bytes]:
    """Return a photograph that turns and moves a little, as VP8 packets, ten seconds of it."""
    bgr = cv2.imread(str(DATA / "faces" / "ages" / f"{name}.jpg.chip.jpg"))
    width, height = SIZE
    middle = (bgr.shape[1] / 2, bgr.shape[0] / 2)
    random = np.random.default_rng(0)
    planes: list[NDArray[np.uint8]] = []
    for at in range(10 * RATE):
        phase = 2 * np.pi * at / (5 * RATE)
        turn = cv2.getRotationMatrix2D(middle, 4 * np.sin(phase), height * 0.8 / bgr.shape[0])
        turn[:, 2] += (
            width / 2 - middle[0] + 12 * np.cos(phase),
            height / 2 - middle[1] + 4 * np.sin(2 * phase),
        )
        picture = cv2.warpAffine(bgr, turn, SIZE, borderValue=(120, 130, 125))
        noisy = picture + random.normal(0, 2, picture.shape)
        planes.append(
            np.asarray(
                cv2.cvtColor(np.clip(noisy, 0, 255).astype(np.uint8), cv2.COLOR_BGR2YUV_I420), np.uint8
            )
        )
    return encoded(planes, SIZE)


if __name__ == "__main__":
    main()
