"""The verbs beside `redact`: what they print, and the status they end with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import place_in, run
from tests.recorder.bundle.test_writer import publish


def test_doctor_finds_this_machine_fit(tmp_path: Path) -> None:
    """Where the tests pass, doctor finds every promise kept."""
    ran = run(["doctor"], place_in(tmp_path))
    assert ran.status == 0, ran.out
    assert "All promises can be kept here." in ran.out


def test_doctor_without_models_says_which_promise_fails(tmp_path: Path) -> None:
    """Missing models are status 6, and each is named."""
    ran = run(["doctor", "--json"], place_in(tmp_path), more={"OFFRECORD_MODELS": str(tmp_path / "no")})
    assert ran.status == 6
    missing = {item["name"] for item in json.loads(ran.out) if not item["fine"]}
    assert "model face.yunet" in missing


@pytest.mark.parametrize("verb", ["show", "verify"])
def test_show_and_verify_a_bundle(verb: str, tmp_path: Path) -> None:
    """A published bundle is shown and verified, for people and for programs."""
    place = place_in(tmp_path)
    bundle = publish(tmp_path / "out")
    plain = run([verb, bundle], place)
    assert plain.status == 0
    assert plain.out
    assert json.loads(run([verb, bundle, "--json"], place).out)
    (bundle / "recording.mp4").write_bytes(b"altered")
    assert run([verb, bundle], place).status == (3 if verb == "verify" else 0)
    assert run([verb, tmp_path / "nowhere"], place).status == 5


@pytest.mark.parametrize(
    "arguments", [[], ["redact"], ["nonsense"], ["redact", "a.mp4"], ["redact", "--blur", "a"]]
)
def test_wrong_use_is_status_2(arguments: list[str], tmp_path: Path) -> None:
    """What the command does not understand is status 2."""
    assert run(arguments, place_in(tmp_path)).status == 2
