"""Whose voice is told from vectors, with a fake recogniser that takes samples for vectors."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from recorder.audit.outcome import AttackOutcome, AuditVerdict
from recorder.audit.speech import Said
from recorder.audit.voice_vectors import VoiceRecogniser
from recorder.audit.voices import VoiceAttack
from redaction.model import Samples

LIMITS = {"voices": 0.4}
SIZE = 64


class FakeRecogniser:
    """Stands for a net: what it is given is the vector."""

    name = "fake"

    def vector(self, samples: Samples) -> NDArray[np.float32]:
        """Return it, of length 1."""
        return np.asarray(samples / max(1e-9, float(np.linalg.norm(samples))), np.float32)


def rows(*, stored: str, people: int = 8, recordings: int = 3, times: int = 2) -> dict[str, AttackOutcome]:
    """Return the rows of speakers each of whom says something so many times in so many recordings.

    Args:
        stored: `same`: the original; `recording`: a voice for each speaker in each recording; `each`: one for each
            utterance.
        people: speakers.
        recordings: of each.
        times: how often in each.
    """
    random = np.random.default_rng(5)
    attack = VoiceAttack([cast(VoiceRecogniser, FakeRecogniser())])

    def near(voice: NDArray[np.float64]) -> Samples:
        return np.asarray(voice + random.normal(0, 0.3, SIZE), np.float32)

    for speaker in range(people):
        own = random.normal(0, 1, SIZE)
        for recording in range(recordings):
            made = random.normal(0, 1, SIZE)
            for _ in range(times):
                heard = {"same": own, "recording": made, "each": random.normal(0, 1, SIZE)}[stored]
                name = f"recording {speaker} {recording}"
                attack.listen([Said(f"speaker {speaker}", name, near(own), near(heard))])
    vectors = [
        vector for said in attack.speakers.values() for one in said for pair in one.vectors for vector in pair
    ]
    found = {row.attack.rpartition(", ")[2]: row for row in attack.outcomes(LIMITS)}
    assert vectors
    assert not any(vector.any() for vector in vectors)
    assert attack.speakers == {}
    return found


def test_voices_that_stayed_are_recognised() -> None:
    """Whoever knows originals or stored recordings names them; within a recording it is told."""
    found = rows(stored="same")
    assert [row.verdict for row in found.values()] == [
        AuditVerdict.FAILED,
        AuditVerdict.FAILED,
        AuditVerdict.TOLD,
    ]
    assert all(row.figure == pytest.approx(0, abs=0.02) for row in found.values())


def test_a_voice_of_a_recording_is_recognised_within_it_alone() -> None:
    """That is on purpose and told apart: nobody is known from elsewhere."""
    found = rows(stored="recording")
    assert found["ignorant"].verdict is found["informed"].verdict is AuditVerdict.PASSED
    within = found["within a recording"]
    assert within.verdict is AuditVerdict.TOLD
    assert within.figure == pytest.approx(0, abs=0.02)
    assert within.limit is None
    assert "on purpose" in within.meaning


def test_voices_drawn_for_each_utterance_are_at_chance_within_a_recording_too() -> None:
    """The figure within a recording tells them apart, so it can be wrong."""
    figure = rows(stored="each")["within a recording"].figure
    assert figure is not None
    assert 0.3 < figure < 0.7


@pytest.mark.parametrize(
    ("shape", "run"),
    [
        ({"people": 3}, set()),
        ({"times": 1}, {"ignorant", "informed"}),
        ({"recordings": 1}, {"ignorant", "within a recording"}),
    ],
)
def test_what_cannot_be_compared_is_not_run(shape: dict[str, int], run: set[str]) -> None:
    """Too few speakers, one utterance in each recording, one recording of each; each says what is missing."""
    found = rows(stored="same", **shape)
    assert {name for name, row in found.items() if row.verdict is not AuditVerdict.NOT_RUN} == run
    assert all("at least 4" in row.meaning for name, row in found.items() if name not in run)
