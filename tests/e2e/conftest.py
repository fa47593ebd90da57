"""The sample call and the real command, for tests of the whole."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from redaction.errors import OffrecordError
from redaction.weights import locate
from samples.make import Sample, make_call
from samples.speech import SCRIPT

COMMAND = str(Path(sys.executable).with_name("offrecord"))
MODELS = (
    "face.yunet", "face.centerface", "face.blazeface", "age.faceapi", "age.faceres_deep", "person.selfie",
    "speech.whisper_tiny_en", "align.pocketsphinx", "voice.hibari", "text.rampart",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Redacted:
    """A sample, the bundle made of it, and what the command said."""

    sample: Sample
    bundle: Path
    said: str


def run_offrecord(
    arguments: Sequence[str], *, before: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the installed command, behind another one if asked."""
    return subprocess.run(
        [*before, COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )


def needs_models() -> None:
    """Skip where models are missing."""
    try:
        for name in MODELS:
            locate(name)
    except OffrecordError as error:
        pytest.skip(f"models are not in place: {error.sentence}")


@pytest.fixture(scope="session")
def short_call(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The first sentences of the sample call: a few seconds with a face, two names and a voice."""
    needs_models()
    return make_call(tmp_path_factory.mktemp("short"), script=SCRIPT[:2])


@pytest.fixture(scope="session")
def redacted(tmp_path_factory: pytest.TempPathFactory) -> Redacted:
    """The whole sample call (MKV, so with an attachment too), redacted once by the real command."""
    needs_models()
    sample = make_call(tmp_path_factory.mktemp("sample"), container="mkv")
    out = tmp_path_factory.mktemp("out")
    done = run_offrecord(["redact", str(sample.path), "-o", str(out)])
    assert done.returncode == 0, done.stderr
    bundles = list(out.iterdir())
    assert len(bundles) == 1
    return Redacted(sample, bundles[0], done.stdout + done.stderr)
