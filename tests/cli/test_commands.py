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


def test_a_hostile_bundle_does_not_steer_the_terminal(tmp_path: Path) -> None:
    """Control characters and markup in a bundle that somebody hands over are shown, not obeyed."""
    place = place_in(tmp_path)
    bundle = publish(tmp_path / "out")
    manifest = json.loads((bundle / "manifest.json").read_text("utf-8"))
    manifest |= {"purpose": "\x1b]0;mine\x07[/red]", "notes": ["\x1b[2J\r\u202e"]}
    manifest["files"]["a\x1b[2Jb"] = {"sha256": "0" * 64, "bytes": 1}
    (bundle / "a\x1b[2Jb").write_bytes(b"x")
    (bundle / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    shown, verified = run(["show", bundle], place), run(["verify", bundle], place)
    assert (shown.status, verified.status) == (0, 3)
    assert "?]0;mine?[/red]" in shown.out
    for text in (shown.out, shown.err, verified.out, verified.err):
        assert all(letter.isprintable() or letter == "\n" for letter in text)


@pytest.mark.parametrize(
    "arguments", [[], ["redact"], ["nonsense"], ["redact", "a.mp4"], ["redact", "--blur", "a"]]
)
def test_wrong_use_is_status_2(arguments: list[str], tmp_path: Path) -> None:
    """What the command does not understand is status 2."""
    assert run(arguments, place_in(tmp_path)).status == 2
