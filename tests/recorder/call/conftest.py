"""What tests of ways into a call share."""

from __future__ import annotations

import aioice.ice
import pytest

from tests.recorder.call.senders import LOOPBACK

__all__ = ["loopback_senders"]


@pytest.fixture
def loopback_senders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Senders and servers of the tests are reached on loopback; the recorder's own peers have an argument for that."""
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: LOOPBACK)
