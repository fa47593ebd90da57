"""`offrecord serve` before anybody has pushed: what it refuses, and with which status it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from recorder.commands.serve import serve
from recorder.operations.log import SAFE_KEYS
from redaction.errors import UsageError
from tests.cli.running import place_in, run

SECRET = "marker-secret-of-a-token"
GOOD = f'[[token]]\nsecret = "{SECRET}"\n'


@pytest.mark.parametrize(
    ("tokens", "more"),
    [
        (None, []),
        ("nonsense", []),
        (f'[[token]]\nsecret = "{SECRET}"\nadmin = true\n', []),
        (GOOD, ["--host", "0.0.0.0"]),
        (GOOD, ["--tls-cert", "missing.pem"]),
        (GOOD, ["--tls-cert", "missing.pem", "--tls-key", "missing.pem"]),
        (GOOD, ["--linger", "soon"]),
        (GOOD, ["--for", "999h"]),
    ],
)
def test_wrong_arguments(tokens: str | None, more: list[str], tmp_path: Path) -> None:
    """What cannot work ends with status 2 and a sentence, before models are loaded; no secret is repeated."""
    file = tmp_path / "tokens.toml"
    if tokens is not None:
        file.write_text(tokens, encoding="utf-8")
    out = tmp_path / "out"
    ran = CliRunner().invoke(serve, ["--tokens", str(file), "-o", str(out), *more])
    assert isinstance(ran.exception, UsageError)
    assert ran.exception.exit_code == 2
    assert SECRET not in ran.exception.sentence + ran.output
    assert not out.exists()


ZOOM = f'client_id = "app"\nclient_secret = "{SECRET}"\nwebhook_secret = "{SECRET}"\n'


@pytest.mark.parametrize(
    ("zoom", "more"),
    [
        (None, []),
        ("nonsense", []),
        (ZOOM + "admin = true\n", []),
        (ZOOM, ["--tokens", "tokens.toml"]),
        (ZOOM, ["--host", "0.0.0.0"]),
        (ZOOM, ["--origin", "https://call.example"]),
    ],
)
def test_wrong_arguments_of_zoom(zoom: str | None, more: list[str], tmp_path: Path) -> None:
    """What cannot work with --zoom ends with status 2 and a sentence, before anything is listened on."""
    file = tmp_path / "zoom.toml"
    if zoom is not None:
        file.write_text(zoom, encoding="utf-8")
    out = tmp_path / "out"
    ran = CliRunner().invoke(serve, ["--zoom", str(file), "-o", str(out), *more])
    assert isinstance(ran.exception, UsageError)
    assert SECRET not in ran.exception.sentence + ran.output
    assert not out.exists()


def test_neither_tokens_nor_zoom(tmp_path: Path) -> None:
    """Who may push, or that Zoom announces, has to be said."""
    ran = CliRunner().invoke(serve, ["-o", str(tmp_path / "out")])
    assert isinstance(ran.exception, UsageError)


def test_zoom_without_models(tmp_path: Path) -> None:
    """A missing model is told before anything is listened on, and not at the first meeting."""
    file = tmp_path / "zoom.toml"
    file.write_text(ZOOM, encoding="utf-8")
    place = place_in(tmp_path)
    ran = run(
        ["serve", "--zoom", str(file), "-o", str(place.out), "--port", "0"],
        place,
        more={"OFFRECORD_MODELS": str(tmp_path / "nowhere")},
    )
    assert ran.status == 6, ran.err
    assert "announces" not in ran.err
    assert SECRET not in ran.err + ran.out


@pytest.mark.slow
def test_nobody_can_be_asked(tmp_path: Path) -> None:
    """Where no token vouches and the policy does not record unasked, it ends with status 4 and leaves nothing."""
    file = tmp_path / "tokens.toml"
    file.write_text(GOOD, encoding="utf-8")
    place = place_in(tmp_path)
    ran = run(["serve", "--tokens", str(file), "-o", str(place.out), "--port", "0", "--json"], place)
    if ran.status == 6:
        pytest.skip("models are not in place")
    assert ran.status == 4, ran.err
    assert "if_unasked" in ran.err
    assert place.bundles() == place.partials() == place.leftovers() == []


@pytest.mark.slow
def test_operational_log_of_the_process_tells_nothing_that_was_typed(tmp_path: Path) -> None:
    """Every line of the log has safe keys alone, and no secret, name or path of the command line stands in it."""
    file = tmp_path / "tokens.toml"
    file.write_text(GOOD + 'name = "Marker Name"\nconsent = true\n', encoding="utf-8")
    place = place_in(tmp_path)
    arguments = [
        "serve",
        "--tokens",
        str(file),
        "-o",
        str(place.out),
        "--port",
        "0",
        "--for",
        "3s",
        "--quiet",
    ]
    ran = run(
        [*arguments, "--log-format", "json", "--log-level", "debug", "--roster", "Marker Roster"], place
    )
    if ran.status == 6:
        pytest.skip("models are not in place")
    assert ran.status == 4, ran.err
    lines = [json.loads(line) for line in ran.err.splitlines() if line.startswith("{")]
    assert [line["event"] for line in lines] == ["call_started", "asking", "leaving", "failed"]
    for line in lines:
        assert set(line) <= {*SAFE_KEYS, "event", "level", "time"}
        assert "withheld" not in line
    log = "\n".join(line for line in ran.err.splitlines() if line.startswith("{"))
    assert "marker" not in log.lower()
    assert str(tmp_path) not in log
