"""What a page may answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recorder.call.browser.messages import parse_handed_over, parse_look

LOOK: dict[str, Any] = {
    "state": "in",
    "adapter": "x",
    "people": [{"id": "1", "name": "Ann"}],
    "tracks": [{"id": "1.0", "owner": "1", "kind": "camera", "coded": True}],
    "said": [{"sender": "1", "line": "/record yes"}],
    "asks": True,
    "refused": 0,
}


def test_a_look_within_bounds_is_taken() -> None:
    """Every field arrives, and neither a name nor a line is in what is printed of it."""
    look = parse_look(json.dumps(LOOK))
    assert look is not None
    assert look.tracks[0].owner == "1"
    assert "Ann" not in repr(look)
    assert "/record" not in repr(look)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "elsewhere"},
        {"people": [{"id": str(n), "name": "x"} for n in range(301)]},
        {"people": [{"id": "", "name": "x"}]},
        {"people": [{"id": "1" * 129, "name": "x"}]},
        {"people": [{"id": "1", "name": "x" * 257}]},
        {"people": [{"id": "1", "name": "x", "more": 1}]},
        {"tracks": [{"id": "1.0", "owner": "1", "kind": "nose", "coded": True}]},
        {"tracks": [{"id": "x", "owner": "1", "kind": "camera", "coded": True}]},
        {"said": [{"sender": "1", "line": "x" * 1001}]},
        {"said": [{"sender": "1", "line": "x"}] * 51},
        {"refused": -1},
        {"asks": "maybe"},
    ],
)
def test_what_is_out_of_bounds_is_no_look(change: dict[str, Any]) -> None:
    """One part out of bounds, and nothing of the answer counts."""
    assert parse_look(json.dumps({**LOOK, **change})) is None


@pytest.mark.parametrize(
    "answer", [None, 7, "", "[]", "{", '{"sdp": "v=0"}', '{"sdp": 1, "codings": []}', [], {}]
)
def test_what_is_no_answer_is_none(answer: object) -> None:
    """Neither a look nor an answer is made of anything else."""
    assert parse_look(answer) is None
    assert parse_handed_over(answer) is None


def test_a_handover_within_bounds_is_taken() -> None:
    """At most three lines, payload types of the dynamic range, a short coding."""
    good = {"sdp": "v=0", "codings": [{"coding": "video/VP8", "type": 96}, None]}
    assert parse_handed_over(json.dumps(good)) is not None
    for codings in ([{"coding": "video/VP8", "type": 35}], [{"coding": "x\r\na=y", "type": 96}], [None] * 4):
        assert parse_handed_over(json.dumps({**good, "codings": codings})) is None
    assert parse_handed_over(json.dumps({**good, "sdp": "v" * 70_000})) is None
