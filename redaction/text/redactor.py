"""Words in, what may be stored out: the text part of the engine for who embeds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from redaction.model import RedactedUtterance, Span, Utterance, Word
from redaction.policy import Policy
from redaction.text.find import PersonalDataFinder
from redaction.text.pseudonyms import assign
from redaction.text.recording_text import typed_findings
from redaction.text.redact import joined_tokens, redact_utterances

__all__ = ["TextRedactor"]

_TRACK: Final = "text"


class TextRedactor:
    """Replaces personal words by what stands for them.

    One call is one recording: a name has the same pseudonym throughout what is given at once, and nothing is kept
    between calls.

    Args:
        policy: what stands for personal words, and which names are known (`speech.roster`).
        finder: finds them; its model is loaded when left out.

    Raises:
        ModelUnavailable: the name model is missing or altered.
    """

    def __init__(self, policy: Policy, *, finder: PersonalDataFinder | None = None) -> None:
        self._policy = policy
        self._finder = PersonalDataFinder(policy.speech) if finder is None else finder

    def redact(self, utterances: Sequence[Utterance]) -> list[RedactedUtterance]:
        """Return what may be stored of spoken words.

        Args:
            utterances: of all speakers and tracks, in order of time.
        """
        return redact_utterances(utterances, self._finder.find(utterances), self._policy)

    def redact_lines(self, lines: Sequence[str]) -> list[str]:
        """Return what may be stored of written lines, such as the messages of a chat, in their order.

        Names of files, and names from the roster inside other words, are masked as well.

        Args:
            lines: of one conversation, in order of time.

        Returns:
            As many lines; `[PERSON 1]` stands for a personal word.
        """
        language = self._policy.speech.language if self._policy.speech.language != "auto" else "en"
        written = [_utterance(number, line, language) for number, line in enumerate(lines)]
        findings = self._finder.find(written)
        findings += typed_findings(written, self._policy.speech.roster, first=0)
        findings = assign(written, findings, roster=self._policy.speech.roster)
        return [joined_tokens(one.tokens) for one in redact_utterances(written, findings, self._policy)]


def _utterance(number: int, line: str, language: str) -> Utterance:
    at = Span(float(number), float(number))
    words = tuple(Word(word, at, located=False) for word in line.split())
    return Utterance(words, at, _TRACK, _TRACK, language)
