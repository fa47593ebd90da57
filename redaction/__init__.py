"""The engine: detect, link, decide, cover, verify. Opens no socket and writes no file.

What an embedding program needs is loaded from here when it is asked for: `VideoRedactor` and `TextRedactor` take frames
and words and return what may be stored; `Policy` says what that is, and `Stages` holds the models. `docs/embedding.md`
has an example of each.
"""

import importlib
import os
from typing import TYPE_CHECKING

# onnxruntime opens a usage store and, at times, sockets when it is imported, unless this is set before.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# faster-whisper's hub client is never to be asked.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    from redaction.audio.redact import AudioRedactor
    from redaction.policy import Policy
    from redaction.stages import Stages
    from redaction.text.redactor import TextRedactor
    from redaction.video.redact import VideoRedactor

__all__ = ["AudioRedactor", "Policy", "Stages", "TextRedactor", "VideoRedactor"]

_HOMES = {
    "AudioRedactor": "redaction.audio.redact",
    "Policy": "redaction.policy",
    "Stages": "redaction.stages",
    "TextRedactor": "redaction.text.redactor",
    "VideoRedactor": "redaction.video.redact",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
