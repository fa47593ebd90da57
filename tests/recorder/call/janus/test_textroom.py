"""Whose words count in the text room of a Janus call."""

from __future__ import annotations

import asyncio
import json

from recorder.call.janus.protocol import Room
from recorder.call.janus.textroom import BindRule, TextChannel, TextUsers
from recorder.call.janus.websocket import JanusLink
from tests.recorder.call.janus_server import ROOM


def test_words_count_for_who_named_the_user_from_inside() -> None:
    """A user who was in the text room when a participant named them speaks for that participant alone."""
    users = TextUsers(BindRule())
    users.entered("u1", 1.0)
    users.entered("7", 1.0)
    users.claimed("7", "u1", 2.0)
    assert users.speaks_for("u1", {}) == ["7"]
    assert users.speaks_for("7", {}) == []
    assert users.user_of("7") == "u1"


def test_a_name_that_was_free_once_speaks_for_nobody() -> None:
    """Leaving the text room frees the name: who takes it then has no voice for its former owner."""
    users = TextUsers(BindRule())
    users.entered("u1", 1.0)
    users.claimed("7", "u1", 2.0)
    users.exited("u1")
    users.entered("u1", 3.0)
    assert users.speaks_for("u1", {}) == []
    users.claimed("8", "u2", 10.0)
    users.entered("u2", 60.0)
    assert users.speaks_for("u2", {}) == []


def test_who_leaves_the_video_room_has_no_voice() -> None:
    """Words of a participant who left count no more."""
    users = TextUsers(BindRule())
    users.listed(["u1"])
    users.claimed("7", "u1", 2.0)
    users.left("7")
    assert users.speaks_for("u1", {}) == []


def test_names_alone_count_only_where_that_is_said() -> None:
    """A user named like an id is that participant under the rule by name alone."""
    room = Room()
    list(room.apply({"videoroom": "event", "publishers": [{"id": 7, "display": "x", "streams": []}]}))
    assert TextUsers(BindRule()).speaks_for("7", room.people) == []
    assert TextUsers(BindRule(by_name=True)).speaks_for("7", room.people) == ["7"]
    assert TextUsers(BindRule(by_name=True)).speaks_for("8", room.people) == []


def test_a_no_counts_in_a_flood_of_somebody_else() -> None:
    """When others write more than is listened to, yeses and talk are dropped, and every no and erase is heard."""
    on_text: list[tuple[str, str]] = []

    async def flood() -> None:
        channel = TextChannel(
            JanusLink(None, None),  # type: ignore[arg-type]
            ROOM,
            TextUsers(BindRule()),
            on_text=lambda user, words: on_text.append((user, words)),
            now=lambda: 1.0,
            name="bot",
        )
        for user, text in [
            *[("noisy", "talk")] * 500, ("u1", "/record yes"), ("u1", "/record no"), ("u2", "/record erase"),
        ]:  # fmt: skip
            channel._message(json.dumps({"textroom": "message", "from": user, "text": text}))
        await channel.close()

    asyncio.run(flood())
    assert 0 < on_text.count(("noisy", "talk")) < 200
    assert on_text[-2:] == [("u1", "/record no"), ("u2", "/record erase")]
    assert ("u1", "/record yes") not in on_text
