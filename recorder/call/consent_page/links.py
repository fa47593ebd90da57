"""Who may answer for whom on the consent page: a code for each participant of each meeting, which says yes once."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from recorder.call.http.rate_limit import Allowance
from recorder.call.source import Answer

__all__ = ["ConsentLink", "ConsentLinks"]

MOST_LINKS: Final = 5000
"""Of one meeting; those of people who are gone make way first."""
MOST_NOTES: Final = 8


@dataclass(eq=False, slots=True)
class ConsentLink:
    """A link that was made for one participant.

    Attributes:
        meeting: the meeting's stream.
        participant: the call system's id.
        name: display name, for the host and for whoever opens the link.
        here: they are in the meeting.
        answer: given last through this link.
        notes: what the recorder had to say to them, such as their receipt.
        agreements: how often a yes is passed on; a no always is.
        retired: the host made another one; this one says no, and no longer yes.
    """

    meeting: str
    participant: str
    name: str = field(repr=False)
    code: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    here: bool = True
    answer: Answer | None = None
    notes: list[str] = field(default_factory=list, repr=False)
    retired: bool = False
    agreements: Allowance = field(default_factory=lambda: Allowance(5, 1 / 15), repr=False)
    holder: bytes = field(default=b"", repr=False)  # digest of what the browser that said yes first holds

    def holds(self, token: str) -> bool:
        """Tell whether a browser is the one that said yes."""
        return bool(self.holder) and hmac.compare_digest(self.holder, _digest(token))

    def may_agree(self, token: str) -> bool:
        """Tell whether a yes from a browser counts: the first one's, and from then on that browser's alone."""
        return not self.retired and (not self.holder or self.holds(token))

    def bind(self) -> str:
        """Bind the link to a browser; return what it has to hold."""
        token = secrets.token_urlsafe(24)
        self.holder = _digest(token)
        return token


class ConsentLinks:
    """The links of every meeting that goes on. They are in memory alone, and gone with the meeting."""

    def __init__(self) -> None:
        self._meetings: dict[str, OrderedDict[str, ConsentLink]] = {}  # the latest of each participant
        self._codes: dict[str, ConsentLink] = {}
        self._order: dict[str, OrderedDict[str, None]] = {}  # codes of a meeting, the oldest first

    def begin(self, meeting: str) -> None:
        """A meeting goes on from now on."""
        self._meetings.setdefault(meeting, OrderedDict())
        self._order.setdefault(meeting, OrderedDict())

    def end(self, meeting: str) -> None:
        """A meeting is over: its links lead nowhere any more."""
        self._meetings.pop(meeting, None)
        for code in self._order.pop(meeting, ()):
            self._codes.pop(code, None)

    def present(self, meeting: str, people: Sequence[tuple[str, str]]) -> None:
        """Take who is in a meeting, id and display name; newcomers get a link."""
        known = self._meetings.get(meeting)
        if known is None:
            return
        here = dict(people)
        for link in known.values():
            link.here = link.participant in here
        for participant, name in here.items():
            if participant in known:
                known[participant].name = name
            else:
                self._add(ConsentLink(meeting, participant, name))

    def renew(self, code: str) -> ConsentLink | None:
        """Make another link for a participant; the old one can say no, and yes no longer."""
        old = self._codes.get(code)
        if old is None or old.retired or old.meeting not in self._meetings:
            return None
        old.retired = True
        return self._add(ConsentLink(old.meeting, old.participant, old.name, here=old.here))

    def find(self, code: str) -> ConsentLink | None:
        """Return the link of a code; it is long enough that nobody guesses one."""
        return self._codes.get(code) if len(code) <= 64 else None

    def latest(self, meeting: str, participant: str) -> ConsentLink | None:
        """Return the link of a participant that counts."""
        return self._meetings.get(meeting, OrderedDict()).get(participant)

    def note(self, meeting: str, participant: str, text: str) -> None:
        """Write something to a participant's page."""
        link = self.latest(meeting, participant)
        if link is not None:
            link.notes.append(text[:2000])
            del link.notes[:-MOST_NOTES]

    def listed(self) -> list[tuple[str, list[ConsentLink]]]:
        """Return the links of those who are there, of every meeting."""
        return [
            (meeting, [link for link in known.values() if link.here])
            for meeting, known in self._meetings.items()
        ]

    def _add(self, link: ConsentLink) -> ConsentLink:
        known, order = self._meetings[link.meeting], self._order[link.meeting]
        if len(order) >= MOST_LINKS:
            oldest = next((code for code in order if not self._codes[code].here), next(iter(order)))
            order.pop(oldest)
            gone = self._codes.pop(oldest)
            if known.get(gone.participant) is gone:
                known.pop(gone.participant)
        known[link.participant] = link
        order[link.code] = None
        self._codes[link.code] = link
        return link


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
