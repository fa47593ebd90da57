"""Generated documents say what the program does."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from types import ModuleType

import pytest
from pydantic import ValidationError

from redaction.policy import Policy
from tests.paths import ROOT


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_files_are_up_to_date() -> None:
    """Every generated page and schema is what the program would generate now (run docs/generate.py).

    In a process of its own: click keeps a command's help option as it was first asked for.
    """
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_schema_is_left_over(generate: ModuleType) -> None:
    """No schema stands in docs/schema that nothing generates."""
    assert set((ROOT / "docs" / "schema").glob("*")) == {
        path for path in generate.outputs() if path.suffix == ".json"
    }


def test_every_key_is_on_the_page(generate: ModuleType) -> None:
    """The policy page names every key of the policy and a default that the policy accepts."""
    page = generate.policy_page()
    sections = Policy().model_dump(mode="json")
    profile = sections.pop("profile")
    assert f'| `profile` | `"product"` \\| `"school"` | `"{profile}"` |' in page
    for section, values in sections.items():
        part = page.split(f"## [{section}]\n")[1].split("\n## ")[0]
        for key, value in values.items():
            row = next(line for line in part.splitlines() if line.startswith(f"| `{key}` |"))
            shown = row.split(" | ")[2].strip("`")
            assert json.loads(shown) == value


def test_a_key_without_a_note_is_refused(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that nobody described stops the generator instead of standing there empty."""
    notes = {key: note for key, note in generate.NOTES.items() if key != "faces.method"}
    monkeypatch.setattr(generate, "NOTES", notes)
    with pytest.raises(KeyError, match=r"faces\.method"):
        generate.policy_page()


def test_the_example_is_a_policy(generate: ModuleType) -> None:
    """The example on the policy page is accepted as it stands."""
    example = generate.HEADER.split("```toml\n")[1].split("```")[0]
    policy = Policy.from_toml(example)
    assert policy.purpose.retention_days == 30
    assert policy.speech.allow == ("Jenkins", "Grafana")


def test_schema_refuses_unknown_keys() -> None:
    """The policy's schema and its reader agree that there are no further keys."""
    schema = json.loads((ROOT / "docs" / "schema" / "policy.schema.json").read_text(encoding="utf-8"))
    assert schema["additionalProperties"] is False
    with pytest.raises(ValidationError):
        Policy.model_validate({"unheard": {}})
