"""Microphones: what is stored is at its place, silent where it must be, and never what was said."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.bundle.manifest import MediaKind
from recorder.call.source import TimedAudio
from recorder.live.capture import audio_segments
from recorder.live.capture import audio_worker as sounds
from recorder.live.capture.age_state import ParticipantAge
from recorder.live.capture.audio_track import Microphone, ResampledInput, loudness
from recorder.live.capture.audio_worker import AudioWorker
from recorder.live.store.journal import Journal, SegmentPaths
from recorder.live.text.words import Late
from redaction.model import AudioBlock, Samples
from redaction.policy import MinorsSection, Policy, VoiceSection
from redaction.video.people.adulthood import AgeVerdict
from tests.recorder.live.capture.test_age_state import Face
from tests.recorder.live.scene import ADA, BOB, heard, journal_of, lines, wait_until
from tests.recorder.live.speech import RATE, Scripted, spoken, stages_of

BLOCK = 960


def blocks(samples: Samples, *, at: float = 0.0) -> list[TimedAudio]:
    """Cut samples into blocks of 20 ms on the call clock."""
    return [
        TimedAudio(samples[start : start + BLOCK], RATE, at + start / RATE)
        for start in range(0, len(samples) - BLOCK + 1, BLOCK)
    ]


def call_sound(*places: float, seconds: float) -> Samples:
    """Return silence with one spoken sentence at each place."""
    made = np.zeros(round(seconds * RATE), np.float32)
    for place in places:
        start = round(place * RATE)
        part = spoken()[: len(made) - start]
        made[start : start + len(part)] = part
    return made


class Stage:
    """One call's sound: a worker, a journal and the errors that were told."""

    def __init__(
        self,
        folder: Path,
        transcriber: Scripted,
        *,
        names: tuple[str, ...] = (),
        policy: Policy | None = None,
    ) -> None:
        self.folder = folder
        self.journal = journal_of(folder, ADA, BOB)
        self.errors: list[BaseException] = []
        rules = policy or Policy()
        self.worker = AudioWorker(
            stages_of(transcriber, names=names, policy=rules),
            policy=rules,
            journal=self.journal,
            on_error=self.errors.append,
        )
        self.worker.start()

    def open(self, token: str = ADA, age: ParticipantAge | None = None) -> Microphone:
        """Open a microphone."""
        return self.worker.open(token, age or ParticipantAge())

    def speak(self, mic: Microphone, samples: Samples, *, at: float = 0.0) -> None:
        """Give samples to a microphone."""
        for block in blocks(samples, at=at):
            mic.inbox.put(block, size=block.samples.nbytes, at=block.time)
        self.worker.wake()

    def end(self) -> None:
        """Wait for what was given, and end."""
        assert self.worker.stop(60)

    def words(self, token: str = ADA) -> list[str]:
        """Return the last text of every utterance."""
        last = {line["id"]: line for line in lines(self.journal.folder(token) / "words.jsonl")}
        return [" ".join(word["text"] for word in line["words"]) for line in last.values()]

    def facts(self, kind: str, token: str = ADA) -> list[dict[str, object]]:
        """Return the details of a participant's facts of a kind."""
        return [
            line["detail"]
            for line in lines(self.journal.folder(token) / "facts.jsonl")
            if line["kind"] == kind
        ]

    def sound(self, token: str = ADA) -> Samples:
        """Return a participant's stored sound on the call clock, float32 at 48,000 Hz."""
        out = np.zeros(0, np.float32)
        for path in sorted(self.journal.folder(token).glob("microphone-*.mp4")):
            start = round(lines(path.with_suffix(".jsonl"))[0]["start"] * RATE)
            samples = heard(path)
            out = np.concatenate([out, np.zeros(max(0, start + len(samples) - len(out)), np.float32)])
            out[start : start + len(samples)] += samples
        return out


def loud(samples: Samples, start: float, end: float) -> bool:
    """Tell whether anything can be heard between two times."""
    part = samples[round(start * RATE) : round(end * RATE)]
    return len(part) > 0 and float(np.abs(part).max()) > 0.01


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from([8_000, 16_000, 48_000]), st.integers(1, 3000), st.floats(-0.3, 2.0)),
        max_size=12,
    )
)
def test_an_ear_never_overlaps_or_goes_back(steps: list[tuple[int, int, float]]) -> None:
    """Whatever rates, lengths and times come, what is heard is in order, and as long as what came less overlaps."""
    ear, at, done = ResampledInput(), 0.0, list[AudioBlock]()
    for rate, count, jump in steps:
        at = max(0.0, at + jump)
        done += ear.take(TimedAudio(np.ones(count, np.float32), rate, at))
        at += count / rate
    done += ear.finish()
    for before, after in itertools.pairwise(done):
        assert after.start >= before.start + len(before.samples)
    assert sum(len(block.samples) for block in done) <= sum(n * 16_000 / r + 8 for r, n, _ in steps)


def test_an_ear_keeps_time_over_small_drift_and_realigns() -> None:
    """Blocks whose times drift by 100 ppm for an hour's worth stay within 60 ms of the call clock."""
    ear, worst = ResampledInput(), 0.0
    for number in range(3600 * 5):
        true = number * 0.2 * (1 + 100e-6)
        out = ear.take(TimedAudio(np.zeros(3200, np.float32), 16_000, true))
        worst = max([worst, *(abs(block.span.start - true) for block in out)])
    assert worst < 0.07


def test_concealed_sound_is_silence() -> None:
    """Samples that a jitter buffer made up are heard by nobody."""
    (block,) = ResampledInput().take(TimedAudio(np.ones(16_000, np.float32), 16_000, 0.0, concealed=True))
    assert not block.samples.any()


def test_words_are_spoken_anew_at_their_places(tmp_path: Path) -> None:
    """Two sentences far apart are heard where they were said in another voice, silence lies between, words stand."""
    stage = Stage(tmp_path, Scripted("good morning to all of you", "and welcome to this meeting"))
    mic = stage.open()
    stage.speak(mic, call_sound(2.0, 24.0, seconds=44.0))
    stage.end()
    assert stage.errors == []
    assert stage.words() == ["good morning to all of you", "and welcome to this meeting"]
    stored = stage.sound()
    assert abs(len(stored) / RATE - 44.0) < 0.1
    assert loud(stored, 1.8, 5.0)
    assert not loud(stored, 8.0, 23.5)
    assert loud(stored, 23.8, 27.0)
    said = call_sound(2.0, 24.0, seconds=44.0)[: len(stored)]
    both = stored[2 * RATE : 5 * RATE], said[2 * RATE : 5 * RATE]
    assert abs(float(np.corrcoef(*both)[0, 1])) < 0.2
    assert {"reason": "no camera tells an age"} in stage.facts("speech")


def test_sound_that_was_not_understood_is_never_stored(tmp_path: Path) -> None:
    """Where the recogniser raises, nothing is heard, and what comes later is stored."""
    stage = Stage(tmp_path, Scripted("raise", "and welcome to this meeting"))
    mic = stage.open()
    stage.speak(mic, call_sound(2.0, 24.0, seconds=44.0))
    stage.end()
    stored = stage.sound()
    assert not loud(stored, 0.0, 22.0)
    assert loud(stored, 23.8, 27.0)
    assert stage.words() == ["and welcome to this meeting"]


@pytest.mark.parametrize("method", ["disguise", "mute"])
def test_other_ways_with_voices(tmp_path: Path, method: str) -> None:
    """A disguised voice is heard where it spoke and nowhere else; a muted one nowhere; personal words never are."""
    policy = Policy(voice=VoiceSection.model_validate({"method": method}))
    stage = Stage(tmp_path, Scripted("my name is rose and i am new"), names=("rose",), policy=policy)
    mic = stage.open()
    stage.speak(mic, call_sound(5.0, seconds=12.0))
    stage.end()
    assert stage.errors == []
    assert stage.words() == ["my name is PERSON 1 and i am new"]
    stored = stage.sound()
    assert loud(stored, 5.0, 8.5) == (method == "disguise")
    assert not loud(stored, 0.0, 4.7)
    (line,) = lines(stage.journal.folder(ADA) / "words.jsonl")
    name = next(word for word in line["words"] if word["entity_type"])
    assert not loud(stored, name["start"], name["end"])


def test_a_name_found_late_leaves_the_stored_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is told a minute after it was stored goes out of the earlier piece, its sound and its line."""
    monkeypatch.setattr(audio_segments, "AUDIO_SEGMENT_S", 30.0)
    lines_said = [
        "the rose plan is good",
        "so far so good",
        "nothing new from here",
        "my name is rose by the way",
    ]
    stage = Stage(tmp_path, Scripted(*lines_said), names=("rose",))
    mic = stage.open(BOB)
    whole = call_sound(2.0, 24.0, 44.0, 104.0, seconds=116.0)
    stage.speak(mic, whole[: 100 * RATE])
    wait_until(lambda: len(stage.words(BOB)) >= 3, seconds=60)
    first = stage.journal.folder(BOB) / "words.jsonl"
    before = lines(first)[0]
    spoken_name = next(word for word in before["words"] if word["text"] == "rose")
    before_sound = stage.sound(BOB)
    assert loud(before_sound, spoken_name["start"], spoken_name["end"])
    stage.speak(mic, whole[100 * RATE :], at=100.0)
    stage.end()
    assert stage.errors == []
    assert stage.words(BOB)[0] == "the PERSON 1 plan is good"
    after = stage.sound(BOB)
    assert not loud(after, spoken_name["start"] + 0.02, spoken_name["end"] - 0.02)
    assert loud(after, spoken_name["end"] + 0.15, spoken_name["end"] + 1.0)
    assert {"reason": "personal word found later"} in stage.facts("mended", BOB)


def test_forgetting_in_the_middle_leaves_no_file_and_no_word(tmp_path: Path) -> None:
    """A participant forgotten while they speak leaves nothing on the disk or in the words; the other is stored."""
    stage = Stage(tmp_path, Scripted(*["one of many lines that were said"] * 8))
    first, second = stage.open(ADA), stage.open(BOB)
    sound = call_sound(2.0, 24.0, seconds=50.0)
    stage.speak(first, sound[: 30 * RATE])
    stage.speak(second, sound)
    wait_until(lambda: bool(stage.words(ADA)), seconds=60)
    stage.worker.forget(ADA)
    stage.journal.erase(ADA)
    stage.worker.book.forget(ADA)
    stage.speak(first, sound[30 * RATE :], at=30.0)
    stage.end()
    assert stage.errors == []
    assert [item.name for item in (tmp_path / "live/people").iterdir()] == [BOB]
    assert not stage.worker.book.holds(ADA)
    assert len(stage.words(BOB)) == 2
    assert first.pending == []


def test_a_search_that_breaks_does_not_end_the_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When looking over what was said fails, it is told, and what is said next is stored all the same."""
    monkeypatch.setattr(sounds, "_LOOK_OVER_EVERY_S", 0.0)
    stage = Stage(tmp_path, Scripted("one of many lines that were said"))

    def broken() -> list[Late]:
        raise RuntimeError("a model fails")

    monkeypatch.setattr(stage.worker.book, "look_over", broken)
    mic = stage.open(ADA)
    wait_until(lambda: bool(stage.errors))
    stage.speak(mic, call_sound(1.0, seconds=6.0))
    stage.end()
    assert {type(error) for error in stage.errors} == {RuntimeError}
    assert len(stage.words(ADA)) == 1
    assert loud(stage.sound(ADA), 1.0, 5.0)


def test_a_file_that_an_erasure_took_away_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A withdrawal between choosing a piece's place and opening it does not count as a disk that fails."""
    stage = Stage(tmp_path, Scripted("one of many lines that were said"))
    mic = stage.open(ADA)
    place = stage.journal.segment

    def raced(token: str, kind: MediaKind) -> SegmentPaths:
        paths = place(token, kind)
        stage.worker.forget(token)
        stage.journal.erase(token)
        return paths

    monkeypatch.setattr(stage.journal, "segment", raced)
    stage.speak(mic, call_sound(1.0, seconds=6.0))
    stage.end()
    assert stage.errors == []
    assert [item.name for item in (tmp_path / "live/people").iterdir()] == [BOB]


def test_sound_waits_for_a_proof_of_age_and_is_dropped_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a camera on, words are held back until an adult is proved; what is too old by then is a gap, the rest
    is stored."""
    monkeypatch.setattr(sounds, "WITHHELD_S", 25.0)
    age = ParticipantAge(MinorsSection(in_doubt="remove"))
    age.camera_opened("camera", 0.0)
    stage = Stage(
        tmp_path, Scripted("these words came too early", "these were said just now", "and these follow")
    )
    mic = stage.open(ADA, age)
    sound = call_sound(2.0, 30.0, 46.0, seconds=66.0)
    stage.speak(mic, sound[: 55 * RATE])
    wait_until(lambda: stage.facts("gap") != [], seconds=60)
    assert stage.words() == []
    age.saw("camera", 55.0, [Face(age=AgeVerdict.ADULT)])
    age.camera_paused("camera")
    stage.speak(mic, sound[55 * RATE :], at=55.0)
    stage.end()
    assert stage.words() == ["these were said just now", "and these follow"]
    assert set(map(str, stage.facts("gap"))) == {"{'reason': 'not proved an adult'}"}
    stored = stage.sound()
    assert not loud(stored, 0.0, 29.0)
    assert loud(stored, 29.8, 33.0)


def test_an_unproved_participants_words_never_come_out(tmp_path: Path) -> None:
    """Somebody whose camera never proves an adult leaves neither words nor sound, and the gaps say so."""
    age = ParticipantAge(MinorsSection(in_doubt="remove"))
    age.camera_opened("camera", 0.0)
    age.saw("camera", 1.0, [Face()])
    stage = Stage(tmp_path, Scripted("words of a child", "more words of a child"))
    mic = stage.open(ADA, age)
    stage.speak(mic, call_sound(2.0, 24.0, seconds=44.0))
    stage.end()
    assert stage.words() == []
    assert not loud(stage.sound(), 0.0, 44.0)
    assert stage.facts("gap")


def test_a_flood_of_sound_is_dropped_and_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue that overflows costs sound, which is silent and a gap, and nothing else."""
    monkeypatch.setattr(sounds, "MOST_BLOCKS", 500)
    stage = Stage(tmp_path, Scripted("the last words that were said"))
    mic = stage.open()
    sound = call_sound(2.0, 24.0, seconds=30.0)
    all_blocks = blocks(sound)
    for block in all_blocks:
        mic.inbox.put(block, size=block.samples.nbytes, at=block.time)
    stage.end()
    assert stage.errors == []
    assert {"reason": "overload"} in stage.facts("gap")
    assert mic.inbox.drops > 0
    assert stage.words() == ["the last words that were said"]
    assert loud(stage.sound(), 23.8, 27.0)


def test_pauses_of_a_microphone_are_exact_silence(tmp_path: Path) -> None:
    """A microphone that sends nothing for ten minutes and then speaks is heard where it spoke."""
    stage = Stage(tmp_path, Scripted("good morning to all of you", "and welcome to this meeting"))
    mic = stage.open()
    stage.speak(mic, call_sound(1.0, seconds=6.0))
    stage.speak(mic, call_sound(1.0, seconds=6.0), at=600.0)
    stage.end()
    stored = stage.sound()
    assert loud(stored, 0.8, 4.5)
    assert not loud(stored, 6.0, 600.0)
    assert loud(stored, 600.8, 604.5)


def test_nothing_is_stored_without_a_consent_on_record(tmp_path: Path) -> None:
    """A microphone of somebody whose record was never written leaves no file, and ends."""
    stage = Stage(tmp_path, Scripted("good morning to all of you"))
    stage.journal = Journal(tmp_path)
    mic = stage.open("d" * 16)
    stage.speak(mic, call_sound(1.0, seconds=6.0))
    stage.end()
    assert not (tmp_path / "live/people" / ("d" * 16)).exists()


def test_loudness_is_in_decibels() -> None:
    """A full-scale square is 0 dB, silence and nothing are very little."""
    assert loudness(np.ones(100, np.float32)) == pytest.approx(0.0, abs=0.01)
    assert loudness(np.zeros(100, np.float32)) < -100
    assert loudness(np.zeros(0, np.float32)) < -100
