"""Side effects: in order, urgent ones wait for nothing, what is out of date is not done, and failures end it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from recorder.live.capture.effects import Effects
from redaction.errors import StorageFailed


def played(script: Callable[[Effects, list[str]], Awaitable[None]]) -> tuple[list[str], Effects]:
    """Return what was done of what a script schedules."""
    done: list[str] = []
    effects = Effects()

    async def run() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(effects.run())
            await script(effects, done)
            effects.close()

    asyncio.run(run())
    return done, effects


async def note(done: list[str], what: str) -> None:
    done.append(what)


def test_effects_are_done_in_order_and_all_before_the_end() -> None:
    """What is scheduled is done in that order, also what still waits when it is closed."""

    async def script(effects: Effects, done: list[str]) -> None:
        for number in range(20):
            effects.schedule(partial(note, done, str(number)))

    assert played(script)[0] == [str(number) for number in range(20)]


def test_an_urgent_effect_waits_for_no_usual_one() -> None:
    """While a call system does not answer for long, an erasure is carried out."""

    async def script(effects: Effects, done: list[str]) -> None:
        answer = asyncio.Event()

        async def slow() -> None:
            await answer.wait()
            done.append("answered")

        effects.schedule(slow)
        await asyncio.sleep(0.01)
        effects.schedule_urgent(partial(note, done, "erased"))
        while not done:
            await asyncio.sleep(0.01)
        answer.set()

    assert played(script)[0] == ["erased", "answered"]


def test_only_the_last_under_a_key_is_done() -> None:
    """Who comes and goes a thousand times leaves one thing to do, behind what others asked for meanwhile."""

    async def script(effects: Effects, done: list[str]) -> None:
        for number in range(1000):
            effects.schedule(partial(note, done, f"a{number}"), key="a")
        effects.schedule(partial(note, done, "b"), key="b")
        effects.schedule(partial(note, done, "last"), key="a")

    assert played(script)[0] == ["b", "last"]


def test_a_call_system_that_does_not_answer_costs_its_effect_alone() -> None:
    """A broken line is counted, and the next effect is done."""

    async def broken() -> None:
        raise ConnectionError

    async def script(effects: Effects, done: list[str]) -> None:
        effects.schedule(broken)
        effects.schedule(partial(note, done, "next"))

    done, effects = played(script)
    assert done == ["next"]
    assert effects.tally == {"call system did not answer": 1}


def test_a_disk_that_refuses_ends_both() -> None:
    """An error of the disk is raised, and nothing that waits is done."""
    done: list[str] = []

    async def full() -> None:
        raise StorageFailed("The disk is full.")

    async def run() -> None:
        effects = Effects()
        effects.schedule(full)
        effects.schedule(partial(note, done, "next"))
        await effects.run()

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(run())
    assert caught.value.subgroup(StorageFailed) is not None
    assert done == []
