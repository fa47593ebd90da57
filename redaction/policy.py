"""What to redact and how: the policy file, validated, and its digest."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from redaction.errors import UsageError

__all__ = ["Policy"]

_PROFILES: Final[Mapping[str, Mapping[str, str]]] = {
    "product": {"in_doubt": "cover"},
    "school": {"in_doubt": "remove"},
}
"""Keys of `[minors]` that each profile sets."""

_KEY: Final = re.compile(r"[a-z0-9_]{1,100}")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PurposeSection(_Section):
    """Why the recording is kept, and for how long."""

    name: str = Field(default="product-improvement", pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    retention_days: int = Field(default=90, ge=1, le=3650)


class ConsentSection(_Section):
    """Who agrees to be recorded in a live call, and what silence means."""

    default: Literal["deny", "allow"] = "deny"
    if_unasked: Literal["refuse", "policy"] = "refuse"
    yes_tag: str = Field(default="", pattern=r"^([^\s]{3,32})?$")
    no_tag: str = Field(default="", pattern=r"^([^\s]{3,32})?$")

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.yes_tag and self.yes_tag.casefold() == self.no_tag.casefold():
            raise ValueError("one mark cannot mean yes and no")
        return self


class CallSection(_Section):
    """How the bot behaves in a live call.

    Attributes:
        name: what participants see; it should say that the call is recorded.
        alone_s: seconds after which the bot leaves when nobody else is there.
        announce: speak the notice once, and show an image tile that says so.
        at_most_s: seconds after which it leaves in any case.
    """

    name: str = Field(default="Recorder bot (recording)", pattern=r"^[^\x00-\x1f\x7f<>]{1,64}$")
    alone_s: float = Field(default=60, ge=1, le=86_400)
    announce: bool = False
    at_most_s: float = Field(default=14_400, ge=1, le=172_800)


class FacesSection(_Section):
    """How an adult's face is covered; blur is not offered because measured attacks undo it."""

    method: Literal["solid", "mosaic", "remove"] = "solid"
    label: bool = False


class MinorsSection(_Section):
    """Who is removed as a minor, what becomes of those in doubt, and what a declared age is worth."""

    in_doubt: Literal["cover", "remove"] = "cover"
    declared: Literal["believe-unless-clearly-a-child", "ignore"] = "believe-unless-clearly-a-child"
    all_declared_adult: bool = False
    picture: Literal["remove"] = "remove"
    voice: Literal["mute"] = "mute"
    words: Literal["drop"] = "drop"
    i_know_that_every_person_is_an_adult_and_accept_that_an_undetected_child_stays_visible: bool = False

    @property
    def unchecked(self) -> bool:
        """True when nobody's age is estimated: the operator set the key that names the risk."""
        return self.i_know_that_every_person_is_an_adult_and_accept_that_an_undetected_child_stays_visible

    @property
    def believes_declared(self) -> bool:
        """True when who declared to be an adult is removed only where the estimates say clearly a child."""
        return self.declared == "believe-unless-clearly-a-child"


class ScreenSection(_Section):
    """Text and codes on the screen."""

    text: Literal["personal", "all", "none"] = "personal"
    codes: bool = True


class AudioSection(_Section):
    """Whose voice is in which channel of a recording: `auto` makes channels that differ in speech tracks of their own.

    With `separate` every channel is a track, with `mix` none is. Channels that cancel each other are never added up.
    """

    channels: Literal["auto", "mix", "separate"] = "auto"


class VoiceSection(_Section):
    """What becomes of voices."""

    method: Literal["resynthesize", "disguise", "mute"] = "resynthesize"


class SpeechSection(_Section):
    """What is heard in place of a personal word."""

    personal: Literal["tone", "word", "mute"] = "tone"
    days: Literal["appointments", "all"] = "appointments"
    language: str = Field(default="en", pattern=r"^([a-z]{2,3}|auto)$")
    model: str = "speech.whisper_tiny_en"
    roster: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


class TranscriptSection(_Section):
    """What stands in the transcript in place of a name."""

    names: Literal["pseudonym", "label", "drop"] = "pseudonym"


class OutputSection(_Section):
    """How the result is encoded."""

    crf: int = Field(default=23, ge=10, le=40)
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"] = "veryfast"


class Policy(_Section):
    """The whole policy file. Unknown keys are errors; its digest stands in every manifest.

    Attributes:
        profile: sets the defaults that go together; a key that is given wins over it.
    """

    profile: Literal["product", "school"] = "product"
    purpose: PurposeSection = PurposeSection()
    consent: ConsentSection = ConsentSection()
    call: CallSection = CallSection()
    faces: FacesSection = FacesSection()
    minors: MinorsSection = MinorsSection()
    screen: ScreenSection = ScreenSection()
    audio: AudioSection = AudioSection()
    voice: VoiceSection = VoiceSection()
    speech: SpeechSection = SpeechSection()
    transcript: TranscriptSection = TranscriptSection()
    output: OutputSection = OutputSection()

    @model_validator(mode="after")
    def _profile_sets_defaults(self) -> Self:
        given = self.minors.model_fields_set
        wanted = {key: value for key, value in _PROFILES[self.profile].items() if key not in given}
        if wanted:
            # The model is frozen for everybody else; nobody has seen it yet.
            self.__dict__["minors"] = self.minors.model_copy(update=wanted)
        return self

    @classmethod
    def from_toml(cls, untrusted_text: str) -> Policy:
        """Read a policy file's text.

        Raises:
            UsageError: the text is not TOML, or a key is unknown, out of range or of another type. The sentence
                names the key, never its value, since rosters hold names.
        """
        try:
            as_json = json.dumps(tomllib.loads(untrusted_text), default=lambda _date: None)
            return cls.model_validate_json(
                as_json, strict=True
            )  # as JSON, lists may be tuples and nothing else
        except (tomllib.TOMLDecodeError, RecursionError):
            raise UsageError("The policy file is not valid TOML; compare it with docs/policy.md.") from None
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            key = ".".join(part if _KEY.fullmatch(part := str(item)) else "?" for item in first["loc"])
            raise UsageError(
                f"The policy key {key} is not accepted: {_reason(first['type'])}; see docs/policy.md."
            ) from None

    @property
    def digest(self) -> str:
        """sha256, in hex, of the canonical JSON of every key but the lists of words.

        A roster is left out because the digest is published and a short list of names could be guessed from it.
        """
        data = self.model_dump(mode="json", exclude={"speech": {"roster", "allow"}})
        return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _reason(kind: str) -> str:
    return (
        "there is no such key"
        if kind == "extra_forbidden"
        else "its value is out of range or of the wrong type"
    )
