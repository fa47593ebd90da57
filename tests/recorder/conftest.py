"""What tests of whole recordings share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redaction.errors import ModelUnavailable
from redaction.policy import Policy
from redaction.stages import Stages


@pytest.fixture(scope="module")
def stages(real_models: None) -> Iterator[Stages]:
    """The real models."""
    made = Stages(Policy())
    try:
        _ = made.video, made.second_look, made.audio
    except ModelUnavailable:
        pytest.skip("the models are not in the cache: offrecord models fetch")
    yield made
    made.close()
