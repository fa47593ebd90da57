"""Measures what is found and what is masked for nothing in labelled utterances.

    python -m benchmarks.text [--missed] [--false] [--set FILE]

Two sets: `meetings`, read from `pii/` below the folder that `OFFRECORD_SHARED_DATA` names, by default
`../shared/data`, and left out where it is absent; and `weak kinds`, `benchmarks/data/weak_kinds.txt` with
`harmless.txt`, written before the rules were tuned to such kinds (`harmless_3.txt` later; the other
`weak_kinds_N.txt` are for `--set`, which measures another file of that form, and `--harmless` one of the other form).
Each line is searched alone, as a recording of one utterance, or of turns where ` // ` stands between them. A labelled
word counts as found if any finding covers it; the kind does not matter, since the mask is the same.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from redaction.model import Span, Utterance, Word  # noqa: E402
from redaction.policy import SpeechSection  # noqa: E402
from redaction.text import PersonalDataFinder  # noqa: E402

DATA = Path(os.environ.get("OFFRECORD_SHARED_DATA", ROOT.parent / "shared" / "data")) / "pii"
OWN = ROOT / "benchmarks" / "data"
TURN = "//"  # between what two speakers say by turns


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


def conversation(text: str) -> tuple[list[Utterance], list[list[int]]]:
    """Return the turns of a text that ` // ` parts, of two speakers by turns, and which of its words each holds."""
    turns: list[list[int]] = [[]]
    words = text.split()
    for at, word in enumerate(words):
        if word == TURN:
            turns.append([])
        else:
            turns[-1].append(at)
    spoken = [utterance(" ".join(words[at] for at in turn), start=turn[0] * 0.33) for turn in turns]
    return [replace(one, speaker=f"S{1 + at % 2}") for at, one in enumerate(spoken)], turns


def offsets(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each word of a text begins and ends."""
    at = 0
    for word in text.split():
        at = text.index(word, at)
        yield at, at + len(word)
        at += len(word)


def measure(finder: PersonalDataFinder, text: str, spans: list[dict[str, object]], tally: Tally) -> None:
    """Search one line and count."""
    utterances, turns = conversation(text)
    findings = [(one.rule, turns[one.utterance][one.first : one.last]) for one in finder.find(utterances)]
    covered = {at for _, inside in findings for at in inside}
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
    tally.plain += len(words) - words.count(TURN) - len(labelled)
    extra = covered - labelled
    tally.false += len(extra)
    if extra:
        rules = {rule for rule, inside in findings if set(inside) & extra}
        shown = " ".join(f"<{words[at]}>" if at in extra else words[at] for at in range(len(words)))
        tally.masked.append(f"{sorted(rules)}: {shown}")


def marked(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return a text without its braces, and where the words in braces begin and end."""
    plain, spans, start = "", [], 0
    for char in text:
        if char == "{":
            start = len(plain)
        elif char == "}":
            spans.append((start, len(plain)))
        else:
            plain += char
    return plain, spans


def lowered(text: str) -> str:
    """Return a text in braces as recognisers without capitals and punctuation write it."""
    return " ".join(re.sub(r"[.,?!;:]+(?=}?[.,?!;:]*$)", "", word) for word in text.lower().split())


def weak_kinds(path: Path) -> list[tuple[str, str, str]]:
    """Return kind, form and text in braces of every utterance of a file, in its three forms."""
    found: list[tuple[str, str, str]] = []
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            kind, whisper, *spoken = (part.strip() for part in line.split("|"))
            forms = {"whisper": whisper, "lower": lowered(whisper), "spoken": (*spoken, lowered(whisper))[0]}
            found += [(kind, form, text) for form, text in forms.items()]
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Measures the search for personal data in words.")
    parser.add_argument(
        "--missed", action="store_true", help="show every labelled span that was not found whole"
    )
    parser.add_argument("--false", action="store_true", help="show every word that was masked for nothing")
    parser.add_argument("--set", type=Path, help="measure this file alone")
    parser.add_argument(
        "--harmless", type=Path, help="with --set: measure this file in which nothing is personal"
    )
    arguments = parser.parse_args()
    finder = PersonalDataFinder(SpeechSection())
    forms: dict[str, Tally] = defaultdict(Tally)
    lines = []
    if arguments.set is None and DATA.is_dir():
        lines = [json.loads(line) for line in (DATA / "meetings_dev.jsonl").read_text("utf-8").splitlines()]
        for line in lines:
            measure(finder, line["text"], line["spans"], forms[f"meetings, {line['variant']}"])
        harmless(finder, DATA / "negatives_dev.txt", forms, "meetings, negatives")
    for kind, form, text in weak_kinds(arguments.set or OWN / "weak_kinds.txt"):
        plain, places = marked(text)
        spans: list[dict[str, object]] = [{"start": a, "end": b, "type": kind} for a, b in places]
        measure(finder, plain, spans, forms[f"weak kinds, {form}"])
    if arguments.harmless is not None:
        harmless(finder, arguments.harmless, forms, "negatives")
    if arguments.set is None:
        harmless(finder, OWN / "harmless.txt", forms, "weak kinds, negatives")
        harmless(finder, OWN / "harmless_3.txt", forms, "further negatives")
    print("| set, form | word recall | span recall | false words per 1,000 |\n|---|---|---|---|")
    for form, tally in forms.items():
        recall = f"{tally.found / tally.personal:.3f}" if tally.personal else "-"
        spans_found = f"{tally.spans_found / tally.spans:.3f}" if tally.spans else "-"
        print(f"| {form} | {recall} | {spans_found} | {1000 * tally.false / tally.plain:.1f} |")
    print_kinds({form: tally for form, tally in forms.items() if form.startswith("weak") and tally.by_type})
    if lines:
        hour = [utterance(lines[at % len(lines)]["text"], start=at * 3.6) for at in range(1000)]
        begin = time.process_time()
        finder.find(hour)
        print(f"\n{time.process_time() - begin:.1f} CPU s per 1,000 utterances, an hour of talk")
    for form, tally in forms.items():
        for text in tally.missed if arguments.missed else ():
            print(f"missed, {form}: {text}")
        for text in tally.masked if arguments.false else ():
            print(f"false, {form}: {text}")


def harmless(finder: PersonalDataFinder, path: Path, forms: dict[str, Tally], name: str) -> None:
    """Search the lines of a file in which nothing is personal, as they are and in small letters."""
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            measure(finder, line, [], forms[name])
            measure(finder, lowered(line), [], forms[f"{name}, lower"])


def print_kinds(forms: dict[str, Tally]) -> None:
    """Print the word recall of each kind in each form."""
    print(f"\n| word recall by kind | {' | '.join(forms)} |\n|---|{'---|' * len(forms)}")
    for kind in next(iter(forms.values())).by_type:
        counts = [tally.by_type[kind] for tally in forms.values()]
        print(f"| {kind} | {' | '.join(f'{found / labelled:.3f}' for labelled, found in counts)} |")


if __name__ == "__main__":
    main()
