"""A participant leaves the bundle of a call in which people came and went: nothing tells when they were there."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from recorder.bundle.quality import Quality
from recorder.bundle.verify_files import read_manifest, verify_bundle
from recorder.live.finish.finish import finish
from recorder.runtime.context import Run
from tests.recorder.bundle.erasing import ADA, BLUE, BOB, EVE, GREEN, RED, erased, has_colour, log_of
from tests.recorder.live.fakes import deaf_and_blind
from tests.recorder.live.staged import StagedPerson, StagedPicture, StagedSound, gap, moving, stage, tone_at


def in_turns(folder: Path, *, sizes: tuple[tuple[int, int], ...] = ()) -> Path:
    """Return the bundle of a call in which the first and the last were there alone for a while."""
    people = [
        StagedPerson(
            token,
            order,
            [StagedPicture(moving(colour), start + 0.2, 2.0)],
            [StagedSound(tone_at(2.0, beep=0.5, hertz=900.0 + 300 * order), start + 0.1)],
            [(word, start + 1, start + 1.3, None)],
            stays=[(start, start + 3)],
            events=[gap(start + 0.5, start + 0.6)],
            quality_seconds=2,
        )
        for order, (token, colour, word, start) in enumerate(
            [(ADA, BLUE, "alpha", 5.0), (BOB, RED, "bravo", 9.0), (EVE, GREEN, "echo", 15.0)], start=1
        )
    ]
    return finish(stage(folder, people).writer, stages=deaf_and_blind(), run=Run(), not_recorded=0).path


def seconds_of(path: Path) -> float:
    """Return how long a file says it is."""
    with av.open(str(path)) as container:
        return float(container.duration or 0) / 1e6


@pytest.mark.parametrize(
    ("gone", "begin", "length"), [(("P01",), 4, 9), (("P03",), 0, 7), (("P01", "P02"), 4, 3)]
)
def test_a_bundle_lasts_as_long_as_those_in_it(
    tmp_path: Path, gone: tuple[str, ...], begin: float, length: float
) -> None:
    """Nothing tells when or how long somebody was there who was erased, or that the bot waited for anybody."""
    bundle = in_turns(tmp_path)
    before = read_manifest(bundle)
    assert before.duration == pytest.approx(13, abs=0.3)
    for number, who in enumerate(gone):
        erased(bundle, participant=f"P{int(who[1:]) - number:02d}")
    after = read_manifest(bundle)
    verify_bundle(bundle)
    assert after.duration == pytest.approx(length, abs=0.3)
    assert (after.created - before.created).total_seconds() == (begin if gone != ("P01", "P02") else 10)
    assert (after.expires - after.created).days == after.retention_days
    assert after.participants is not None
    stays = [stay for person in after.participants.people for stay in person.stays]
    assert min(stay.start for stay in stays) == 0
    files = [bundle / "recording.mp4", *sorted((bundle / "tracks").iterdir())]
    assert [seconds_of(path) for path in files] == pytest.approx([length] * len(files), abs=0.3)
    for track in after.tracks:
        assert all(0 <= span.start <= span.end <= length + 0.3 for span in track.spans)
    told = [line["span"] for line in log_of(bundle) if "span" in line]
    assert told
    assert max(end for _, end in told) <= length + 0.3
    quality = Quality.model_validate_json((bundle / "quality.json").read_bytes())
    assert max(one.time for person in quality.participants for one in person.seconds) <= length + 1
    colours = {"P01": BLUE, "P02": RED, "P03": GREEN}
    left = [colour for who, colour in colours.items() if who not in gone]
    for number, colour in enumerate(left, start=1):
        assert has_colour(bundle / f"tracks/p{number:02d}-camera.mp4", colour)
        assert has_colour(bundle / "recording.mp4", colour)


def test_where_everybody_stays_to_the_end_tracks_are_not_touched(tmp_path: Path) -> None:
    """Who is erased and was there no longer than the others leaves their tracks as they are, byte for byte."""
    bundle = in_turns(tmp_path)
    before = read_manifest(bundle)
    erased(bundle, participant="P02")
    after = read_manifest(bundle)
    assert after.duration == before.duration
    assert after.files["tracks/p02-camera.mp4"] == before.files["tracks/p03-camera.mp4"]
