"""Words are searched by a finder, a reader and a recogniser that do not redact."""

from __future__ import annotations

import socket
from pathlib import Path

import cv2
import numpy as np
import pytest

from recorder.audit.finder import Finder
from recorder.audit.hearing import Ears
from recorder.audit.outcome import AuditVerdict
from recorder.audit.pictures import Shown
from recorder.audit.reader import PictureReader
from recorder.audit.targets import Attacked
from recorder.audit.words import WordsAttack
from recorder.media.file import FileSource
from samples.speech import SAMPLE_HZ
from tests.recordings import sounds, write_media


@pytest.fixture(scope="module")
def finder(attackers: None) -> Finder:
    """The finder, once."""
    pytest.importorskip("presidio_analyzer", reason="the extra `audit` is not installed")
    return Finder()


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Write to jane.doe@example.com please.", ["EMAIL_ADDRESS"]),
        ("You reach me on 415-555-0132.", ["PHONE_NUMBER"]),
        ("Yesterday Laura Bennett called from Chicago.", ["PERSON", "LOCATION"]),
        ("The export fails and the chart is empty.", []),
        ("[PERSON 1] called [PHONE] from [LOCATION 2].", []),
    ],
)
def test_the_finder_sees_what_is_personal_and_no_pseudonym(
    finder: Finder, text: str, kinds: list[str]
) -> None:
    """What redaction put there is not taken for a name, and harmless words are not either."""
    assert [one.kind for one in finder.find(text)] == kinds


def test_the_finder_asks_no_network(finder: Finder, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address makes the library look for domain endings; it finds its own list."""

    def refused(*_: object, **__: object) -> object:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    assert [one.kind for one in finder.find("Mail ann@sub.example.co.uk today.")] == ["EMAIL_ADDRESS"]


def test_the_reader_reads_what_changed(attackers: None) -> None:
    """A line on a picture is read; the same picture again is not read again."""
    pytest.importorskip("tesserocr", reason="the extra `audit` is not installed")
    reader = PictureReader()
    picture = np.full((360, 640, 3), 200, np.uint8)
    cv2.putText(picture, "Laura Bennett", (80, 180), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 0, 0), 2, cv2.LINE_AA)
    try:
        assert reader.changed(picture)
        assert "Laura Bennett" in reader.read(picture)
        assert not reader.changed(picture.copy())
    finally:
        reader.close()


def test_an_unredacted_recording_fails_and_is_told_by_kind_and_time(finder: Finder, tmp_path: Path) -> None:
    """Personal words in sound and picture pass the limits; no word of them stands in what comes out."""
    place = tmp_path / "call.mp4"
    write_media(place, picture=False, sound=sounds().mix[: 12 * SAMPLE_HZ])
    attacked = Attacked("file 1", place)
    attack = WordsAttack(finder, Ears(), PictureReader())
    picture = np.full((360, 640, 3), 240, np.uint8)
    cv2.putText(
        picture,
        "laura.bennett@example.com",
        (60, 180),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.9,
        (0, 0, 0),
        1,
        cv2.LINE_AA,
    )
    attack.look("file 1", Shown(1.0, picture))
    attack.listen(attacked)
    rows = {
        one.attack: one
        for one in attack.outcomes({"words-patterns": 0, "words-names": 15, "words-original": 0.1})
    }
    assert rows["words-patterns"].verdict is AuditVerdict.FAILED
    assert rows["words-names"].verdict is AuditVerdict.FAILED
    kinds = {finding.kind for finding in rows["words-patterns"].findings}
    assert {"EMAIL_ADDRESS in the picture", "PERSON in the sound"} <= kinds
    assert "aura" not in repr(rows)
    attack.reader.close()


def test_what_is_heard_again_needs_a_track(attackers: None, tmp_path: Path) -> None:
    """A recording without sound holds no sentence, and that is no error."""
    place = tmp_path / "silent.mp4"
    write_media(place, sound=None, seconds=1)
    assert list(Ears().sentences(FileSource(place))) == []
