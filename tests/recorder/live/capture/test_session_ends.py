"""How a call's session ends: by itself, by an error, and with every withdrawal carried out."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from recorder.call.source import Answer, CallObserver, Ended
from recorder.live.capture.monitor import CallLimits
from redaction.errors import ConsentRefused, InternalError, RedactionIncomplete, StorageFailed
from tests.recorder.live.capture.session_stage import agreed, camera, failing, stage
from tests.recorder.live.fakes import FakeSource


def test_a_call_that_cannot_ask_ends_with_consent_refused(tmp_path: Path) -> None:
    """Without a way to ask, the default policy leaves with the error of status 4 and stores nothing."""

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        to.can_ask(False, -20)
        to.joined("a", "Rosa", 0.1)
        await asyncio.sleep(30)
        return Ended.OVER

    played = stage(tmp_path, script)
    with pytest.raises(ConsentRefused):
        played.play()
    assert played.source.closed


def test_it_leaves_when_alone_and_when_time_is_up(tmp_path: Path) -> None:
    """The bot leaves by itself when nobody else is there, and after the longest time."""

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        to.can_ask(True, 0)
        to.joined("a", "Rosa", 0.1)
        to.left("a", 0.2)
        await asyncio.sleep(30)
        return Ended.OVER

    for limits, reason in ((CallLimits(alone_s=1, at_most_s=60), "alone"), (CallLimits(60, 1), "time is up")):
        folder = tmp_path / reason
        folder.mkdir()
        played = stage(folder, script, limits=limits)
        assert played.play() is None
        assert ("leaving", {"reason": reason}) in played.view.events
        assert played.source.closed


def test_a_failed_erasure_ends_the_call_with_its_error(tmp_path: Path) -> None:
    """When what was stored cannot be erased the session fails with the status of storage, never silently."""

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        await agreed(to)
        to.answered("a", Answer.ERASE, 0.3)
        await asyncio.sleep(30)
        return Ended.OVER

    played = failing(tmp_path, script)
    with pytest.raises(StorageFailed):
        played.play()
    assert played.source.closed


def test_a_disk_that_is_nearly_full_ends_the_call(tmp_path: Path) -> None:
    """Below the limit the bot leaves, all tracks are ended, and the error has the status of storage."""

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        await agreed(to)
        to.track_started(camera("a"), 0.3)
        await asyncio.sleep(30)
        return Ended.OVER

    played = stage(tmp_path, script, limits=CallLimits(60, 60, least_free=1))
    with pytest.raises(StorageFailed, match="nearly full"):
        played.play()
    assert played.source.closed
    assert played.recording.ended == [0]
    assert len(played.journal.people()) == 1


def test_an_error_of_the_engine_ends_the_call(tmp_path: Path) -> None:
    """What a worker thread reports makes the bot leave, and is raised."""

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        to.can_ask(True, 0)
        await asyncio.to_thread(played.session.failed, RedactionIncomplete("A stage failed."))
        await asyncio.sleep(30)
        return Ended.OVER

    played = stage(tmp_path, script)
    with pytest.raises(RedactionIncomplete):
        played.play()


def test_a_call_that_cannot_be_joined_raises_its_error(tmp_path: Path) -> None:
    """An error of the source is the session's."""

    async def script(_source: FakeSource, _to: CallObserver) -> Ended:
        raise StorageFailed("stands for any error of a source")

    with pytest.raises(StorageFailed):
        stage(tmp_path, script).play()


def test_who_withdrew_is_erased_though_something_else_failed(tmp_path: Path) -> None:
    """An erasure that waits behind a deed that fails is carried out before the error is raised."""

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        await agreed(to)
        to.joined("b", "Kim", 0.3)
        played.journal.admit = full  # type: ignore[method-assign,assignment]
        to.answered("b", Answer.YES, 0.4)
        await asyncio.sleep(0)  # it is being written down
        to.answered("a", Answer.ERASE, 0.5)
        await asyncio.sleep(30)
        return Ended.OVER

    def full(_person: object) -> None:
        time.sleep(0.05)
        raise StorageFailed("The disk is full.")

    played = stage(tmp_path, script)
    with pytest.raises(StorageFailed):
        played.play()
    assert len(set(played.recording.forgotten)) == 1  # a slow machine may do it twice
    assert not list((tmp_path / "live" / "people").iterdir())
    assert not played.session.withdrawal_failed


def test_an_erasure_that_cannot_be_done_is_owned_up_to(tmp_path: Path) -> None:
    """Whoever asks after the call is told that something may lie there of somebody who withdrew."""

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        await agreed(to)
        to.answered("a", Answer.ERASE, 0.3)
        return Ended.OVER

    played = failing(tmp_path, script)
    with pytest.raises(StorageFailed):
        played.play()
    assert played.session.withdrawal_failed


def test_a_minor_found_after_the_call_is_erased(tmp_path: Path) -> None:
    """Pictures that are looked at after the bot has left may still tell a minor, of whom nothing stays."""

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        await agreed(to, name="Kim")
        return Ended.OVER

    played = stage(tmp_path, script)
    played.play(close=False)
    (folder,) = (tmp_path / "live" / "people").iterdir()
    played.session.minor_found(folder.name)
    assert folder.exists()
    played.session.settle()
    assert not folder.exists()
    assert not played.session.anyone_recorded
    assert played.session.counts == {"removed": 1}
    played.journal.close()


def test_what_could_not_be_stored_after_the_call_is_raised(tmp_path: Path) -> None:
    """An error of the engine that comes after the bot has left is not lost."""

    async def script(_source: FakeSource, _to: CallObserver) -> Ended:
        return Ended.OVER

    played = stage(tmp_path, script)
    played.play()
    played.session.settle()
    played.session.failed(StorageFailed("The disk is full."))
    with pytest.raises(StorageFailed):
        played.session.settle()


def test_errors_of_a_source_carry_a_status_and_no_content(tmp_path: Path) -> None:
    """What a source raises in a task group keeps its status; what nobody foresaw tells a place alone."""

    async def refused(_source: FakeSource, _to: CallObserver) -> Ended:
        raise ExceptionGroup("tasks", [ExceptionGroup("tasks", [ValueError("Rosa"), StorageFailed("Full.")])])

    async def broken(_source: FakeSource, _to: CallObserver) -> Ended:
        raise ExceptionGroup("tasks", [ValueError("Rosa Diaz")])

    for number, (script, kind) in enumerate(((refused, StorageFailed), (broken, InternalError))):
        folder = tmp_path / str(number)
        folder.mkdir()
        played = stage(folder, script)
        with pytest.raises(kind) as caught:
            played.play()
        assert "Rosa" not in caught.value.sentence
        assert played.source.closed
