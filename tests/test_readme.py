"""The README says what the program does: its blocks run, its tables are the program's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from redaction.errors import ExitCode
from redaction.policy import Policy
from redaction.weights import CATALOG
from tests.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
QUICKSTART = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
TROUBLESHOOTING = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
MODELS = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
MOST_LINES = 150
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "samples").glob("*.md")],
    key=lambda page: page.name,
)


def test_the_readme_is_one_page() -> None:
    """The README has at most 150 lines, and no sentence of more than 30 words."""
    assert len(README.splitlines()) <= MOST_LINES
    prose = re.sub(r"```.*?```|^[|#!<].*?$", "", README, flags=re.DOTALL | re.MULTILINE)
    for sentence in re.split(r"(?<=[.:?!])\s+", re.sub(r"\n(?!\n)", " ", prose)):
        assert len(sentence.split()) <= 30, sentence


def test_policy_example_is_accepted() -> None:
    """The policy shown is one, and says what the text beside it says."""
    policy = Policy.from_toml(re.findall(r"```toml\n(.*?)```", QUICKSTART, re.DOTALL)[0])
    assert policy.purpose.retention_days < Policy().purpose.retention_days
    assert policy.speech.personal == "word"


def test_status_table_is_complete() -> None:
    """The table of exit statuses lists each one that the program knows, and no other."""
    table = TROUBLESHOOTING.split("| status | meaning |\n|---|---|\n")[1].split("\n\n")[0]
    assert [int(row.split("|")[1]) for row in table.splitlines()] == sorted(map(int, ExitCode))


def test_model_table_is_the_catalog() -> None:
    """The table of models is the catalog's: name, group, licence, purpose."""
    rows = [f"| `{e.name}` | {e.group} | {e.licence} | {e.purpose} |" for e in CATALOG.values()]
    table = MODELS.split("| model | group | licence | what it is for |\n|---|---|---|---|\n")[1].split(
        "\n\n"
    )[0]
    assert table.splitlines() == rows


def test_make_targets_exist() -> None:
    """Every `make` target and `benchmarks` module that a page names exists."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"^make (\w+)|`make (\w+)`", text, re.MULTILINE):
            assert re.search(rf"^{''.join(target)}:", makefile, re.MULTILINE), (page.name, target)
        for module in re.findall(r"-m benchmarks\.(\w+)", text):
            place = ROOT / "benchmarks" / module
            assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), (
                page.name,
                module,
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of every page leads to a file of the project."""
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
