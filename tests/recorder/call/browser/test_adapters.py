"""The adapters: one file each, off unless named where they were not tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.call.browser.adapters import adapter_named, known_adapters
from recorder.call.browser.hosts import AllowedHosts
from redaction.errors import UsageError
from tests.recorder.call.browser.meeting import ADAPTER


def test_only_what_was_tried_is_tried_unasked() -> None:
    """Without a name: the tested ones, the generic one last; an untested one only by its name."""
    names = [adapter.name for adapter in adapter_named(None)]
    assert names == ["janus", "generic"]
    untested = [adapter.name for adapter in known_adapters() if not adapter.facts.tested]
    assert set(untested) == {"bigbluebutton", "jitsi", "meet", "teams", "zoom"}
    for name in untested:
        assert [adapter.name for adapter in adapter_named(name)] == [name]


def test_every_adapter_is_whole() -> None:
    """Its hosts can be allowed, and its script has what the page asks for."""
    for adapter in known_adapters():
        AllowedHosts(["example.org", *adapter.facts.hosts])
        for part in ("name:", "step", "people", "owner"):
            assert part in adapter.script, (adapter.name, part)
        assert adapter.script.startswith("({")
        assert adapter.script.endswith("})")


def test_a_file_of_ones_own_is_an_adapter(tmp_path: Path) -> None:
    """By its path; a file that is none is told without a word of what is in it."""
    assert adapter_named(ADAPTER)[0].facts.title.startswith("the meeting that the tests")
    bad = tmp_path / "bad.js"
    bad.write_text("({})")
    for name in (str(bad), str(tmp_path / "absent.js"), "nobody", "", "/etc/passwd"):
        with pytest.raises(UsageError):
            adapter_named(name)
    bad.write_text("x" * 70_000)
    with pytest.raises(UsageError, match="too large"):
        adapter_named(str(bad))
