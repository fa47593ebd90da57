"""The column `adult` of a list of people: who declared what, and who declared nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.sources.sidecars.declared_ages import read_ages


def listed(folder: Path, text: str) -> Path:
    """Return a list of people."""
    path = folder / "call.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "everybody", "minor"),
    [
        ("name,adult\nAda Example,yes\nBob Other,TRUE\n", True, False),
        ("Adult;First name;Last name\n18+;Ada;Example\nno;Kim;Young\n", False, True),
        ("name,adult\nAda Example,yes\nKim Young,minor\n", False, True),
        ("name,adult\nAda Example,yes\nKim Young,\n", False, False),
        ("name,adult\nAda Example,yes\nKim Young,perhaps\n", False, False),
        ("name,adult\nAda Example,yes\nKim Young\n", False, False),
        ("name,role\nAda Example,yes\n", False, False),
        ("Ada Example,yes\nKim Young,no\n", False, False),
        ("name,adult\n", False, False),
        ("", False, False),
    ],
)
def test_only_a_plain_word_declares(tmp_path: Path, text: str, everybody: bool, minor: bool) -> None:
    """All are adults only where each row says so; a no makes a minor; anything else declares nothing."""
    ages = read_ages([listed(tmp_path, text)])
    assert ages.everybody_adult is everybody
    assert ages.is_minor(" kim  YOUNG") is minor
    assert not ages.is_minor("Ada Example")
    assert "Kim" not in repr(ages)


def test_nothing_is_declared_without_a_list() -> None:
    """Without any list nobody is declared anything."""
    ages = read_ages([])
    assert not ages.everybody_adult
    assert not ages.is_minor("")
