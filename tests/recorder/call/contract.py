"""What every way into a call must do; each source's tests inherit `CallSourceContract`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Protocol

import numpy as np
import pytest

from recorder.call.source import CallSource, Ended
from tests.recorder.call.observed import ObservedCall, until
from tests.recorder.call.senders import middle_colour, pitch

Colour = tuple[int, int, int]
PEOPLE: dict[str, tuple[int, Colour]] = {"Ann": (440, (90, 60, 200)), "Ben": (880, (160, 200, 60))}


class Stage(Protocol):
    """A call that a test can fill with people, and the source that joins it."""

    @property
    def source(self) -> CallSource:
        """The source."""
        ...

    async def enter(self, name: str, *, hertz: int, colour: Colour) -> None:
        """Let somebody join and send a tone and a colour; return when they do."""
        ...

    async def leave(self, name: str) -> None:
        """Let somebody leave."""
        ...


def run(test: Callable[[], Awaitable[None]], *, within: float = 60.0) -> None:
    """Run a test's coroutine."""

    async def bounded() -> None:
        async with asyncio.timeout(within):
            await test()

    asyncio.run(bounded())


@asynccontextmanager
async def recorded(stage: Stage, observed: ObservedCall) -> AsyncIterator[asyncio.Task[Ended]]:
    """Keep a source running; in the end leave, and hold what was told against the contract."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(stage.source.run(observed))
        try:
            yield task
        finally:
            if not task.done():
                task.cancel()
            await asyncio.wait([task])
            await stage.source.close()
    assert observed.wrong == []
    assert observed.open == set()
    assert observed.people == {}


async def received(stage: Stage, observed: ObservedCall, name: str) -> str:
    """Receive somebody; return their participant."""
    participant = observed.who(name)
    observed.received.add(participant)
    await stage.source.receive(participant, True)
    return participant


def assert_is(observed: ObservedCall, participant: str, name: str, *, last: int = 8) -> None:
    """Hold every sound and the last pictures of somebody against who they are."""
    hertz, colour = PEOPLE[name]
    pictures = observed.pictures_of(participant)
    for picture in pictures[-last:]:
        assert middle_colour(picture.frame) == pytest.approx(colour, abs=6)
    sounds = [block.samples for block in observed.sounds_of(participant)]
    # a clock that is put right on a busy machine may bend a tone by a few percent
    rate = observed.sounds_of(participant)[0].sample_rate
    assert pitch(np.concatenate(sounds[5:]), rate) == pytest.approx(hertz, rel=0.08)


def _heard_and_seen(observed: ObservedCall, participant: str) -> bool:
    return len(observed.pictures_of(participant)) > 8 and len(observed.sounds_of(participant)) > 60


class CallSourceContract:
    """Inherit, and say how a call is staged.

    Attributes:
        many: whether more than one person can be there.
        one_video: whether one person's pictures come at a time, so that those of others begin anew.
    """

    many = True
    one_video = False

    def stage(self) -> AbstractAsyncContextManager[Stage]:
        """Return a call with nobody in it; one person may be there from the start where that cannot be otherwise."""
        raise NotImplementedError

    async def _enter(self, stage: Stage, observed: ObservedCall, *names: str) -> None:
        for name in names:
            hertz, colour = PEOPLE[name]
            await stage.enter(name, hertz=hertz, colour=colour)
        await until(lambda: set(names) <= set(observed.people.values()))

    def test_nothing_comes_of_anybody_before_they_are_wanted(self) -> None:
        """Somebody is told of, and whether they can be asked; no track of theirs begins until they are received."""

        async def go() -> None:
            observed = ObservedCall()
            async with self.stage() as stage, recorded(stage, observed):
                await self._enter(stage, observed, "Ann")
                await until(lambda: observed.asks)
                await asyncio.sleep(0.7)
                assert (observed.pictures, observed.sounds) == ({}, {})
                who = await received(stage, observed, "Ann")
                await until(lambda: len(observed.pictures_of(who)) > 3 and len(observed.sounds_of(who)) > 20)

        run(go)

    def test_everybody_is_themselves(self) -> None:
        """Each one's pictures have their colour and each one's sound their tone, also after one left and came back."""

        async def go() -> None:
            observed = ObservedCall()
            async with self.stage() as stage, recorded(stage, observed):
                names = ["Ann", "Ben"] if self.many else ["Ann"]
                await self._enter(stage, observed, *names)
                who = {name: await received(stage, observed, name) for name in names}
                for participant in who.values():
                    await until(partial(_heard_and_seen, observed, participant))
                for name, participant in who.items():
                    assert_is(observed, participant, name)
                if not self.many:
                    return
                before = set(observed.pictures) | set(observed.sounds)
                await stage.leave("Ann")
                await until(lambda: "Ann" not in observed.people.values())
                assert not any(track.participant == who["Ann"] for track in observed.open)
                seen = len(observed.pictures_of(who["Ben"]))
                await self._enter(stage, observed, "Ann")
                again = await received(stage, observed, "Ann")
                new = {
                    track for track in set(observed.pictures) | set(observed.sounds) if track not in before
                }
                others = {who["Ben"]} if self.one_video else set()
                assert {track.participant for track in new} <= {again} | others
                await until(
                    lambda: any(
                        t.participant == again and observed.pictures[t]
                        for t in set(observed.pictures) - before
                    )
                )
                await until(lambda: len(observed.pictures_of(who["Ben"])) > seen + 10)
                await until(partial(_heard_and_seen, observed, again))
                assert_is(observed, who["Ben"], "Ben")
                assert_is(observed, again, "Ann")

        run(go)

    def test_what_is_no_longer_wanted_ends_at_once(self) -> None:
        """After receive(False) tracks have ended and nothing more comes; wanted again, they are new ones."""

        async def go() -> None:
            observed = ObservedCall()
            async with self.stage() as stage, recorded(stage, observed):
                await self._enter(stage, observed, "Ann")
                who = await received(stage, observed, "Ann")
                await until(lambda: len(observed.pictures_of(who)) > 3)
                await stage.source.receive(who, False)
                assert observed.open == set()
                count = (len(observed.pictures_of(who)), len(observed.sounds_of(who)))
                await asyncio.sleep(0.5)
                assert (len(observed.pictures_of(who)), len(observed.sounds_of(who))) == count
                await stage.source.receive(who, True)
                await stage.source.receive(who, True)
                await until(lambda: len(observed.pictures_of(who)) > count[0])
                assert max(track.number for track in observed.pictures) == 2

        run(go)

    def test_unknown_people_and_a_second_close_are_nothing(self) -> None:
        """Receiving somebody who is not there, saying something to nobody, and closing twice raise nothing."""

        async def go() -> None:
            observed = ObservedCall()
            async with self.stage() as stage:
                async with recorded(stage, observed):
                    await self._enter(stage, observed, "Ann")
                    await stage.source.receive("nobody", True)
                    await stage.source.receive("nobody", False)
                    assert await stage.source.notify("hello") in {True, False}
                    assert await stage.source.notify("hello", to="nobody") is False
                await stage.source.close()
                await stage.source.close()
                assert not observed.pictures

        run(go)

    def test_closing_ends_the_run(self) -> None:
        """Closed while it runs, a source leaves, and its run returns."""

        async def go() -> None:
            observed = ObservedCall()
            async with self.stage() as stage, recorded(stage, observed) as task:
                await self._enter(stage, observed, "Ann")
                who = await received(stage, observed, "Ann")
                await until(lambda: observed.sounds_of(who))
                await stage.source.close()
                assert isinstance(await task, Ended)

        run(go)
