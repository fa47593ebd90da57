"""The page escapes every text, and its figures are those of the manifest."""

from __future__ import annotations

from recorder.bundle.manifest import AudioCoverage, Check, Coverage, VideoCoverage
from recorder.bundle.report.page import figures, report_page
from tests.recorder.bundle.report.calls import manifest


def test_every_text_is_escaped() -> None:
    """A bundle that was made to harm whoever reads its report shows its letters and runs nothing."""
    evil = "<script>alert(1)</script>"
    page = report_page(
        manifest=manifest(checks=(Check(name="a", passed=False, note=evil),), purpose=evil),
        attention=[evil],
        figures=[(evil, evil)],
        stills=[],
        rows=(),
        ticks=[],
        redacted={evil: 1},
        call=None,
    )
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5


def test_figures_stand_only_where_there_is_something() -> None:
    """Without video there are no frames in it, without audio no speech; a file of video only says so."""
    video = Coverage(video=VideoCoverage(frames=10, detected=6, bridged=3, covered_whole=1, tracklets=2))
    names = dict(figures(manifest(coverage=video)))
    assert names["examined"] == "6 looked at, 3 proven unchanged between two looks"
    assert names["accounted for"] == "100.0 %"
    assert "Voices" not in names
    audio = Coverage(audio=AudioCoverage(seconds=60, speech=30, words=80, speakers=2, silenced=1))
    assert "Frames" not in dict(figures(manifest(coverage=audio)))
    assert dict(figures(manifest(coverage=audio)))["Speech heard"] == "30.0 s, 80 words, 2 speakers"


def test_older_bundles_are_not_told_what_they_did_not_know() -> None:
    """Who was in doubt is told where the policy of the bundle says what became of them."""
    coverage = Coverage(video=VideoCoverage(frames=10, in_doubt=3))
    assert "In doubt whether minors" not in dict(figures(manifest(coverage=coverage)))
    policy = {"minors.in_doubt": "remove", "profile": "school"}
    told = dict(figures(manifest(coverage=coverage, policy=policy)))
    assert told["In doubt whether minors"] == "3, removed as minors (profile school)"
