"""The private names of aiortc that the recorder leans on are checked before anything is received."""

from __future__ import annotations

import aiortc
import pytest
from aiortc.rtcdtlstransport import RtpRouter

from recorder.call.rtc import hooks
from redaction.errors import InternalError


def test_another_aiortc_is_told_before_anything_is_received(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version whose private names may differ, or that lacks one, is an InternalError that names it."""
    hooks.check_hooks.cache_clear()
    monkeypatch.setattr(aiortc, "__version__", "9.9.9")
    with pytest.raises(InternalError, match=r"9\.9\.9"):
        hooks.check_hooks()
    monkeypatch.undo()
    monkeypatch.delattr(RtpRouter, "route_rtp")
    with pytest.raises(InternalError, match="route_rtp"):
        hooks.check_hooks()
    monkeypatch.undo()
    hooks.check_hooks()
