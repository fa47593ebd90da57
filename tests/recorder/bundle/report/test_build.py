"""The report is made of a bundle's files alone, fetches nothing, and can be made again of any bundle."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import pytest

from recorder.bundle.manifest import StillEntry, TrackEntry
from recorder.bundle.report.build import REPORT_FILE, rebuild_report, report_of
from recorder.bundle.verify_files import read_manifest, verify_bundle
from redaction.errors import RedactionIncomplete, UnreadableInput
from tests.recorder.bundle.bundles import published_file
from tests.recorder.bundle.report.calls import call_report, manifest


def test_page_shows_everybody_and_fetches_nothing(tmp_path: Path) -> None:
    """Each participant has a time line; how many are not in it is one figure; no address is in the page."""
    page = call_report(tmp_path, manifest())
    text = re.sub(r"<[^>]+>", " ", page)
    assert re.search(r"2 participants agreed and are recorded; 3 refused", text)
    assert page.count("<h3>") == 2
    for name in ("present", "camera stored", "speaking", "spared for load", "gaps"):
        assert f"<span>{name}</span>" in page
    assert "whole pictures were covered for a while" in text
    assert "<i>hi</i>" not in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "://" not in page


def test_nothing_is_drawn_of_what_is_not_there(tmp_path: Path) -> None:
    """A still whose track is missing or cannot be read is left out; the page is made all the same."""
    still = StillEntry(track="P01-camera", time=10, rank=0.5, reason="least certain face")
    page = call_report(tmp_path, manifest(stills=(still,)))
    assert "<figure>" not in page


def test_the_page_of_a_file_shows_everything_of_it(tmp_path: Path) -> None:
    """Lanes of faces, minors, speakers and personal words, a frame out of the stored file, figures and checks."""
    page = (published_file(tmp_path).path / REPORT_FILE).read_text()
    for name in ("V1 faces", "V1 minors", "Speaker 1", "personal words"):
        assert f"<span>{name}</span>" in page
    assert page.count('<figure><img src="data:image/jpeg;base64,') == 1
    assert "0:01.0, least certain face" in page
    assert "The second look covered 2 more places." in page
    assert "no face left" in page
    assert "<h3>" not in page


def first_schema(bundle: Path) -> None:
    """Make a bundle one of the first schema: without stills, and without the file of a track."""
    path = bundle / "manifest.json"
    written = json.loads(path.read_text())
    written["schema_version"] = "offrecord/bundle/1"
    del written["stills"]
    for track in written["tracks"]:
        del track["file"]
    path.write_text(json.dumps(written))


def test_a_report_of_the_first_schema_is_rebuilt(tmp_path: Path) -> None:
    """An old bundle gets the same page again; its frames, which no manifest named, are those its log speaks for."""
    bundle = published_file(tmp_path).path
    before = (bundle / REPORT_FILE).read_text()
    first_schema(bundle)
    (bundle / REPORT_FILE).write_text("lost")
    with pytest.raises(RedactionIncomplete):
        rebuild_report(bundle)
    (bundle / REPORT_FILE).write_text(before)
    assert rebuild_report(bundle) == bundle / REPORT_FILE
    assert len(verify_bundle(bundle)) == 5
    after = (bundle / REPORT_FILE).read_text()
    assert page_without_frames(after) == page_without_frames(before)
    reasons = re.findall(r"<figcaption>[^,]+, ([a-z ]+)<", after)
    assert reasons == ["minor removed"] * 6 + ["least certain face"] * 6
    assert read_manifest(bundle).schema_version == "offrecord/bundle/1"


def page_without_frames(page: str) -> str:
    """Return a page but for its frames."""
    return re.sub(r"<figure>.*?</figure>", "", page)


def test_rebuilding_changes_nothing_else(tmp_path: Path) -> None:
    """Every other file stays the same byte for byte, and a second run finds nothing to change."""
    bundle = published_file(tmp_path).path
    before = {path.name: path.read_bytes() for path in bundle.iterdir()}
    rebuild_report(bundle)
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["one.offrecord"]


def test_rebuilding_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    """Killed while the old bundle was set aside, it is put back and rebuilt."""
    bundle = published_file(tmp_path).path
    bundle.rename(tmp_path / "one.offrecord.replaced")
    rebuild_report(bundle)
    assert len(verify_bundle(bundle)) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["one.offrecord"]


def test_a_bundle_that_is_not_whole_is_left_alone(tmp_path: Path) -> None:
    """A report is never made, and so never vouched for, of files that are not those that were published."""
    bundle = published_file(tmp_path).path
    (bundle / "log.jsonl").write_text((bundle / "log.jsonl").read_text().replace("PERSON", "PHONE"))
    before = sorted(path.name for path in bundle.iterdir())
    with pytest.raises(RedactionIncomplete):
        rebuild_report(bundle)
    assert sorted(path.name for path in bundle.iterdir()) == before
    with pytest.raises(UnreadableInput):
        rebuild_report(tmp_path / "nothing.offrecord")


def test_a_manifest_cannot_bring_in_a_file_from_elsewhere(tmp_path: Path) -> None:
    """A track that names a file outside its bundle shows no frame: the page holds what is published, and no more."""
    bundle = published_file(tmp_path / "a").path
    shutil.copyfile(bundle / "recording.mp4", tmp_path / "secret.mp4")
    stray = TrackEntry(id="V1", kind="video", file="../../secret.mp4")
    altered = read_manifest(bundle).model_copy(update={"tracks": (stray,)})
    assert (bundle / "../../secret.mp4").is_file()
    assert "<figure>" not in report_of(bundle, altered)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
@pytest.mark.slow
def test_page_is_drawn_by_a_browser(tmp_path: Path) -> None:
    """In a browser the bars and lines are seen in their colours."""
    call_report(tmp_path, manifest())
    picture = tmp_path / "page.png"
    subprocess.run(
        [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1100,2600", f"--screenshot={picture}",
            (tmp_path / "report.html").as_uri(),
        ],
        capture_output=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    if not picture.is_file():
        pytest.skip("the browser cannot be run here")
    drawn = cv2.cvtColor(cv2.imread(str(picture)), cv2.COLOR_BGR2RGB).astype(int)
    for colour in ((9, 105, 218), (207, 34, 46), (110, 119, 129)):
        assert (abs(drawn - colour).max(axis=2) < 12).sum() > 40
