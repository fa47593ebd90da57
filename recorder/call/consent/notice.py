"""What participants are told: what is recorded, what is taken out, why, for how long, and how to say yes or no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from redaction.policy import Policy

__all__ = ["NoticeTexts"]

_FACES: Final = {
    "solid": "faces are covered",
    "mosaic": "faces are reduced to coarse blocks",
    "remove": "people are taken out of the picture",
}
_VOICES: Final = {
    "resynthesize": "voices are replaced by a synthetic one",
    "disguise": "voices are changed, which does not make them anonymous",
    "mute": "no voice is kept",
}


@dataclass(frozen=True, slots=True)
class NoticeTexts:
    """The sentences for one policy; they hold no name of anybody.

    Attributes:
        purpose: why the recording is made, in plain words.
        retention_days: how long it is kept.
        redacted: what is taken out before anything is stored.
        silence: what no answer means.
        voices_kept: voices are changed only.
    """

    purpose: str
    retention_days: int
    redacted: str
    silence: str
    voices_kept: bool = False

    @classmethod
    def of(cls, policy: Policy) -> NoticeTexts:
        """Return the texts of a policy."""
        silent = "No answer means no." if policy.consent.default == "deny" else "No answer means yes."
        words = "names and numbers are removed from speech and chat"
        taken = f"{_FACES[policy.faces.method]}, {words}, {_VOICES[policy.voice.method]}"
        days = policy.purpose.retention_days
        kept = policy.voice.method == "disguise"
        return cls(policy.purpose.name.replace("-", " "), days, taken, silent, kept)

    @property
    def what(self) -> str:
        """What happens, without how to answer."""
        days = "1 day" if self.retention_days == 1 else f"{self.retention_days} days"
        return (
            f"A recorder is in this call. Purpose: {self.purpose}. Before anything is stored, {self.redacted}. "
            f"Recordings are kept for {days}."
        )

    @property
    def young(self) -> str:
        """Who must not accept."""
        return "If you are under 18, please do not accept."

    @property
    def asking(self) -> str:
        """The notice for a chat."""
        return (
            f"{self.what} To agree, write /record yes, or /record yes 18+ if you are 18 or older. To refuse or "
            f"withdraw, write /record no. To have what was stored of you removed, write /record erase. "
            f"{self.silence} You can change your mind at any time. {self.young}"
        )

    @property
    def spoken(self) -> str:
        """The notice for ears: short, with the way to answer."""
        return (
            f"A recorder is in this call. {self.redacted.capitalize()}. "
            f"Please read the notice in the chat, and answer yes or no. {self.silence}"
        )

    @property
    def tile(self) -> tuple[str, ...]:
        """The lines of the image tile."""
        without = "without faces and names" if self.voices_kept else "without faces, names and voices"
        return ("This call is recorded", without, self.silence, "See the chat to answer")

    @property
    def agreed(self) -> str:
        """After a yes."""
        return "You are being recorded from now on, redacted. Write /record no or /record erase to stop at any time."

    @staticmethod
    def receipt(receipt_id: str) -> str:
        """What a receipt is for; for its owner alone."""
        return (
            f"Your receipt is {receipt_id}. Keep it, and show it to nobody but whoever keeps the recording: by it "
            "what was stored of you can be erased after the call."
        )

    @property
    def refused(self) -> str:
        """After a no or an erasure."""
        return "You are not recorded, and what was stored of you is being removed. Write /record yes to agree again."

    @property
    def underage(self) -> str:
        """After a declaration to be under 18."""
        return "You are under 18, so you are not recorded, and what was stored of you is being removed."

    @property
    def marked(self) -> str:
        """After a yes while the name says no."""
        return (
            "Your name carries the mark for no, so you are not recorded. Take it out of your name to agree."
        )

    @property
    def later(self) -> str:
        """After too many changes."""
        return "Those were too many changes; you are not recorded. Please try again in a minute."

    @property
    def hint(self) -> str:
        """After a command that was not understood."""
        return "That was not understood. Write exactly /record yes, /record yes 18+, /record no or /record erase."
