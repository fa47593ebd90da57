"""What the redaction of a file and the finishing of a call write in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from recorder.bundle.manifest import GapEntry, Manifest, Models
from redaction.model import Event, EventKind, Gap
from redaction.policy import Policy
from redaction.weights import identify

__all__ = [
    "RECORDING",
    "Published",
    "expiry",
    "gap_entry",
    "gap_events",
    "models_used",
    "policy_facts",
    "voice_note",
]

RECORDING: Final = "recording.mp4"
_DISGUISE_NOTE: Final = (
    "A disguised voice is not anonymous: attackers who know the method link 82 to 99 of 100 voices "
    "(equal error rate 1 to 18 percent)."
)
_VIDEO_MODELS: Final = ("face.yunet", "face.centerface", "face.blazeface")
_AGE_MODELS: Final = ("age.faceapi", "age.faceres_deep", "person.selfie")


@dataclass(frozen=True, slots=True)
class Published:
    """A published bundle; `attention` is what a person should look at first, worst first."""

    path: Path
    manifest: Manifest
    seconds_taken: float
    attention: tuple[str, ...] = ()


def expiry(policy: Policy, created: datetime | None = None) -> tuple[datetime, datetime]:
    """Return when a recording was made, by default now, and when it expires."""
    made = (created or datetime.now(UTC)).replace(microsecond=0)
    return made, made + timedelta(days=policy.purpose.retention_days)


def voice_note(method: str) -> str:
    """Return what must be said of how voices were changed."""
    return _DISGUISE_NOTE if method == "disguise" else ""


def gap_events(gaps: Sequence[Gap]) -> list[Event]:
    """Return the log's events of gaps."""
    return [Event(EventKind.GAP, gap.track, gap.span, {"reason": gap.reason}) for gap in gaps]


def gap_entry(gap: Gap) -> GapEntry:
    """Return a gap as the manifest holds it."""
    return GapEntry(
        track=gap.track, start=round(gap.span.start, 3), end=round(gap.span.end, 3), reason=gap.reason
    )


def policy_facts(policy: Policy) -> dict[str, str | int | float | bool]:
    """Return the main choices of a policy; its digest binds the rest."""
    return {
        "faces.method": policy.faces.method,
        "profile": policy.profile,
        "minors.in_doubt": policy.minors.in_doubt,
        "minors.declared": policy.minors.declared,
        "minors.all_declared_adult": policy.minors.all_declared_adult,
        "minors.unchecked": policy.minors.unchecked,
        "screen.text": policy.screen.text,
        "screen.codes": policy.screen.codes,
        "voice.method": policy.voice.method,
        "speech.personal": policy.speech.personal,
        "transcript.names": policy.transcript.names,
    }


def models_used(
    policy: Policy, *, pictures: bool, sound: bool, speakers: bool, written: bool = False
) -> tuple[Models, ...]:
    """Return the model files that took part.

    Args:
        policy: which it names.
        pictures: whether there was any picture.
        sound: whether there was any sound.
        speakers: whether voices were told apart.
        written: whether there were words beside the media.
    """
    names: list[str] = []
    if pictures:
        names += [*_VIDEO_MODELS, *(() if policy.minors.unchecked else _AGE_MODELS)]
        if policy.screen.text != "none":
            names += ["screen.text_detection"]
            names += ["screen.text_recognition"] if policy.screen.text == "personal" else []
    if sound:
        names += [policy.speech.model, "align.pocketsphinx", "text.rampart"]
    elif pictures and policy.screen.text == "personal":
        names += ["text.rampart"]
    if sound:
        names += ["voice.hibari"] if policy.voice.method == "resynthesize" else []
        names += ["speaker.segmentation", "speaker.campplus"] if speakers else []
    names += ["text.rampart"] if written and "text.rampart" not in names else []
    return tuple(
        Models(name=name if not name.startswith("/") else "speech.by_path", sha256=identify(name))
        for name in names
    )
