"""The last digits of a number that are said in a call are in no file that is stored, and nobody hears them."""

from __future__ import annotations

import json
import re
import wave
from pathlib import Path
from typing import Final

import av
import numpy as np
import pytest

from redaction.audio.listening.listen import Listener
from redaction.audio.redact import LISTENING_HZ
from redaction.model import AudioBlock
from redaction.policy import Policy
from redaction.stages import AudioStages, Stages
from samples.speech import SAMPLE_HZ, ScriptLine, speak_call
from tests.e2e.conftest import needs_models, run_offrecord

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SCRIPT: Final = (
    ScriptLine(0, "My card is the one ending in {forty two}, so the order is still open."),
    ScriptLine(1, "Please tell me the last four digits, {four two four two}, and then we close it."),
)
TELLING: Final = re.compile(r"\d|\b(?:forty|two)\b", re.IGNORECASE)


def _heard(path: Path, stages: AudioStages) -> str:
    """Return what the recogniser hears in a file."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=LISTENING_HZ)
    with av.open(str(path)) as container:
        parts = [
            part.to_ndarray()[0] for one in container.decode(audio=0) for part in resampler.resample(one)
        ]
    listener = Listener(track="a", speaker="S1", transcriber=stages.transcriber, aligner=stages.aligner)
    block = AudioBlock(np.concatenate(parts).astype(np.float32), 0, LISTENING_HZ)
    return " ".join(word.text for one in (*listener.push(block), *listener.flush()) for word in one.words)


def test_last_digits_are_neither_read_nor_heard(tmp_path: Path) -> None:
    """`ending in 42` and `last four digits 4 2 4 2` are masked as text and gone from the audio; the rest stays."""
    needs_models()
    source = tmp_path / "call.wav"
    with wave.open(str(source), "wb") as file:
        file.setparams((1, 2, SAMPLE_HZ, 0, "NONE", ""))
        file.writeframes((speak_call(SCRIPT).samples * 32767).astype(np.int16).tobytes())
    done = run_offrecord(["redact", str(source), "-o", str(tmp_path / "out")])
    assert done.returncode == 0, done.stderr
    (bundle,) = (tmp_path / "out").iterdir()
    document = json.loads((bundle / "transcript.json").read_text(encoding="utf-8"))
    words = [word for utterance in document["utterances"] for word in utterance["words"]]
    kept = " ".join(word["text"] for word in words if word["entity_type"] is None)
    assert not TELLING.search(kept)
    assert {"card", "order", "open", "digits", "close"} <= set(re.findall(r"[a-z]+", kept.lower()))
    stages = Stages(Policy()).audio
    assert (
        len(TELLING.findall(_heard(source, stages))) >= 2
    )  # the recogniser does hear them where they are said
    (recording,) = bundle.glob("recording.*")
    heard = _heard(recording, stages)
    assert not TELLING.search(heard)
    assert "digits" in heard.lower()
