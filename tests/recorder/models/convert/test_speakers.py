"""The graphs of the speaker models."""

from __future__ import annotations

import numpy as np
import pytest

from recorder.models.convert.speakers import campplus, segmentation
from recorder.models.convert.transforms import Transform
from redaction.errors import ModelAltered, ModelMissing
from redaction.weights import Session, open_session
from tests.recorder.models.convert.test_statedict import SIX, dictionary, saved, tensor


def opened(name: str) -> Session:
    """Return the model, or skip where the optional group was not fetched."""
    try:
        return open_session(name)
    except ModelMissing:
        pytest.skip(f"the model {name} is not in the cache; run `offrecord models fetch speakers`")


def test_campplus_computes_what_the_published_network_does() -> None:
    """The graph gives the values that the published network gives in double precision, to 1e-4."""
    frames, bands = np.mgrid[0:250, 0:80]
    features = (2 * np.sin(0.05 * frames * (1 + bands / 40)) + np.cos(bands)).astype(np.float32)[None]
    (vectors,) = opened("speaker.campplus").run(None, {"features": features})
    expected = [-0.97752, 0.63416, -0.24114, 0.49872, 0.12193, 0.06623, -0.27407, -0.5591]
    assert vectors.shape == (1, 192)
    assert vectors[0, ::24] == pytest.approx(expected, abs=1e-4)


def test_segmentation_computes_what_the_published_network_does() -> None:
    """The graph gives the values that the published network gives in double precision, to 1e-4."""
    t = np.arange(32_000) / 16_000
    buzz = np.sign(np.sin(2 * np.pi * (120 + 30 * t) * t)) * np.sin(2 * np.pi * 700 * t)
    samples = (0.2 * buzz * (np.sin(2 * np.pi * 3 * t) > 0)).astype(np.float32)[None, None]
    (scores,) = opened("speaker.segmentation").run(None, {"samples": samples})
    assert scores.shape == (1, 115, 7)
    expected = [-0.5757, -4.1512, -1.2063, -2.373, -5.1737, -6.0336, -3.8446]
    assert scores[0, 60] == pytest.approx(expected, abs=2e-4)
    assert np.exp(scores).sum(axis=2) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("frames", [12, 99, 100, 101, 777])
def test_campplus_takes_any_length_and_batch(frames: int) -> None:
    """A batch of any length gives what each of its members gives alone."""
    session = opened("speaker.campplus")
    features = np.random.default_rng(frames).normal(size=(2, frames, 80)).astype(np.float32)
    (both,) = session.run(None, {"features": features})
    (second,) = session.run(None, {"features": features[1:]})
    assert both[1] == pytest.approx(second[0], abs=1e-4)


@pytest.mark.parametrize("transform", [campplus, segmentation])
def test_a_network_of_other_tensors_is_refused(transform: Transform) -> None:
    """A state dict that lacks what the network needs is refused."""
    data = saved(dictionary(tensor((6,), (1,), items=6)), SIX.tobytes())
    with pytest.raises(ModelAltered):
        transform({"weights.pt": data})
