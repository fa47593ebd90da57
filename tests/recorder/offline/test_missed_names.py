"""With the real models: a name that the first search of a recorded file misses is found by the second."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from recorder.bundle.writer import BundleWriter
from recorder.media.encode import AudioWriter
from recorder.media.file import FileSource
from recorder.offline.session import redact_file
from recorder.runtime.context import Run
from redaction.audio.listening.listen import Listener
from redaction.errors import ModelUnavailable
from redaction.model import AudioBlock, Gap, TextFinding, Utterance
from redaction.policy import Policy
from redaction.stages import Stages
from redaction.text.find import PersonalDataFinder
from redaction.text.known import Memory
from tests.media import samples_of

SPEAKING_HZ = 24_000
pytestmark = pytest.mark.slow


class FakeForgetfulFinder:
    """Finds nothing in its first search, and whatever is there in every later one; it never sees written words."""

    def __init__(self, finder: PersonalDataFinder) -> None:
        self.finder = finder
        self.searches = 0

    def find_on(
        self, utterances: Sequence[Utterance], memories: MutableMapping[str, Memory]
    ) -> list[TextFinding]:
        """Search, but not the first time."""
        self.searches += 1
        return [] if self.searches == 1 else self.finder.find_on(utterances, memories)

    def find(self, utterances: Sequence[Utterance]) -> list[TextFinding]:
        """Find nothing in what is stored as text: the audio alone must give the name away."""
        return []


@pytest.fixture(scope="module")
def stages() -> Stages:
    """The real models."""
    made = Stages(Policy())
    try:
        _ = made.audio
    except ModelUnavailable:
        pytest.skip("the models are not in the cache: offrecord models fetch")
    return made


@pytest.mark.parametrize("name", ["Rebecca", "Ben"])
def test_a_missed_name_is_found_in_the_stored_audio(tmp_path: Path, stages: Stages, name: str) -> None:
    """It is neither spoken nor written, its neighbours are, and the log says that something was repaired."""
    text = f"My name is {name} Johnson. The weather is lovely today."
    spoken = np.asarray(import_module("hibari").Hibari()(text, seed=7), np.float32)
    clip = tmp_path / "a.m4a"
    with AudioWriter(clip, sample_rate=SPEAKING_HZ) as writer:
        writer.write(AudioBlock(spoken, 0, SPEAKING_HZ))
    faulty = Stages(Policy())
    finder = FakeForgetfulFinder(stages.audio.finder)
    faulty._audio = replace(stages.audio, finder=cast(PersonalDataFinder, finder))
    bundle = redact_file(FileSource(clip), BundleWriter(tmp_path / "out", "one"), stages=faulty, run=Run())
    written = (bundle.path / "transcript.vtt").read_text("utf-8").casefold()
    assert name.casefold() not in written
    assert "johnson" not in written
    assert "weather is lovely today" in written
    source = FileSource(bundle.path / "recording.mp4")
    samples = samples_of([item for item in source.audio("A1", 16_000) if not isinstance(item, Gap)])
    words: set[str] = set()
    for start in (0, 16_000, 2 * 16_000):  # after a tone the small recogniser sometimes stops listening
        listener = Listener(
            track="A1", speaker="S1", transcriber=stages.audio.transcriber, aligner=stages.audio.aligner
        )
        again = [*listener.push(AudioBlock(samples[start:], 0, 16_000)), *listener.flush()]
        words |= {word.text.strip(".,").casefold() for one in again for word in one.words}
    assert not words & {name.casefold(), "johnson"}
    assert words & {"weather", "lovely", "today"}  # a voice drawn at random is not understood word for word
    assert finder.searches > 1
    assert '"event":"mended"' in (bundle.path / "log.jsonl").read_text("utf-8")
