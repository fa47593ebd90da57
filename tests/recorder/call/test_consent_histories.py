"""Consent after any history: who is received is who last said yes, is there, and could withdraw."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.call.source import Answer
from redaction.policy import ConsentSection
from tests.recorder.call.consenting import MARKED, Room

WHO = st.sampled_from(["a", "b", "c"])
NAMES = st.sampled_from(
    ["Pat", "Pat [rec]", "Pat [no-rec]", "[no-rec] Pat [rec]", "[rec] Pat", "Pat [n\u200bo-rec]"]
)
TEXT = st.sampled_from(
    ["/record yes", "/record no", "/record erase", " /RECORD Yes ", "yes", "a: /record yes"]
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), WHO, NAMES),
        st.tuples(st.just("rename"), WHO, NAMES),
        st.tuples(st.just("chat"), WHO, TEXT),
        st.tuples(st.just("press"), WHO, st.sampled_from(list(Answer))),
        st.tuples(st.just("leave"), WHO, st.none()),
        st.tuples(st.just("ask"), st.booleans(), st.none()),
        st.tuples(st.just("tick"), st.none(), st.none()),
    ),
    max_size=40,
)
SAID = {
    "/record yes": Answer.YES,
    " /RECORD Yes ": Answer.YES,
    "/record no": Answer.NO,
    "/record erase": Answer.NO,
}


def _own(step: tuple[str, object, object], section: ConsentSection) -> tuple[str, Answer] | None:
    """Return whose own answer a step is, by rules written anew here."""
    kind, who, what = step
    if kind == "press" and isinstance(what, Answer):
        return str(who), what
    if kind == "chat" and what in SAID:
        return str(who), SAID[str(what)]
    if kind in ("join", "rename") and section.no_tag and "no-rec]" in str(what).replace("\u200b", ""):
        return str(who), Answer.NO
    if kind in ("join", "rename") and section.yes_tag and str(what).endswith(section.yes_tag):
        return str(who), Answer.YES
    return None


def _play(room: Room, step: tuple[str, object, object]) -> None:
    kind, who, what = step
    name = str(who)
    if kind == "join":
        room.join(name, str(what))
    elif kind == "rename":
        room.rename(name, str(what))
    elif kind == "chat":
        room.chat(name, str(what))
    elif kind == "press" and isinstance(what, Answer):
        room.press(name, what)
    elif kind == "leave":
        room.leave(name)
    elif kind == "ask":
        room.can_ask(bool(who))
    else:
        room.later()


@settings(max_examples=400, deadline=None)
@given(steps=STEPS, marked=st.booleans())
def test_only_yes_is_received(steps: Sequence[tuple[str, object, object]], marked: bool) -> None:
    """After any history, nobody is received whose last own answer is not yes, who is away, or who cannot withdraw."""
    section = MARKED if marked else ConsentSection()
    room = Room(section)
    last: dict[str, Answer] = {}
    present: set[str] = set()
    able = True
    for step in steps:
        own = _own(step, section)
        if own is not None:
            last[own[0]] = own[1]
        if step[0] == "join":
            present.add(str(step[1]))
        if step[0] == "leave":
            present.discard(str(step[1]))
        if step[0] == "ask":
            able = bool(step[1])
        _play(room, step)
        agreed = {who for who, answer in last.items() if answer is Answer.YES}
        assert room.received <= (agreed & present if able else set())
        assert not room.stored & {who for who, answer in last.items() if answer is not Answer.YES}


@settings(max_examples=200, deadline=None)
@given(steps=STEPS)
def test_a_no_holds_where_silence_means_yes(steps: Sequence[tuple[str, object, object]]) -> None:
    """Where silence means yes, still nobody is received or kept whose last own answer is a no."""
    section = ConsentSection(default="allow", if_unasked="policy", no_tag="[no-rec]")
    room = Room(section)
    last: dict[str, Answer] = {}
    for step in steps:
        own = _own(step, section)
        if own is not None:
            last[own[0]] = own[1]
        _play(room, step)
        refused = {who for who, answer in last.items() if answer is not Answer.YES}
        assert not (room.received | room.stored) & refused


@settings(max_examples=200, deadline=None)
@given(steps=STEPS)
def test_a_yes_in_the_end_is_received(steps: Sequence[tuple[str, object, object]]) -> None:
    """After any history, who is there and says yes by button is received once asking works: no state is a trap."""
    room = Room(MARKED)
    for step in steps:
        _play(room, step)
    room.can_ask(True)
    room.join("a", "Pat")
    room.press("a", Answer.YES)
    assert "a" in room.received
