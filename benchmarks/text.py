"""Measures what is found and what is masked for nothing in labelled meeting utterances.

    python benchmarks/text.py [--missed] [--false]

Reads `pii/meetings_dev.jsonl` and `pii/negatives_dev.txt` below the folder that `OFFRECORD_SHARED_DATA` names, by
default `../shared/data`. Each line is searched alone, as a recording of one utterance. A labelled word counts as
found if any finding covers it; the kind does not matter, since the mask is the same.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from redaction.model import Span, Utterance, Word  # noqa: E402
from redaction.policy import SpeechSection  # noqa: E402
from redaction.text import PersonalDataFinder  # noqa: E402

DATA = Path(os.environ.get("OFFRECORD_SHARED_DATA", ROOT.parent / "shared" / "data")) / "pii"


@dataclass(slots=True)
class Tally:
    """Counts of one form of the text."""

    personal: int = 0
    found: int = 0
    spans: int = 0
    spans_found: int = 0
    plain: int = 0
    false: int = 0
    by_type: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    missed: list[str] = field(default_factory=list)
    masked: list[str] = field(default_factory=list)


def utterance(text: str, *, start: float = 0.0) -> Utterance:
    """Make an utterance of words of a third of a second each."""
    words = tuple(
        Word(word, Span(start + at * 0.33, start + at * 0.33 + 0.3)) for at, word in enumerate(text.split())
    )
    return Utterance(words, Span(start, start + len(words) * 0.33), "S1", "a")


def offsets(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each word of a text begins and ends."""
    at = 0
    for word in text.split():
        at = text.index(word, at)
        yield at, at + len(word)
        at += len(word)


def measure(finder: PersonalDataFinder, text: str, spans: list[dict[str, object]], tally: Tally) -> None:
    """Search one line and count."""
    findings = finder.find([utterance(text)])
    covered = {at for one in findings for at in range(one.first, one.last)}
    words = text.split()
    places = list(offsets(text))
    labelled: set[int] = set()
    for span in spans:
        start, end = int(str(span["start"])), int(str(span["end"]))
        inside = {at for at, (a, b) in enumerate(places) if a < end and start < b}
        labelled |= inside
        whole = inside <= covered
        tally.spans += 1
        tally.spans_found += whole
        counts = tally.by_type[str(span["type"])]
        counts[0] += len(inside)
        counts[1] += len(inside & covered)
        if not whole:
            missed = " ".join(
                f"<{words[at]}>" if at in inside - covered else words[at] for at in range(len(words))
            )
            tally.missed.append(f"{span['type']}: {missed}")
    tally.personal += len(labelled)
    tally.found += len(labelled & covered)
    tally.plain += len(words) - len(labelled)
    extra = covered - labelled
    tally.false += len(extra)
    if extra:
        rules = {one.rule for one in findings if set(range(one.first, one.last)) & extra}
        shown = " ".join(f"<{words[at]}>" if at in extra else words[at] for at in range(len(words)))
        tally.masked.append(f"{sorted(rules)}: {shown}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Measures the search for personal data in words.")
    parser.add_argument(
        "--missed", action="store_true", help="show every labelled span that was not found whole"
    )
    parser.add_argument("--false", action="store_true", help="show every word that was masked for nothing")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit("The labelled utterances are not there; set OFFRECORD_SHARED_DATA.")
    finder = PersonalDataFinder(SpeechSection())
    forms: dict[str, Tally] = defaultdict(Tally)
    lines = [json.loads(line) for line in (DATA / "meetings_dev.jsonl").read_text("utf-8").splitlines()]
    for line in lines:
        measure(finder, line["text"], line["spans"], forms[line["variant"]])
    negatives = (DATA / "negatives_dev.txt").read_text("utf-8").splitlines()
    for line in filter(None, negatives):
        measure(finder, line, [], forms["negatives"])
        measure(finder, line.lower(), [], forms["negatives, lower"])
    print("| form | word recall | span recall | false words per 1,000 |\n|---|---|---|---|")
    for form, tally in forms.items():
        recall = f"{tally.found / tally.personal:.3f}" if tally.personal else "-"
        spans = f"{tally.spans_found / tally.spans:.3f}" if tally.spans else "-"
        print(f"| {form} | {recall} | {spans} | {1000 * tally.false / tally.plain:.1f} |")
    whole = [
        utterance(lines[at % len(lines)]["text"], start=at * 3.6) for at in range(1000)
    ]  # an hour of talk
    begin = time.process_time()
    finder.find(whole)
    print(f"\n{time.process_time() - begin:.1f} CPU s per 1,000 utterances")
    for form, tally in forms.items():
        for text in tally.missed if arguments.missed else ():
            print(f"missed, {form}: {text}")
        for text in tally.masked if arguments.false else ():
            print(f"false, {form}: {text}")


if __name__ == "__main__":
    main()
