"""A stored voice is compared with the one that spoke, a few seconds and once, and nothing of either is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from scipy.signal import resample_poly

from recorder.bundle.manifest import VOICE_CHECK
from recorder.live.capture.voice_comparison import ENOUGH, VoiceComparison
from recorder.live.store.journal import Journal
from redaction.audio.speakers.embed import SAME_SPEAKER_COSINE, Embedder, Embedding
from redaction.audio.speakers.models import SpeakerModels
from redaction.audio.voice.render import Rendering
from redaction.model import AudioBlock, Event, EventKind, Samples, Span
from redaction.policy import Policy, VoiceSection
from tests.paths import SHARED_DATA
from tests.recorder.live.capture.test_audio_worker import Stage, blocks, call_sound, loud
from tests.recorder.live.fakes import deaf_and_blind
from tests.recorder.live.finish.test_finish import finished
from tests.recorder.live.scene import ADA, BOB, heard, journal_of, lines, wait_until
from tests.recorder.live.speech import RATE, Scripted, spoken
from tests.recorder.live.staged import StagedPerson, StagedSound, stage, tone_at

RAW_HZ, STORED_HZ = 16_000, 24_000
SAID = "good morning everybody and welcome to the meeting"

needs_models = pytest.mark.skipif(
    not SpeakerModels.available(), reason="the speaker models are not in the cache"
)


class Remembering(Embedder):
    """Gives every stretch the same vector, and remembers what it was given."""

    def __init__(self) -> None:
        self.heard: list[Samples] = []
        self.vectors: list[Embedding] = []

    def embed(self, samples: Samples) -> Embedding:
        """Return a vector along one axis."""
        self.heard.append(samples)
        vector = np.zeros(192, np.float32)
        vector[3] = 1
        self.vectors.append(vector)
        return vector


class Failing(Embedder):
    """Raises, as a model may."""

    def __init__(self) -> None:
        """Load nothing."""

    def embed(self, samples: Samples) -> Embedding:
        """Raise."""
        raise RuntimeError("fault injected")


def compared(
    folder: Path, embedder: Embedder, said: Samples, stored: Samples, speech: Sequence[Span]
) -> tuple[VoiceComparison, Journal, list[BaseException]]:
    """Push raw sound at 16,000 Hz, store sound at 24,000 Hz in its place, and return what compared them."""
    journal, errors = journal_of(folder, ADA, BOB), list[BaseException]()
    comparison = VoiceComparison(ADA, embedder, journal=journal, on_error=errors.append)
    for at in range(0, len(said), 3200):
        comparison.push(AudioBlock(said[at : at + 3200], at, RAW_HZ))
    pieces = [AudioBlock(stored[at : at + 5000], at, STORED_HZ) for at in range(0, len(stored), 5000)]
    given = list(comparison.watch(pieces, speech=speech))
    assert all(one is other for one, other in zip(given, pieces, strict=True))
    return comparison, journal, errors


def figures(journal: Journal, token: str = ADA) -> list[float]:
    """Return the cosines that stand in a participant's own file, and see that each is of a microphone."""
    facts = [
        line
        for line in lines(journal.folder(token) / "facts.jsonl")
        if line["kind"] == "verify" and line["detail"]["check"] == VOICE_CHECK
    ]
    assert all(line["track"] == "microphone" and set(line["detail"]) == {"check", "figure"} for line in facts)
    return [line["detail"]["figure"] for line in facts]


def noise(seconds: float, rate: int) -> Samples:
    """Return noise, float32 (n,)."""
    return np.random.default_rng(1).normal(0, 0.1, round(seconds * rate)).astype(np.float32)


@needs_models
def test_raw_voice_in_place_of_a_stored_one_is_recognised(tmp_path: Path) -> None:
    """When what is stored is what was said, the cosine is far above the threshold, and in nobody else's file."""
    said = spoken()
    raw = np.asarray(resample_poly(said, 1, 3), np.float32)
    leaked = np.asarray(resample_poly(said, 1, 2), np.float32)
    speech = [Span(0.0, len(said) / RATE)]
    comparison, journal, errors = compared(tmp_path, SpeakerModels.load().embedder, raw, leaked, speech)
    comparison.conclude()
    (figure,) = figures(journal)
    assert figure > 0.9 > SAME_SPEAKER_COSINE
    assert errors == []
    telling = [item for item in tmp_path.rglob("*") if item.is_file() and VOICE_CHECK in item.read_text()]
    assert telling == [journal.folder(ADA) / "facts.jsonl"]


def test_no_more_is_compared_than_eight_seconds_and_all_is_wiped(tmp_path: Path) -> None:
    """However long somebody speaks, one vector of 8 s is made of each side; audio and vectors are zeros after."""
    embedder = Remembering()
    comparison, journal, _ = compared(
        tmp_path, embedder, noise(40, RAW_HZ), noise(40, STORED_HZ), [Span(1, 4), Span(5, 19), Span(20, 39)]
    )
    assert comparison.enough
    raw = [stretch.raw for stretch in comparison._stretches]
    assert sum(map(len, raw)) == ENOUGH
    comparison.conclude()
    assert figures(journal) == [1.0]
    assert [len(one) for one in embedder.heard] == [ENOUGH, ENOUGH]
    assert not any(one.any() for one in (*raw, *embedder.heard, *embedder.vectors))
    assert not comparison._held._blocks
    assert not comparison.enough


@pytest.mark.parametrize("silent", ["said", "stored", "neither"])
def test_what_cannot_be_compared_gives_no_figure(tmp_path: Path, silent: str) -> None:
    """With silence on a side, or less than a second and a half of speech, no figure is written."""
    said, stored = noise(4, RAW_HZ), noise(4, STORED_HZ)
    speech = [Span(0.0, 1.0 if silent == "neither" else 4.0)]
    sides = {"said": said, "stored": stored}
    if silent in sides:
        sides[silent][:] = 0
    embedder = Remembering()
    comparison, journal, errors = compared(tmp_path, embedder, said, stored, speech)
    comparison.conclude()
    assert (figures(journal), errors, embedder.heard) == ([], [], [])


def test_a_disk_that_fails_while_storing_leaves_nothing_to_compare(tmp_path: Path) -> None:
    """Audio that was not stored whole is not compared, and the raw copy of it is wiped."""
    comparison = VoiceComparison(
        ADA, Remembering(), journal=journal_of(tmp_path), on_error=list[Any]().append
    )
    comparison.push(AudioBlock(noise(4, RAW_HZ), 0, RAW_HZ))
    watched = comparison.watch([AudioBlock(noise(4, STORED_HZ), 0, STORED_HZ)], speech=[Span(0, 4)])
    next(iter(watched))
    watched.close()  # type: ignore[attr-defined]
    assert comparison._stretches == []


@needs_models
def test_leaked_voice_of_a_call_falls_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renderer that gives the raw voice back is found out while the call goes on, and the bundle is silent."""
    call = Stage(tmp_path / "call", Scripted(SAID, SAID))
    said = call_sound(1.0, 24.0, seconds=44.0)
    raw, render = np.asarray(said[::2]), call.worker._voices.render

    def leaking(*given: Any, start: int, end: int, **rest: Any) -> Rendering:
        rendering = render(*given, start=start, end=end, **rest)
        list(rendering.blocks)
        leaked = np.zeros(end - start, np.float32)
        leaked[: len(raw[start:end])] = raw[start:end]
        return replace(rendering, blocks=iter([AudioBlock(leaked, start, STORED_HZ)]))

    monkeypatch.setattr(call.worker._voices, "render", leaking)
    mic = call.open()
    call.speak(mic, said)
    call.end()
    assert call.errors == []
    (figure,) = figures(call.journal)
    assert figure > 0.8 > SAME_SPEAKER_COSINE

    told = Event(EventKind.VERIFY, detail={"check": VOICE_CHECK, "figure": figure})
    person = StagedPerson(
        ADA,
        1,
        sounds=[StagedSound(tone_at(2.0, beep=0.5))],
        words=[("hello", 0.4, 0.9, None)],
        events=[(told, "microphone")],
    )
    bundle = finished(stage(tmp_path, [person]), deaf_and_blind())
    assert np.abs(heard(bundle.path / "tracks/p01-microphone.m4a")).max() < 1e-3
    assert bundle.manifest.notes == ("voice-might-be-recognised-and-is-silent",)


@needs_models
@pytest.mark.parametrize("method", ["resynthesize", "disguise"])
def test_voice_of_a_person_is_compared_once(tmp_path: Path, method: str) -> None:
    """A recorded voice gives one figure, below the threshold where it is spoken again; no raw audio is held after."""
    path = SHARED_DATA / "voices" / "1688-142285-0002.flac"
    if not path.is_file():
        pytest.skip("the recorded voices are not on this machine")
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        frames = [one for frame in container.decode(audio=0) for one in resampler.resample(frame)]
    voice = np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)[: 8 * RATE]
    said = np.zeros(60 * RATE, np.float32)
    for place in (1, 22, 43):
        said[place * RATE : place * RATE + len(voice)] = voice
    call = Stage(
        tmp_path,
        Scripted(SAID, SAID, SAID),
        policy=Policy(voice=VoiceSection.model_validate({"method": method})),
    )
    mic = call.open()
    call.speak(mic, said)
    call.end()
    assert call.errors == []
    (figure,) = figures(call.journal)
    assert figure < (
        SAME_SPEAKER_COSINE if method == "resynthesize" else 0.95
    )  # a disguise is often recognised
    assert mic.comparison is None


@needs_models
def test_little_speech_is_compared_at_the_end(tmp_path: Path) -> None:
    """Somebody who says one sentence is compared when their microphone ends; who says nothing is not."""
    call = Stage(tmp_path, Scripted(SAID))
    said, quiet = call.open(), call.open(BOB)
    call.speak(said, call_sound(1.0, seconds=8.0))
    call.speak(quiet, np.zeros(8 * RATE, np.float32))
    call.end()
    assert len(figures(call.journal)) == 1
    assert figures(call.journal, BOB) == []


@needs_models
def test_a_failing_model_costs_no_audio(tmp_path: Path) -> None:
    """When the comparison raises it is told, nothing is noted as compared, and all the audio is stored."""
    call = Stage(tmp_path, Scripted(SAID, SAID))
    call.worker._speakers = replace(SpeakerModels.load(), embedder=Failing())
    mic = call.open()
    call.speak(mic, call_sound(1.0, 24.0, seconds=44.0))
    call.end()
    assert [type(error) for error in call.errors] == [RuntimeError]
    assert figures(call.journal) == []
    assert call.facts("gap") == []
    stored = call.sound()
    assert loud(stored, 1.0, 4.0)
    assert loud(stored, 24.0, 27.0)


@pytest.mark.parametrize("missing", ["models", "voice"])
def test_nothing_is_held_where_nothing_is_compared(tmp_path: Path, missing: str) -> None:
    """With the method mute, or without the models, no raw audio is held for a comparison, and no figure written."""
    method = "mute" if missing == "voice" else "resynthesize"
    call = Stage(
        tmp_path, Scripted(SAID), policy=Policy(voice=VoiceSection.model_validate({"method": method}))
    )
    if missing == "models":
        call.worker._speakers = None
    mic = call.open()
    assert mic.comparison is None
    call.speak(mic, call_sound(1.0, seconds=8.0))
    call.end()
    assert figures(call.journal) == []


@needs_models
def test_erasing_drops_what_is_held(tmp_path: Path) -> None:
    """A participant who is erased while they speak is not compared, and what was held of their voice is zeros."""
    call = Stage(tmp_path, Scripted(*[SAID] * 4))
    embedder = Remembering()
    call.worker._speakers = replace(SpeakerModels.load(), embedder=embedder)
    mic = call.open()
    comparison = mic.comparison
    assert comparison is not None
    for block in blocks(call_sound(1.0, seconds=30.0)):
        mic.inbox.put(block, size=block.samples.nbytes, at=block.time)
    call.worker.wake()
    wait_until(lambda: bool(comparison._stretches), seconds=60)
    held = [*(block.samples for block in comparison._held._blocks), comparison._stretches[0].raw]
    call.worker.forget(ADA)
    call.journal.erase(ADA)
    assert mic.over.wait(20)
    assert not any(samples.any() for samples in held)
    assert (comparison._stretches, embedder.heard) == ([], [])
    call.end()
    assert call.errors == []
    assert not call.journal.folder(ADA).exists()
