"""What tests of whole recordings share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from recorder.offline.session import Engine
from redaction.errors import ModelUnavailable
from redaction.policy import Policy


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """The real models."""
    made = Engine(Policy())
    try:
        _ = made.video, made.look, made.sound
    except ModelUnavailable:
        pytest.skip("the models are not in the cache: offrecord models fetch")
    yield made
    made.close()
