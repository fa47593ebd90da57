"""Show tells what is in a bundle, verify whether it is whole, and the report can be made again."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from recorder.bundle.verify_files import verify_bundle
from recorder.commands.show import show, verify
from redaction.errors import RedactionIncomplete
from tests.recorder.bundle.bundles import published_file


def test_what_is_in_a_bundle_is_shown(tmp_path: Path) -> None:
    """A person gets a table, a program the manifest itself."""
    bundle = published_file(tmp_path).path
    table = CliRunner().invoke(show, [str(bundle)], catch_exceptions=False).stdout
    assert "1 faces, 1 person" in table
    assert "no-face-left passed" in table
    document = CliRunner().invoke(show, [str(bundle), "--json"], catch_exceptions=False).stdout
    assert document.strip() == (bundle / "manifest.json").read_text().strip()


def test_a_report_is_made_again(tmp_path: Path) -> None:
    """The flag puts a new report in place, and the bundle is whole afterwards."""
    bundle = published_file(tmp_path).path
    inode = (bundle / "report.html").stat().st_ino
    CliRunner().invoke(show, [str(bundle), "--rebuild-report"], catch_exceptions=False)
    assert (bundle / "report.html").stat().st_ino != inode
    assert len(verify_bundle(bundle)) == 5


def test_an_altered_bundle_is_told(tmp_path: Path) -> None:
    """Verify names what is wrong, and neither it nor a new report vouches for an altered file."""
    bundle = published_file(tmp_path).path
    steps = CliRunner().invoke(verify, [str(bundle), "--json"], catch_exceptions=False).stdout
    assert json.loads(steps)["verified"] is True
    (bundle / "transcript.vtt").write_text("WEBVTT\n\nmore\n")
    assert isinstance(CliRunner().invoke(verify, [str(bundle)]).exception, RedactionIncomplete)
    again = CliRunner().invoke(show, [str(bundle), "--rebuild-report"])
    assert isinstance(again.exception, RedactionIncomplete)
