"""What a bundle is made of, of a recorded file and of a call alike: all that its publisher writes down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, Self

from recorder import __version__
from recorder.bundle.chat import StoredMessage
from recorder.bundle.manifest import (
    Check,
    Coverage,
    GapEntry,
    HintsEntry,
    Manifest,
    Models,
    Participants,
    ReviewEntry,
    StillEntry,
    TrackEntry,
)
from recorder.bundle.quality import QualitySecond
from recorder.call.consent.receipts import Receipt
from redaction.model import Event, EventKind, Gap, RedactedUtterance
from redaction.policy import Policy
from redaction.weights import identify

__all__ = [
    "RECORDING",
    "TRACKS",
    "BundleContents",
    "Origin",
    "VoiceMethod",
    "gap_entry",
    "gap_events",
    "models_used",
    "voice_note",
]

RECORDING: Final = "recording.mp4"
TRACKS: Final = "tracks"

VoiceMethod = Literal["resynthesize", "disguise", "mute", "none"]

_DISGUISE_NOTE: Final = (
    "A disguised voice is not anonymous: attackers who know the method link 82 to 99 of 100 voices "
    "(equal error rate 1 to 18 percent)."
)
_VIDEO_MODELS: Final = ("face.yunet", "face.centerface", "face.blazeface")
_AGE_MODELS: Final = ("age.faceapi", "age.faceres_deep", "person.selfie")


@dataclass(frozen=True, slots=True)
class Origin:
    """How a recording came to be stored: by which program, when, for what, under which policy, with which models.

    Attributes:
        voice: what became of the voices, `none` where there were none.
        review: who looked at it since, and what they changed; the latest stands last.
        hints: what a reviewer gave back before it was made; None where nobody gave hints.
    """

    version: str
    created: datetime
    expires: datetime
    purpose: str
    retention_days: int
    policy_digest: str
    policy: Mapping[str, str | int | float | bool]
    models: tuple[Models, ...]
    voice: VoiceMethod
    review: tuple[ReviewEntry, ...] = ()
    hints: HintsEntry | None = None

    @classmethod
    def of_policy(
        cls,
        policy: Policy,
        *,
        models: tuple[Models, ...],
        audio: bool,
        version: str = __version__,
        created: datetime | None = None,
    ) -> Self:
        """Return the origin of what is stored now.

        Args:
            policy: of the recording.
            models: see `models_used`.
            audio: whether audio is stored.
            version: of the program that recorded it.
            created: when it was made; by default now.
        """
        made = (created or datetime.now(UTC)).replace(microsecond=0)
        return cls(
            version=version,
            created=made,
            expires=made + timedelta(days=policy.purpose.retention_days),
            purpose=policy.purpose.name,
            retention_days=policy.purpose.retention_days,
            policy_digest=policy.digest,
            policy=_policy_facts(policy),
            models=models,
            voice=policy.voice.method if audio else "none",
        )

    @classmethod
    def of_manifest(cls, manifest: Manifest) -> Self:
        """Return the origin of a bundle."""
        return cls(
            version=manifest.version,
            created=manifest.created,
            expires=manifest.expires,
            purpose=manifest.purpose,
            retention_days=manifest.retention_days,
            policy_digest=manifest.policy_digest,
            policy=manifest.policy,
            models=manifest.models,
            voice=manifest.voice.method,
            review=manifest.review,
            hints=manifest.hints,
        )


@dataclass(frozen=True, slots=True)
class BundleContents:
    """What is published besides the media, which stand in the writer's folder already.

    Attributes:
        events: what the log is given after what it holds already, and before the checks.
        transcript: what may be stored of the words; None where there is nothing to transcribe.
        names: what each speaker is called; numbered in order of first speech when left out.
        participants: of a call.
        quality: of a call, each participant's connection second by second.
        receipts: of a call, of everybody who was asked.
    """

    origin: Origin
    duration: float
    tracks: tuple[TrackEntry, ...]
    gaps: tuple[GapEntry, ...]
    coverage: Coverage
    redacted: Mapping[str, int]
    checks: tuple[Check, ...]
    stills: tuple[StillEntry, ...] = ()
    notes: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    transcript: tuple[RedactedUtterance, ...] | None = None
    names: Mapping[str, str] | None = None
    chat: tuple[StoredMessage, ...] = ()
    participants: Participants | None = None
    quality: Mapping[str, Sequence[QualitySecond]] | None = None
    receipts: tuple[Receipt, ...] = ()


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


def models_used(
    policy: Policy,
    *,
    video: bool,
    audio: bool,
    speakers: bool,
    compared: bool = False,
    written: bool = False,
) -> tuple[Models, ...]:
    """Return the model files that took part.

    Args:
        policy: which it names.
        video: whether there was any.
        audio: whether there was any.
        speakers: whether voices were told apart.
        compared: whether stored voices were compared with raw ones.
        written: whether there were words next to the media.
    """
    names: list[str] = []
    if video:
        names += [*_VIDEO_MODELS, *(() if policy.minors.unchecked else _AGE_MODELS)]
        if policy.screen.text != "none":
            names += ["screen.text_detection", "screen.text_recognition"]
    if audio:
        names += [policy.speech.model, "align.pocketsphinx", "text.rampart"]
    elif video and policy.screen.text == "personal":
        names += ["text.rampart"]
    if audio:
        names += ["voice.hibari"] if policy.voice.method == "resynthesize" else []
        names += ["speaker.segmentation"] if speakers else []
        names += ["speaker.campplus"] if speakers or compared else []
    names += ["text.rampart"] if written and "text.rampart" not in names else []
    return tuple(
        Models(name=name if not name.startswith("/") else "speech.by_path", sha256=identify(name))
        for name in names
    )


def _policy_facts(policy: Policy) -> dict[str, str | int | float | bool]:
    """Return the main choices of a policy; its digest binds the rest.

    Its lists of words are in neither, since they hold names: how long they are is all that is told of them. With every
    name of a call allowed the words would be whole, and nothing else would say why.
    """
    return {
        "faces.method": policy.faces.method,
        "faces.label": policy.faces.label,
        "profile": policy.profile,
        "minors.in_doubt": policy.minors.in_doubt,
        "minors.declared": policy.minors.declared,
        "minors.all_declared_adult": policy.minors.all_declared_adult,
        "minors.unchecked": policy.minors.unchecked,
        "screen.text": policy.screen.text,
        "screen.codes": policy.screen.codes,
        "voice.method": policy.voice.method,
        "speech.personal": policy.speech.personal,
        "speech.allow": len(policy.speech.allow),
        "speech.roster": len(policy.speech.roster),
        "consent.default": policy.consent.default,
        "transcript.names": policy.transcript.names,
    }
