"""The log as an oracle: what is learnt of a masked name by running the program over candidates.

    python -m benchmarks.oracle [--pairs 722] [--truths 20]

Of 38 first names and 19 family names, 722 pairs, and of 46 single names, some are said in sentences and masked. The
attacker has the published words, puts every candidate in the place of what stands for the name, runs the program's own
finder and redaction, and keeps the candidates of which log, transcript and counts come out as they were published.
`before` keeps those of which kind, rule, number of words and score to four digits come out, as the log once told.
Chance is that all candidates are left that are masked at all, which is what the label says already.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from recorder.bundle.log import safe_detail  # noqa: E402
from redaction.audio.redact import finding_events  # noqa: E402
from redaction.audio.voice.timing import unspoken  # noqa: E402
from redaction.model import EntityType, Span, TextFinding, Utterance, Word  # noqa: E402
from redaction.policy import Policy  # noqa: E402
from redaction.text import PersonalDataFinder  # noqa: E402
from redaction.text.pseudonyms import assign  # noqa: E402
from redaction.text.redact import redact_utterances  # noqa: E402

NAMES = ROOT / "benchmarks" / "data" / "candidate_names.txt"
CONTEXTS = {
    "said": ("then {} said it would be late",),
    "introduced": ("Hello, my name is {} and I work on the release.", "Thanks for the update."),
    "lower case": ("i talked to {} about the invoice yesterday",),
    "asked": ("Who am I speaking with?", "It is {}.", "And when did you order?"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What is published of a sentence, and what the log told before."""

    now: str
    before: tuple[object, ...]
    masked: bool


def main() -> None:
    """Print a row for each way to say a name."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=722, help="candidates of two words")
    parser.add_argument("--truths", type=int, default=20, help="names that are said, of each kind")
    chosen = parser.parse_args()
    dice = random.Random(12)
    first, family, more = (line.split() for line in NAMES.read_text(encoding="utf-8").splitlines())
    pairs = [f"{one} {other}" for one, other in product(first, family)]
    finder = PersonalDataFinder(Policy().speech)
    print(f"{'names':8} {'said as':12} {'candidates':>10} {'masked':>7} {'left now':>16} {'left before':>16}")
    for kind, names in (("pairs", dice.sample(pairs, chosen.pairs)), ("single", [*first, *more])):
        for context, lines in CONTEXTS.items():
            print(row(finder, kind, context, lines, names, truths=chosen.truths, dice=dice))


def row(
    finder: PersonalDataFinder,
    kind: str,
    context: str,
    lines: Sequence[str],
    names: Sequence[str],
    *,
    truths: int,
    dice: random.Random,
) -> str:
    """Return a row: how many candidates are left of the masked ones, in the median and at worst."""
    told = {name: what_is_told(finder, lines, name) for name in names}
    masked = [name for name in names if told[name].masked]
    said = dice.sample(masked, min(truths, len(masked)))
    now = sorted(sum(told[name].now == told[truth].now for name in masked) for truth in said)
    before = sorted(sum(told[name].before == told[truth].before for name in masked) for truth in said)
    figures = f"{kind:8} {context:12} {len(names):>10} {len(masked):>7}"
    return figures + "".join(f" {_middle(counts):>9} ({counts[0]:>4})" for counts in (now, before))


def what_is_told(finder: PersonalDataFinder, lines: Sequence[str], name: str) -> Told:
    """Return all that a bundle tells of sentences in which a name is said, and what its log told before."""
    utterances = list(spoken([line.format(name) for line in lines]))
    findings = assign(utterances, finder.find(utterances))
    stored = [unspoken(item) for item in redact_utterances(utterances, findings, Policy())]
    log = [
        {"event": str(event.kind), "track": event.track, **safe_detail(event)}
        for event in finding_events(stored)
    ]
    words = [[(token.text, _times(token.span, item.span)) for token in item.tokens] for item in stored]
    persons = [one for one in findings if one.entity_type is EntityType.PERSON]
    return Told(json.dumps([words, log]), tuple(map(_once_told, persons)), bool(persons))


def spoken(lines: Sequence[str]) -> Iterator[Utterance]:
    """Yield utterances of two speakers in turns, each word as long as its letters."""
    at = 0.0
    for number, line in enumerate(lines):
        start, words = at, []
        for text in line.split():
            words.append(Word(text, Span(at, at + 0.06 * len(text)), 1.0))
            at += 0.06 * len(text) + 0.08
        yield Utterance(tuple(words), Span(start, at), f"S{1 + number % 2}", "A1", "en")
        at += 0.4


def _times(span: Span, within: Span) -> tuple[float, float]:
    """Return a word's times from when its speaker began."""
    return round(span.start - within.start, 3), round(span.end - within.start, 3)


def _once_told(found: TextFinding) -> tuple[object, ...]:
    return found.rule, found.last - found.first, round(found.score, 4)


def _middle(counts: Sequence[int]) -> int:
    return counts[len(counts) // 2]


if __name__ == "__main__":
    main()
