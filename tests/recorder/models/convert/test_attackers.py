"""The nets that attack: what they were made of is refused when it is something else, and what they see is right."""

from __future__ import annotations

import gzip
import io
import json
import struct

import cv2
import numpy as np
import pytest

from recorder.audit.detectors import Mtcnn, Picture3, Ssd
from recorder.models.convert.faceapi import faceapi_descriptor, faceapi_expression, faceapi_ssd
from recorder.models.convert.speakers import resemblyzer
from recorder.models.convert.statedict import read_old_state_dict
from recorder.models.convert.tflite import lite_nets
from recorder.models.convert.transforms import unzipped
from redaction.errors import ModelAltered
from redaction.weights import open_session
from tests.recorder.audit.conftest import attackers

__all__ = ["attackers"]


@pytest.fixture(scope="module")
def photograph(attackers: None) -> Picture3:
    """The public-domain photograph, uint8 (512, 512, 3) RGB; its face is from (172, 52) to (284, 190)."""
    from redaction.weights import read

    data = np.frombuffer(read("audit.control_face", "astronaut.png"), np.uint8)
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[:, :, ::-1]).astype(np.uint8)


@pytest.mark.parametrize("convert", [faceapi_descriptor, faceapi_expression, faceapi_ssd])
def test_another_net_of_face_api_is_refused(convert: object) -> None:
    """Weights that are not all there make no graph."""
    weights = [{"name": "fc", "shape": [1, 1], "dtype": "float32"}]
    members = {
        "m-weights_manifest.json": json.dumps([{"weights": weights}]).encode(),
        "m.bin": struct.pack("<f", 1),
    }
    assert callable(convert)
    with pytest.raises(ValueError, match="not the net"):
        convert(members)


@pytest.mark.parametrize(
    "data", [b"", b"TFL3", b"\x1c\x00\x00\x00TFL3" + bytes(60), bytes(200), b"\xff" * 300]
)
def test_what_is_no_tflite_file_is_refused(data: bytes) -> None:
    """Broken bytes raise `ValueError`, and nothing else."""
    with pytest.raises(ValueError, match="not the net"):
        lite_nets({"a/pnet.tflite": data})


@pytest.mark.parametrize("data", [b"", b"\x80\x02.", b"cos\nsystem\n(S'true'\ntR." * 5, bytes(100)])
def test_what_is_no_old_state_dict_is_refused(data: bytes) -> None:
    """Nothing a file names is ever called."""
    with pytest.raises(ModelAltered):
        read_old_state_dict(data, under="model_state")
    with pytest.raises(ModelAltered):
        resemblyzer({"pretrained.pt": data})


def test_packed_members_lose_their_suffix_and_are_bounded() -> None:
    """A member that is not packed, or grows without end, is refused."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as stream:
        stream.write(b"words")
    assert unzipped({"a/eng.traineddata.gz": packed.getvalue()}) == {"eng.traineddata": b"words"}
    with pytest.raises(ValueError, match="not packed"):
        unzipped({"a.gz": b"plain"})
    with pytest.raises(ValueError, match="far larger"):
        unzipped({"a.gz": gzip.compress(bytes(65 << 20))})


@pytest.mark.parametrize("detector", [Mtcnn, Ssd])
def test_a_detector_finds_the_face_and_nothing_else(
    detector: type[Mtcnn] | type[Ssd], photograph: Picture3
) -> None:
    """The one face, where it is; beside it only what looks like one in the astronaut's suit or model."""
    best = max(detector().search(photograph), key=lambda one: one.score)
    x, y = (best.box[0] + best.box[2]) / 2, (best.box[1] + best.box[3]) / 2
    assert x == pytest.approx(228, abs=20)
    assert y == pytest.approx(121, abs=25)
    assert 80 < best.box[3] - best.box[1] < 180


def test_landmarks_stand_on_eyes_nose_and_mouth(photograph: Picture3) -> None:
    """Left of the picture before right, eyes above the nose above the mouth."""
    best = max(Mtcnn().search(photograph), key=lambda one: one.score)
    assert best.points is not None
    (left, right, nose, mouth_left, mouth_right) = best.points
    assert left[0] < nose[0] < right[0]
    assert max(left[1], right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])


def test_the_expression_net_sees_the_smile(photograph: Picture3) -> None:
    """Of seven feelings it is surest of the second, happiness."""
    face = cv2.resize(photograph[40:200, 150:310], (112, 112)).astype(np.float32)
    (likely,) = open_session("audit.expression").run(None, {"pixels": face.transpose(2, 0, 1)[None]})
    assert likely[0].sum() == pytest.approx(1, abs=1e-4)
    assert int(likely[0].argmax()) == 1
