"""Which tests are slow: those behind a real model, and those that run servers, processes or calls in real time."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from tests.paths import ROOT

__all__ = ["SLOW", "pytest_collection_modifyitems", "pytest_ignore_collect", "real_models"]

SLOW: Final = (
    "cli",  # the whole command
    "e2e",
    "recorder/batch/engines",  # worker processes
    "recorder/batch/stores/test_open.py",  # an S3 server
    "recorder/batch/stores/test_remote_destination.py",
    "recorder/batch/stores/test_remote_source.py",
    "recorder/bundle/test_erase.py",  # bundles that are verified by real models
    "recorder/bundle/test_erase_in_turns.py",
    "recorder/call/http/test_hostile.py",  # web servers
    "recorder/call/http/test_whep_source.py",
    "recorder/call/http/test_whip_source.py",
    "recorder/call/janus/test_source.py",
    "recorder/call/room/test_hostile.py",
    "recorder/call/room/test_pages.py",
    "recorder/call/room/test_source.py",
    "recorder/call/rtc/test_codecs.py",
    "recorder/call/rtc/test_connection.py",  # connections in real time
    "recorder/call/rtc/test_peer.py",
    "recorder/call/rtc/test_peer_outages.py",
    "recorder/call/zoom/test_endpoint.py",  # web servers and processes
    "recorder/call/zoom/test_hostile.py",  # calls in real time
    "recorder/call/zoom/test_source.py",
    "recorder/live/capture/test_audio_worker.py",  # calls in real time
    "recorder/live/capture/test_engine.py",
    "recorder/live/capture/test_engine_load.py",
    "recorder/live/capture/test_engine_models.py",
    "recorder/live/capture/test_floods.py",
    "recorder/live/capture/test_record.py",
    "recorder/live/capture/test_socket_floods.py",  # web servers
    "recorder/live/finish",  # real models
    "recorder/live/store/test_segments.py",
    "recorder/live/test_timing.py",
    "recorder/models/convert/test_detectors.py",  # real models
    "recorder/models/convert/test_speakers.py",
    "recorder/review/test_command.py",  # the command
    "recorder/review/test_give_back.py",  # real models
    "recorder/review/test_killed.py",  # processes that are killed
    "recorder/review/test_save.py",  # bundles are composed anew
    "recorder/review/test_views.py",
    "redaction/audio/voice",  # a synthetic voice
    "redaction/text/rules/test_linear.py",  # long texts, step by step
    "redaction/video/screen/test_decide.py",  # real models
    "redaction/video/screen/test_known_names.py",
    "redaction/video/screen/test_ocr.py",
    "samples",  # the sample call is made anew
)
"""Below `tests/`; everything else needs no model and no server, and runs in `make check`."""


# How long an example takes says more of the machine than of what is tested.
settings.register_profile("offrecord", deadline=None)
settings.load_profile("offrecord")


@pytest.fixture(scope="session")
def real_models() -> None:
    """Stand before a model: a fixture that loads one asks for this, and every test behind it is slow."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import what `make check` leaves out."""
    return (config.option.markexpr == "not slow" and _is_slow(collection_path)) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make check` leaves out."""
    for item in items:
        if _is_slow(item.path) or "real_models" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@functools.cache
def _is_slow(path: Path) -> bool:
    place = path.relative_to(ROOT / "tests")
    return any(place.is_relative_to(room) for room in SLOW)
