"""Every private name of aiortc that is relied on, in one table, checked when the first connection is made."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import aiortc
from aioice import Connection as IceConnection
from aioice.ice import StunProtocol
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpTransceiver
from aiortc.exceptions import InternalError as AiortcError
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsTransport, RtpRouter

from redaction.errors import InternalError

__all__ = ["REFUSALS", "check_hooks"]

PINNED: Final = "1.16.0"
_HOOKS: Final[tuple[tuple[type, tuple[str, ...]], ...]] = (
    (RTCPeerConnection, ("_RTCPeerConnection__createTransceiver", "_RTCPeerConnection__createDtlsTransport")),
    (
        RTCDtlsTransport,
        (
            "_handle_rtp_data",
            "_handle_rtcp_data",
            "_register_rtp_receiver",
            "_unregister_rtp_receiver",
            "_send_rtp",
        ),
    ),
    (
        RTCRtpReceiver,
        (
            "_handle_disconnect",
            "_handle_rtcp_packet",
            "_handle_rtp_packet",
            "_set_rtcp_ssrc",
            "setTransport",
            "stop",
        ),
    ),
    (RTCCertificate, ("_create_ssl_context",)),
    (RTCRtpTransceiver, ("setCodecPreferences", "receiver")),
    (RtpRouter, ("route_rtp", "route_rtcp", "register_receiver", "unregister_receiver")),
    (IceConnection, ("get_component_candidates", "build_request")),
    (StunProtocol, ("request",)),
)
REFUSALS: Final = (
    ValueError,
    AssertionError,
    KeyError,
    IndexError,
    AttributeError,
    TypeError,
    OSError,
    RuntimeError,  # StopIteration within a coroutine: a parameter of a format that is not there
    AiortcError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)
"""What aiortc raises on a description that it cannot use."""


@lru_cache(maxsize=1)
def check_hooks() -> None:
    """Make sure that aiortc is the version whose private names this module relies on.

    Raises:
        InternalError: it is another one, or a name is gone.
    """
    if aiortc.__version__ != PINNED:
        raise InternalError(f"aiortc {PINNED} is needed for calls, {aiortc.__version__} is installed")
    for owner, names in _HOOKS:
        for name in names:
            if not hasattr(owner, name):
                raise InternalError(f"aiortc has no {owner.__name__}.{name}: its private names have changed")
