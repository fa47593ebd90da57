"""Compares every word that will be stored with the names and numbers that lie next to the recording."""

from __future__ import annotations

import re
from collections.abc import Sequence

from recorder.bundle.manifest import Check
from redaction.errors import RedactionIncomplete
from redaction.model import RedactedUtterance
from redaction.text.lexicon import fold, stem
from redaction.text.person_names import compact
from redaction.text.recording_text import RedactedText

__all__ = ["check_text"]


def check_text(written: RedactedText, transcript: Sequence[RedactedUtterance]) -> Check:
    """Compare every word that will be stored with the raw names, numbers and addresses.

    Raises:
        RedactionIncomplete: one of them is there.
    """
    lines = [one.tokens for one in transcript] + [message.tokens for message in written.chat]
    for tokens in lines:
        kept = [token.text for token in tokens if token.entity_type is None]
        digits = re.sub(r"\D", "", "".join(kept))
        words = {compact(stem(fold(word))) for word in kept} | {word.casefold() for word in kept}
        numbers = [number for number in written.numbers if "@" not in number]
        if words & (written.personal | written.numbers) or any(number in digits for number in numbers):
            raise RedactionIncomplete(
                "A name or number that lies beside the recording is in the stored words."
            )
    return Check(name="no-name-written", passed=True, figure=len(written.personal | written.numbers))
