"""Two sample participants join the built-in room: one agrees, the other agrees and withdraws half way.

python -m samples.guests URL [--seconds N]
"""

from __future__ import annotations

import argparse
import asyncio

from recorder.call.source import Answer
from samples.participants import make_participants
from samples.picture import FPS
from samples.room_client import Guest

__all__ = ["guests_main", "visit"]


async def visit(url: str, *, seconds: float | None = None) -> None:
    """Hold the sample call in a room.

    Args:
        url: of the room's page.
        seconds: how long; by default as long as the script is.

    Raises:
        UnreadableInput: the room refuses.
    """
    people = make_participants()
    stay = seconds or people[0].duration
    agreeing, refusing = (
        Guest(url, person.name, video=person.path, audio=person.path, fps=FPS) for person in people
    )
    async with agreeing, refusing:
        for guest in (agreeing, refusing):
            await guest.answer(Answer.YES)
            await _recorded(guest)
        await asyncio.gather(agreeing.send(), refusing.send())
        await asyncio.sleep(stay / 2)
        await refusing.answer(Answer.NO)
        await asyncio.sleep(stay / 2)


async def _recorded(guest: Guest) -> None:
    await guest.until(lambda: guest.recorded)


def guests_main() -> None:
    """Read the address and visit."""
    parser = argparse.ArgumentParser(description="Two sample participants join the built-in room.")
    parser.add_argument("url", help="of the room's page")
    parser.add_argument("--seconds", type=float, help="how long they stay")
    given = parser.parse_args()
    asyncio.run(visit(given.url, seconds=given.seconds))


if __name__ == "__main__":
    guests_main()
