"""Consent receipts: what was agreed, refused or withdrawn, when and how; never who.

The fields follow ISO/IEC TS 27560:2023 (record header, processing, events) as far as a receipt without a name can: the
principal's id is left out on purpose, and the receipt's own id is random. Source: ISO/IEC TS 27560:2023; W3C Data
Privacy Vocabulary, consent status.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent.state import ENDED_STATES, ConsentEvent, ConsentHistory, ConsentState
from recorder.call.source import Via
from redaction.policy import Policy

__all__ = [
    "RECEIPTS_SCHEMA",
    "Processing",
    "Receipt",
    "ReceiptEvent",
    "Receipts",
    "coarse",
    "receipts_of",
]

RECEIPTS_SCHEMA: Final = "offrecord/receipts/1"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Processing(_Entry):
    """What the answer is about.

    Attributes:
        purpose: the policy's name for it.
        lawful_basis: consent, or the operator's policy where silence was taken for yes.
        pii_information: kinds of personal information that are processed while the call goes on.
        processing_method: what is done to them before anything is stored.
        retention_days: how long the result is kept.
        withdrawal_method: how to say no later.
        jurisdictions: left empty unless the operator names them.
    """

    purpose: str
    lawful_basis: Literal["consent", "operator-policy"]
    pii_information: tuple[str, ...] = ("picture", "voice", "words", "display name")
    processing_method: tuple[str, ...]
    retention_days: int = Field(ge=1)
    withdrawal_method: str
    jurisdictions: tuple[str, ...] = ()


class ReceiptEvent(_Entry):
    """One change.

    Attributes:
        event_time: to the second; to the minute on the receipt of somebody who refused or withdrew, so that it cannot
            be laid beside the recording.
        erasure: what had been stored was removed.
    """

    event_time: AwareDatetime
    event_state: ConsentState
    event_method: Via | None = None
    erasure: bool = False


class Receipt(_Entry):
    """One consent, from being asked to its end. A participant who agrees again gets another receipt.

    Attributes:
        declared_adult: whoever agreed declared to be 18 or older, or the system that pushed them did.
    """

    receipt_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    language: Literal["en"] = "en"
    privacy_notice: str
    processing: Processing
    declared_adult: bool = False
    events: tuple[ReceiptEvent, ...] = Field(min_length=1)

    @property
    def state(self) -> ConsentState:
        """How it stands in the end."""
        return self.events[-1].event_state


class Receipts(_Entry):
    """The file `receipts.json`."""

    schema_version: Literal["offrecord/receipts/1"] = RECEIPTS_SCHEMA
    receipts: tuple[Receipt, ...]


def receipts_of(
    histories: Iterable[ConsentHistory],
    *,
    policy: Policy,
    started: datetime,
    jurisdictions: Sequence[str] = (),
) -> tuple[Receipt, ...]:
    """Return a receipt for each consent that was asked for, in their order.

    Args:
        histories: as the book has them, in order of their random ids.
        policy: under which it was recorded.
        started: wall time at call time 0, with a time zone.
        jurisdictions: as the operator names them.
    """
    texts = NoticeTexts.of(policy)
    return tuple(
        Receipt(
            receipt_id=history.receipt,
            privacy_notice=texts.asking,
            processing=_processing(history, policy, jurisdictions),
            declared_adult=history.declared_adult,
            events=tuple(_event(event, started, coarse=_ended(history)) for event in history.events),
        )
        for history in histories
    )


def coarse(receipt: Receipt) -> Receipt:
    """Return the receipt with its times to the minute, so that it cannot be laid beside the recording."""
    events = tuple(
        event.model_copy(update={"event_time": event.event_time.replace(second=0)})
        for event in receipt.events
    )
    return receipt.model_copy(update={"events": events})


def _ended(history: ConsentHistory) -> bool:
    return history.events[-1].state in ENDED_STATES


def _event(event: ConsentEvent, started: datetime, *, coarse: bool) -> ReceiptEvent:
    moment = (started + timedelta(seconds=event.time)).replace(microsecond=0)
    return ReceiptEvent(
        event_time=moment.replace(second=0) if coarse else moment,
        event_state=event.state,
        event_method=event.via,
        erasure=event.erasure,
    )


def _processing(history: ConsentHistory, policy: Policy, jurisdictions: Sequence[str]) -> Processing:
    silent = all(event.state is ConsentState.REQUESTED for event in history.events)
    by_policy = silent and any(event.via is Via.POLICY for event in history.events)
    return Processing(
        purpose=policy.purpose.name,
        lawful_basis="operator-policy" if by_policy else "consent",
        processing_method=(
            f"faces: {policy.faces.method}",
            "minors: remove",
            f"voice: {policy.voice.method}",
            f"personal words: {policy.speech.personal}",
        ),
        retention_days=policy.purpose.retention_days,
        withdrawal_method="say no by the same way, at any time during the call",
        jurisdictions=tuple(jurisdictions),
    )
