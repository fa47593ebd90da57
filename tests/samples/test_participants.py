"""The sample participants: each has a face, only their own words, and codecs that WebRTC sends."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from redaction.video.faces.detect import YuNet
from samples.participants import SampleParticipant, make_participants
from samples.speech import ScriptLine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> tuple[SampleParticipant, ...]:
    """Return two participants who say one sentence each."""
    script = (ScriptLine(0, "Hello, can you hear me?"), ScriptLine(1, "Yes, I can hear you well."))
    return make_participants(tmp_path_factory.mktemp("people"), script=script)


def _sound(path: Path) -> NDArray[np.float32]:
    with av.open(str(path)) as media:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
        parts = [
            part.to_ndarray()[0] for frame in media.decode(audio=0) for part in resampler.resample(frame)
        ]
    return np.concatenate(parts)


def test_codecs_are_those_of_webrtc(people: tuple[SampleParticipant, ...]) -> None:
    """Each file holds VP8 and Opus and no tag with a name."""
    for person in people:
        with av.open(str(person.path)) as media:
            assert [stream.codec_context.name for stream in media.streams] == ["vp8", "opus"]
        assert not any(part.encode() in person.path.read_bytes() for part in person.name.split())


def test_each_says_only_their_own_line(people: tuple[SampleParticipant, ...]) -> None:
    """The first speaks in the first half and is silent in the second; the other the other way round."""
    first, second = (_sound(person.path) for person in people)
    half = len(first) // 2
    assert np.abs(first[:half]).max() > 0.05 > np.abs(first[int(half * 1.2) :]).max()
    assert np.abs(second[int(half * 1.2) :]).max() > 0.05 > np.abs(second[: int(half * 0.8)]).max()


def test_each_camera_shows_a_face(people: tuple[SampleParticipant, ...]) -> None:
    """A detector finds the face in a frame of each camera, and it is large enough to be judged."""
    detector = YuNet()
    for person in people:
        with av.open(str(person.path)) as media:
            picture = next(media.decode(video=0)).to_ndarray(format="bgr24")
        (face,) = detector.detect(np.asarray(picture, np.uint8))
        _, top, _, bottom = face.box
        assert bottom - top >= 90
