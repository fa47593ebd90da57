"""The command of an audit: what it refuses before a model is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import place_in, run


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["s3://bucket/dest"], 2, "copy the bundles out of the store"),
        ([".", "--gallery", "."], 2, "give --originals too"),
        ([".", "--limit", "faces=1"], 2, "no limit of that name"),
        ([".", "--html", "nowhere/audit.html"], 2, "folder for the page"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    arguments: list[str], status: int, sentence: str, tmp_path: Path
) -> None:
    """Each mistake has its documented status, and nothing is written."""
    place = place_in(tmp_path)
    done = run(["audit", *arguments], place)
    assert done.status == status, done.err
    assert sentence in done.err
    assert place.leftovers() == []
