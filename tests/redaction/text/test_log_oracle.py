"""The log as an oracle: what somebody learns of a masked name who runs this program's own finder over candidates."""

from __future__ import annotations

import itertools
from pathlib import Path

from recorder.bundle.log import ChainedLog, read_log
from redaction.audio.redact import finding_events
from redaction.model import EntityType, RedactedUtterance, Span, TextFinding, Token, Utterance, Word
from redaction.policy import Policy
from redaction.text.find import PersonalDataFinder
from redaction.text.pseudonyms import assign
from redaction.text.redact import redact_utterances

FIRST = ["Ada", "Adaeze", "Rosalind", "Grace", "Jim", "Priya", "Chen", "Fatima", "Olaf", "Maximilian"]
LAST = [
    "Lovelace",
    "Okonkwo",
    "Franklin",
    "Hopper",
    "Lee",
    "Raman",
    "Wei",
    "Hassan",
    "Berg",
    "Featherstonehaugh",
]
PAIRS = [f"{first} {last}" for first, last in itertools.product(FIRST, LAST)]
SAID = "then {} said it would be late"
TRUTH = ["Rosalind Franklin", "Jim Lee", "Maximilian Featherstonehaugh"]


def uttered(name: str) -> Utterance:
    """Return the sentence with a name, its words as long as their letters, as a recogniser places them."""
    words, at = [], 0.0
    for text in SAID.format(name).split():
        words.append(Word(text, Span(at, at + 0.06 * len(text)), 1.0))
        at += 0.06 * len(text) + 0.08
    return Utterance(tuple(words), Span(0, at), "S1", "A1", "en")


def personal(finder: PersonalDataFinder, name: str) -> TextFinding | None:
    """Return what is found of a name in the sentence."""
    return next((one for one in finder.find([uttered(name)]) if one.entity_type is EntityType.PERSON), None)


def left_before(finder: PersonalDataFinder, truth: str, candidates: list[str]) -> int:
    """Count candidates that have the kind, rule, number of words and score to four digits of the one masked."""
    told = [_told(personal(finder, name)) for name in (truth, *candidates)]
    return told[1:].count(told[0])


def _told(found: TextFinding | None) -> tuple[object, ...]:
    return () if found is None else (found.rule, found.last - found.first, round(found.score, 4))


def log_of(finder: PersonalDataFinder, name: str, folder: Path) -> list[dict[str, object]]:
    """Return what the log says of a recording in which a name was said, but for where it is stored.

    Where, is where the synthetic voice put what stands for it, of the same length for every name.
    """
    utterances = [uttered(name)]
    findings = assign(utterances, finder.find(utterances))
    stored = redact_utterances(utterances, findings, Policy())
    path = folder / f"{name.replace(' ', '-')}.jsonl"
    log = ChainedLog(path)
    log.extend(finding_events(stored))
    log.close()
    return [{"event": line.event, "track": line.track, **line.detail} for line in read_log(path)]


def test_the_log_tells_no_candidate_from_another(finder: PersonalDataFinder, tmp_path: Path) -> None:
    """Before, score, rule and number of words left few of a hundred pairs; now all that are masked at all are left."""
    masked = [name for name in PAIRS if personal(finder, name) is not None]
    assert len(masked) > 90
    for truth in TRUTH:
        before = left_before(finder, truth, PAIRS)
        told = log_of(finder, truth, tmp_path)
        assert told == [{"event": "finding", "track": "A1", "entity_type": "PERSON"}]
        folder = tmp_path / truth[:3]
        folder.mkdir()
        after = sum(log_of(finder, name, folder) == told for name in masked)
        assert after == len(masked)
        assert before < after / 2, "the attack itself works on what the finder knows"


def test_a_finding_says_where_it_is_stored(tmp_path: Path) -> None:
    """A line holds the kind and the stored span: no score, rule, count of words or original span."""
    tokens = (Token("Hello", Span(0, 0.3)), Token("PERSON 1", Span(0.9, 1.15), EntityType.PERSON))
    (event,) = finding_events([RedactedUtterance(tokens, Span(0, 3), "S1", "A1", "en")])
    assert dict(event.detail) == {"entity_type": "PERSON"}
    assert event.span == Span(0.9, 1.15)
