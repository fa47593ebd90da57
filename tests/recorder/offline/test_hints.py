"""Hints are for one recording, say little, and give nothing back of a declared minor."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from recorder.media.file import FileSource
from recorder.offline.hints import HintedRun, ReviewHints, WordEntry, read_hints
from recorder.runtime.context import Run
from redaction.errors import UnreadableInput, UsageError
from redaction.model import Box, EntityType, RedactedUtterance, Span, Token, VideoFrame
from redaction.policy import Policy
from redaction.text.sidecars import NO_SIDECARS, Sidecars
from redaction.video.hints import HintKind
from tests.media import make_clip

NAME = "recording-0123456789abcdef0123456789abcdef"
PLACE: dict[str, Any] = {"track": "V1", "box": [10, 10, 60, 70], "time": 0.5, "start": 0.0, "end": 2.0}
WHOLE = f"""schema_version = "offrecord/hints/1"
recording = "{NAME}"

[[face]]
track = "V1"
box = [10, 10, 60, 70]
time = 0.500
start = 0.000
end = 2.000

[[word]]
text = "St. \\"Elmo\\" ✓"
"""


def hints(**parts: object) -> ReviewHints:
    """Return hints as they come out of a file."""
    return ReviewHints.model_validate({"recording": NAME, **parts})


def test_a_file_says_what_was_marked_and_nothing_more(tmp_path: Path) -> None:
    """It is read as it was written: places, times, typed words, and the recording's name."""
    path = tmp_path / "hints.toml"
    path.write_text(WHOLE, encoding="utf-8")
    found = read_hints(path)
    assert found.toml() == WHOLE
    assert found.word == (WordEntry(text='St. "Elmo" ✓'),)
    assert "Elmo" not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not toml",
        WHOLE.replace("hints/1", "hints/9"),
        WHOLE + "more = 1\n",
        WHOLE.replace("[10, 10, 60, 70]", "[10, 10, 10, 70]"),
        WHOLE.replace("[10, 10, 60, 70]", "[10, 10, 60, 70000]"),
        WHOLE.replace("time = 0.500", "time = 5.0"),
        WHOLE.replace("time = 0.500", "time = nan"),
        WHOLE.replace('"V1"', '"../V1"'),
        WHOLE.replace('text = "St.', 'text = "\\u0000'),
        WHOLE.replace(NAME, "../../x"),
        "recording = 1979-05-27",
        "x" * (1 << 21),
        'recording = "' + NAME + '"\n' + '[[word]]\ntext = "a"\n' * 201,
    ],
)
def test_what_is_no_file_of_hints_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    """Hostile input ends in one sentence that repeats nothing of it."""
    path = tmp_path / "hints.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableInput) as refused:
        read_hints(path)
    assert re.fullmatch(r"The file of hints [a-z ;,]+\.", refused.value.sentence)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """So is a folder."""
    for place in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(UnreadableInput, match="--hints"):
            read_hints(place)


def test_hints_for_another_recording_are_refused() -> None:
    """The name comes from the source's bytes."""
    hints().require_recording(NAME)
    with pytest.raises(UsageError, match="another recording"):
        hints().require_recording(NAME.replace("0", "1"))


@pytest.mark.parametrize("kind", ["face", "adult"])
def test_no_place_is_given_back_where_a_minor_is_declared(tmp_path: Path, kind: str) -> None:
    """Whose place it is nobody can tell; words are another thing, as the roster masks its own."""
    tracks = FileSource(make_clip(tmp_path / "a.mp4", seconds=0.5, audio=None).path).info().video
    minors = Sidecars(declares_minors=True)
    HintedRun(hints(**{kind: [PLACE]}), tracks, NO_SIDECARS)
    with pytest.raises(UsageError, match="declares a minor"):
        HintedRun(hints(**{kind: [PLACE]}), tracks, minors)
    HintedRun(hints(word=[{"text": "Elmo"}]), tracks, minors)


@pytest.mark.parametrize("change", [{"track": "V2"}, {"box": [60_000, 0, 60_010, 10]}])
def test_a_place_that_is_not_there_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    """Another track, or a place beyond the picture."""
    tracks = FileSource(make_clip(tmp_path / "a.mp4", seconds=0.5, audio=None).path).info().video
    with pytest.raises(UsageError, match="does not have"):
        HintedRun(hints(face=[PLACE | change]), tracks, NO_SIDECARS)


def test_words_may_stand_in_this_run_alone() -> None:
    """The policy that was given is another object, and its digest, which lists of words are no part of, the same."""
    policy = Policy()
    allowed = hints(word=[{"text": "Elmo"}]).allowing(policy)
    assert allowed.speech.allow == ("Elmo",)
    assert policy.speech.allow == ()
    assert allowed.digest == policy.digest


def test_the_picture_that_was_looked_at_is_read_from_the_source(tmp_path: Path) -> None:
    """The last frame that begins by then; a track without hints costs nothing."""
    source = FileSource(make_clip(tmp_path / "a.mp4", seconds=1, audio=None).path)
    (track,) = source.info().video
    found = HintedRun(hints(face=[PLACE], adult=[PLACE]), [track], NO_SIDECARS).places_of(
        source, track, run=Run()
    )
    assert found is not None
    assert found.used == {}
    frames = [item for item in source.video(track.id) if isinstance(item, VideoFrame)]
    looked_at = [frame for frame in frames if frame.time <= PLACE["time"]][-1]
    assert found.look(looked_at, {7: Box(12, 12, 58, 68)}).spared == {7}
    assert found.used == {HintKind.FACE: 1, HintKind.ADULT: 1}
    words = HintedRun(hints(word=[{"text": "Elmo"}]), [track], NO_SIDECARS)
    assert words.places_of(source, track, run=Run()) is None
    assert HintedRun(None, [track], NO_SIDECARS).places_of(source, track, run=Run()) is None


def test_the_manifest_counts_and_names_no_word(tmp_path: Path) -> None:
    """A word had a part where it stands; one that stays masked had none."""
    source = FileSource(make_clip(tmp_path / "a.mp4", seconds=1, audio=None).path)
    (track,) = source.info().video
    given = hints(face=[PLACE], word=[{"text": "Elmo"}, {"text": "Zoe"}, {"text": "St. Elmo"}])
    hinted = HintedRun(given, [track], NO_SIDECARS)
    assert hinted.places_of(source, track, run=Run()) is not None
    tokens = (
        Token("St", Span(0, 1)),
        Token("Elmo's", Span(1, 2)),
        Token("Zoe", Span(2, 3), EntityType.PERSON),
    )
    said = RedactedUtterance(tokens, Span(0, 3), "S1", "A1")
    entry = hinted.entry([said], ())
    assert entry is not None
    assert entry.given == {HintKind.FACE: 1, HintKind.WORD: 3}
    assert entry.used == {"word": 2}
    assert "Elmo" not in entry.model_dump_json()
    assert HintedRun(None, [track], NO_SIDECARS).entry([said], ()) is None
