"""Runs the attacks over what was published: one pass over the pictures and one over the sound of each recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recorder.audit.emotion import Feelings
from recorder.audit.faces_left import FaceSearch, FacesLeft
from recorder.audit.finder import Finder
from recorder.audit.hearing import Ears
from recorder.audit.membership import Membership
from recorder.audit.outcome import AttackOutcome, AuditVerdict
from recorder.audit.pictures import shown_pictures
from recorder.audit.reader import PictureReader
from recorder.audit.recognisers import recognisers
from recorder.audit.reidentify import Reidentification
from recorder.audit.speech import said_in
from recorder.audit.targets import Attacked, attacked_at, sampled
from recorder.audit.voice_vectors import voice_recognisers
from recorder.audit.voices import VoiceAttack
from recorder.audit.words import WordsAttack
from recorder.runtime.context import Run
from redaction.errors import ModelMissing
from redaction.weights import CATALOG
from redaction.weights.locate import cache_root

__all__ = ["ATTACKS", "Audit", "audit"]

ATTACKS: Final = ("faces", "words", "people", "voices", "emotion", "membership")
_GROUPS: Final = {
    "faces": ("audit",),
    "words": ("audit", "multilingual"),
    "people": ("audit",),
    "voices": ("audit", "speakers"),
    "emotion": ("audit",),
    "membership": (),
}
_READ_EVERY_S: Final = 1.0
_FACES: Final = frozenset({"faces", "people", "emotion"})


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
    gallery: Path | None = None,
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
        gallery: photographs of people, a folder for each, named as their folder of originals.
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
    attackers = _Attackers.loaded(attacks)
    if gallery is not None and attackers.people is not None and attackers.faces is not None:
        attackers.people.enrol(gallery, attackers.faces.search)
    try:
        for number, attacked in enumerate(found, start=1):
            attackers.look(attacked, every_s=every_s, run=run, of=f"{number} of {len(found)}")
            with run.stage(f"hear {number} of {len(found)}", 0):
                attackers.listen(attacked, run)
    finally:
        attackers.close()
    with_original = sum(one.original is not None for one in found)
    return Audit(len(found), len(standing), with_original, tuple(attackers.outcomes(attacks, limits)))


@dataclass(frozen=True, slots=True)
class _Attackers:
    """Those that were asked for; faces are searched for whoever needs them."""

    faces: FacesLeft | None
    words: WordsAttack | None
    people: Reidentification | None
    voices: VoiceAttack | None
    feelings: Feelings | None
    membership: Membership | None

    @classmethod
    def loaded(cls, attacks: Sequence[str]) -> _Attackers:
        return cls(
            FacesLeft(FaceSearch()) if _FACES.intersection(attacks) else None,
            WordsAttack(Finder(), Ears(), PictureReader()) if "words" in attacks else None,
            Reidentification(recognisers()) if "people" in attacks else None,
            VoiceAttack(voice_recognisers()) if "voices" in attacks else None,
            Feelings() if "emotion" in attacks else None,
            Membership() if "membership" in attacks else None,
        )

    def close(self) -> None:
        if self.words is not None:
            self.words.reader.close()

    def outcomes(self, attacks: Sequence[str], limits: dict[str, float]) -> Iterator[AttackOutcome]:
        wanted = (
            self.faces if "faces" in attacks else None,
            self.people,
            self.voices,
            self.words,
            self.feelings,
            self.membership,
        )
        for attack in wanted:
            if attack is not None:
                yield from attack.outcomes(limits)

    def look(self, attacked: Attacked, *, every_s: float, run: Run, of: str) -> None:
        """Go through the pictures once."""
        opened = attacked.open()
        faces, words = self.faces, self.words
        if opened is None or not opened.info().video or (faces is None and words is None):
            return
        next_read = 0.0
        person = attacked.original.person if attacked.original is not None else ""
        with run.stage(f"look {of}", opened.info().duration) as reach:
            for shown in shown_pictures(attacked, every_s=every_s if faces is not None else _READ_EVERY_S):
                run.check()
                reach(shown.time)
                if faces is not None:
                    seen = faces.look(attacked.name, shown)
                    if shown.original is not None and self.people is not None:
                        self.people.see(attacked.name, person, shown.original, shown.stored, seen)
                    if shown.original is not None and self.feelings is not None:
                        self.feelings.see(attacked.name, shown.original, shown.stored, seen)
                if words is not None and shown.time >= next_read:
                    next_read = shown.time + _READ_EVERY_S
                    words.look(attacked.name, shown)

    def listen(self, attacked: Attacked, run: Run) -> None:
        """Go through the sound, and the files."""
        if self.words is not None:
            self.words.listen(attacked)
            run.check()
        if self.voices is not None or self.feelings is not None:
            for said in said_in(attacked):
                run.check()
                if self.voices is not None:
                    self.voices.listen([said])
                if self.feelings is not None:
                    self.feelings.listen([said])
        if self.membership is not None:
            self.membership.compare(attacked)


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
