"""Receipts of consent."""

from __future__ import annotations

from datetime import UTC, datetime

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent.receipts import Receipt, Receipts, receipts_of
from recorder.call.consent.state import ConsentBook, ConsentOutcome, ConsentState
from recorder.call.source import Answer, Via
from redaction.policy import Policy

STARTED = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
NAME = "Zebulon Quartermaine"


def _played(policy: Policy) -> ConsentBook:
    book = ConsentBook(policy.consent, NoticeTexts.of(policy))
    book.can_ask(True, 0.0)
    for number, who in enumerate(("id-yes", "id-no", "id-erased", "id-silent")):
        _posted(book, book.joined(who, f"{NAME} {number}", 10.0 + number))
    _posted(book, book.tick(60.0))
    book.answered("id-yes", Answer.YES, 65.25)
    book.chat("id-no", "/record no", 66.5)
    book.answered("id-erased", Answer.YES, 67.0)
    book.answered("id-erased", Answer.ERASE, 187.0)
    return book


def _posted(book: ConsentBook, outcome: ConsentOutcome) -> None:
    for notice in outcome.notices:
        book.delivered(notice, arrived=True)


def _by_state(found: tuple[Receipt, ...]) -> dict[ConsentState, Receipt]:
    return {receipt.state: receipt for receipt in found}


def test_one_for_each_consent() -> None:
    """A yes, a no, a withdrawal and a silence each have a receipt that tells how and when."""
    found = receipts_of(_played(Policy()).histories(), policy=Policy(), started=STARTED)
    by_state = _by_state(found)
    assert len(found) == len(by_state) == 4
    given = by_state[ConsentState.GIVEN].events[-1]
    assert given.event_time == datetime(2026, 11, 22, 10, 1, 5, tzinfo=UTC)
    assert given.event_method is Via.PAGE
    assert by_state[ConsentState.REFUSED].events[-1].event_method is Via.CHAT
    assert by_state[ConsentState.WITHDRAWN].events[-1].erasure
    assert all(receipt.processing.lawful_basis == "consent" for receipt in found)
    assert "90 days" in found[0].privacy_notice
    assert found[0].processing.retention_days == 90


def test_a_receipt_holds_a_declared_age() -> None:
    """Whether an adult was declared stands on the receipt of who did, and on no other."""
    book = _played(Policy())
    book.joined("id-adult", NAME, 70.0)
    book.chat("id-adult", "/record yes 18+", 71.0)
    found = receipts_of(book.histories(), policy=Policy(), started=STARTED)
    assert [receipt.declared_adult for receipt in found].count(True) == 1
    assert {receipt.state for receipt in found if receipt.declared_adult} == {ConsentState.GIVEN}


def test_a_receipt_names_nobody() -> None:
    """Neither a name nor the call system's id of anybody is in the file, and the ids are random."""
    written = Receipts(
        receipts=receipts_of(_played(Policy()).histories(), policy=Policy(), started=STARTED)
    ).model_dump_json()
    assert "Zebulon" not in written
    assert not any(who in written for who in ("id-yes", "id-no", "id-erased", "id-silent"))
    again = receipts_of(_played(Policy()).histories(), policy=Policy(), started=STARTED)
    assert not {receipt.receipt_id for receipt in again} & {
        receipt.receipt_id for receipt in Receipts.model_validate_json(written).receipts
    }


def test_a_refusal_cannot_be_laid_beside_the_recording() -> None:
    """Receipts of those who refused or withdrew have minutes alone, and no receipt is in order of joining."""
    found = receipts_of(_played(Policy()).histories(), policy=Policy(), started=STARTED)
    for state in (ConsentState.REFUSED, ConsentState.WITHDRAWN):
        assert all(event.event_time.second == 0 for event in _by_state(found)[state].events)
    assert [receipt.receipt_id for receipt in found] == sorted(receipt.receipt_id for receipt in found)


def test_silence_is_no_consent() -> None:
    """Where the policy takes silence for yes, the receipt says so and does not call it consent."""
    policy = Policy.model_validate({"consent": {"default": "allow"}})
    book = _played(policy)
    book.tick(300.0)
    silent = _by_state(receipts_of(book.histories(), policy=policy, started=STARTED))[ConsentState.REQUESTED]
    assert silent.processing.lawful_basis == "operator-policy"
    assert silent.events[-1].event_method is Via.POLICY
