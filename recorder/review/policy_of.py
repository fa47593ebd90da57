"""The policy that a bundle was made under, as far as its manifest tells it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pydantic import ValidationError

from recorder.bundle.manifest import Manifest
from redaction.errors import UnreadableInput, UsageError
from redaction.policy import Policy

__all__ = ["policy_of"]

_TAKEN: Final = frozenset(
    {"faces.method", "screen.text", "screen.codes", "voice.method", "speech.personal", "transcript.names"}
)
"""Choices that take part in looking and listening again."""

_OTHER: Final = "The bundle was made under another policy; give the file that it was made with, or none."
_BAD: Final = (
    "The bundle's policy is not one that this version understands; give the policy file with --policy."
)


def policy_of(manifest: Manifest, given: Policy | None, *, languages: Iterable[str] = ()) -> Policy:
    """Return the policy that a bundle was made under.

    Args:
        manifest: of the bundle; it names the main choices, and how long the lists of words were, but no word of them.
        given: what the user says it was.
        languages: that the transcript is in.

    Raises:
        UsageError: what the user gave is another one.
        UnreadableInput: the manifest's choices are none that this version knows.
    """
    if given is not None:
        if given.digest != manifest.policy_digest:
            raise UsageError(_OTHER)
        return given
    sections: dict[str, object] = {}
    for key, value in manifest.policy.items():
        if key not in _TAKEN:
            continue
        section, _, name = key.partition(".")
        part = sections.setdefault(section, {})
        if isinstance(part, dict):
            part[name] = value
    spoken = next((model.name for model in manifest.models if model.name.startswith("speech.whisper")), None)
    if spoken is not None:
        speech = sections.setdefault("speech", {})
        if isinstance(speech, dict):
            spoken_in = sorted(set(languages)) or ["en"]
            speech |= {"model": spoken, "language": spoken_in[0] if len(spoken_in) == 1 else "auto"}
    try:
        return Policy.model_validate(sections)
    except ValidationError:
        raise UnreadableInput(_BAD) from None
