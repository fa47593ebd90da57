"""Runs the attacks over what was published: one pass over the pictures and one over the sound of each recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recorder.audit.faces_left import FaceSearch, FacesLeft
from recorder.audit.finder import Finder
from recorder.audit.hearing import Ears
from recorder.audit.outcome import AttackOutcome, AuditVerdict
from recorder.audit.pictures import shown_pictures
from recorder.audit.reader import PictureReader
from recorder.audit.targets import Attacked, attacked_at, sampled
from recorder.audit.words import WordsAttack
from recorder.runtime.context import Run
from redaction.errors import ModelMissing
from redaction.weights import CATALOG
from redaction.weights.locate import cache_root

__all__ = ["ATTACKS", "Audit", "audit"]

ATTACKS: Final = ("faces", "words")
_GROUPS: Final = {"faces": ("audit",), "words": ("audit", "multilingual")}
_READ_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Audit:
    """What came of all attacks.

    Attributes:
        recordings: how many were attacked.
        of: how many stand there.
        with_original: how many of them beside their original.
        outcomes: a row each.
    """

    recordings: int
    of: int
    with_original: int
    outcomes: tuple[AttackOutcome, ...]

    def count(self, verdict: AuditVerdict) -> int:
        """Return how many attacks have a verdict."""
        return sum(one.verdict is verdict for one in self.outcomes)


def audit(
    target: Path,
    *,
    originals: Path | None,
    attacks: Sequence[str],
    sample: str,
    limits: dict[str, float],
    every_s: float,
    run: Run,
) -> Audit:
    """Attack what stands at a place; nothing is written.

    Args:
        target: a bundle, a folder of bundles, a media file or a folder of them.
        originals: what they were made of.
        attacks: of `ATTACKS`.
        sample: how many recordings, sampled at random: a number or a percentage; empty for all.
        limits: by figure.
        every_s: seconds between two pictures that are searched for faces; 0 for every picture.
        run: who watches, and may stop it.

    Raises:
        UnreadableInput: nothing that can be attacked stands there.
        RedactionIncomplete: a bundle is not whole.
        ModelMissing: a group of models was not fetched.
        UsageError: no original belongs to what is attacked.
    """
    _check_models(attacks)
    standing = attacked_at(target, originals)
    found = sampled(standing, sample)
    faces = FacesLeft(FaceSearch()) if "faces" in attacks else None
    words = WordsAttack(Finder(), Ears(), PictureReader()) if "words" in attacks else None
    try:
        for number, attacked in enumerate(found, start=1):
            _look(attacked, faces, words, every_s=every_s, run=run, of=f"{number} of {len(found)}")
            if words is not None:
                with run.stage(f"hear {number} of {len(found)}", 0):
                    words.listen(attacked)
                run.check()
    finally:
        if words is not None:
            words.reader.close()
    outcomes = [
        outcome for attack in (faces, words) if attack is not None for outcome in attack.outcomes(limits)
    ]
    with_original = sum(one.original is not None for one in found)
    return Audit(len(found), len(standing), with_original, tuple(outcomes))


def _look(
    attacked: Attacked,
    faces: FacesLeft | None,
    words: WordsAttack | None,
    *,
    every_s: float,
    run: Run,
    of: str,
) -> None:
    opened = attacked.open()
    if opened is None or not opened.info().video:
        return
    next_read = 0.0
    with run.stage(f"look {of}", opened.info().duration) as reach:
        for shown in shown_pictures(attacked, every_s=every_s if faces is not None else _READ_EVERY_S):
            run.check()
            reach(shown.time)
            if faces is not None:
                faces.look(attacked.name, shown)
            if words is not None and shown.time >= next_read:
                next_read = shown.time + _READ_EVERY_S
                words.look(attacked.name, shown)


def _check_models(attacks: Sequence[str]) -> None:
    groups = {group for attack in attacks for group in _GROUPS[attack]}
    root = cache_root()
    missing = sorted(
        {
            entry.group
            for entry in CATALOG.values()
            if entry.group in groups and not all((root / file).is_file() for file in entry.files)
        }
    )
    if missing:
        raise ModelMissing(
            f"The models that attack are not in place; run `offrecord models fetch {' '.join(missing)}`."
        )
