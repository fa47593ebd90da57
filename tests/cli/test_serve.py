"""`offrecord serve` before anybody has pushed: what it refuses, and with which status it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from recorder.commands.serve import serve
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
