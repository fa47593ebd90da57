"""Models are loaded when they are needed, once, and a missing one is told before anything is decoded."""

from __future__ import annotations

from pathlib import Path

import pytest

from redaction.errors import ModelUnavailable
from redaction.policy import Policy
from redaction.stages import Stages


def test_a_missing_model_is_told_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an empty cache neither video nor audio can be prepared; what needs nothing is."""
    monkeypatch.setenv("OFFRECORD_MODELS", str(tmp_path))
    stages = Stages(Policy())
    stages.prepare(video=False, audio=False)
    for kinds in ({"video": True, "audio": False}, {"video": False, "audio": True}):
        with pytest.raises(ModelUnavailable):
            stages.prepare(**kinds)
    stages.close()


def test_models_are_loaded_once(real_models: None) -> None:
    """Recordings of a run share them; no speaker is made where nothing is to be spoken."""
    stages = Stages(Policy.model_validate({"voice": {"method": "mute"}}))
    try:
        assert stages.second_look is stages.second_look
        assert stages.audio is stages.audio
        assert stages.audio.synthesizer is None
    except ModelUnavailable:
        pytest.skip("the models are not in the cache: offrecord models fetch")
    finally:
        stages.close()
