"""Calls, files, storage and the command line around the redaction engine.

What an embedding program needs is loaded from here when it is asked for: `redact` makes a bundle of a recorded file,
`open_bundle` reads one, `verify_bundle` checks that it is whole, and `Policy` says what is redacted. See
`docs/embedding.md` for an example of each.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recorder.bundle.opened import open_bundle
    from recorder.bundle.verify_files import verify_bundle
    from recorder.offline.recording import redact_recording as redact
    from redaction.policy import Policy

__all__ = ["Policy", "open_bundle", "redact", "verify_bundle"]

__version__ = "0.1.0"

_HOMES = {
    "Policy": ("redaction.policy", "Policy"),
    "open_bundle": ("recorder.bundle.opened", "open_bundle"),
    "redact": ("recorder.offline.recording", "redact_recording"),
    "verify_bundle": ("recorder.bundle.verify_files", "verify_bundle"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, own = _HOMES[name]
    return getattr(importlib.import_module(module), own)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
