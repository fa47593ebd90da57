"""What lies beside a recording: names, chat and captions. It holds raw words, so it never leaves memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from redaction.model import Span

__all__ = ["NO_SIDECARS", "Caption", "ChatLine", "Sidecars"]


@dataclass(frozen=True, slots=True)
class ChatLine:
    """One message of a chat.

    Attributes:
        time: call time in seconds; None where the file has another clock that nothing ties to the recording's.
        sender: the display name.
        text: the message.
    """

    time: float | None
    sender: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Caption:
    """One caption.

    Attributes:
        span: call time; None in text without times.
        speaker: the display name, empty where the caption names nobody.
        text: what was said, as the call system understood it.
    """

    span: Span | None
    speaker: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sidecars:
    """Everything that was read beside the media of one recording.

    Attributes:
        names: of people who were in the call: whoever is named here must be found nowhere in the result.
        chat: in the order of its file.
        captions: in the order of their file.
        context: other text, such as a title or notes: searched for names, never stored.
        voices: whose voice a sound track holds, by track id.
        everybody_adult: a list of all people says that each declared to be an adult.
        minors_left_out: voices of declared minors that are not read at all.
        declares_minors: a list of people says that somebody is a minor.
    """

    names: tuple[str, ...] = field(default=(), repr=False)
    chat: tuple[ChatLine, ...] = field(default=(), repr=False)
    captions: tuple[Caption, ...] = field(default=(), repr=False)
    context: tuple[str, ...] = field(default=(), repr=False)
    voices: Mapping[str, str] = field(default_factory=dict, repr=False)
    everybody_adult: bool = False
    minors_left_out: int = 0
    declares_minors: bool = False


NO_SIDECARS = Sidecars()
