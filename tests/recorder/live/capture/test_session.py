"""The session of a call: nothing of anybody reaches the recording but of those who agreed, from then on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import pytest

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent.state import ConsentBook, ConsentHistory, ConsentState
from recorder.call.source import (
    Answer,
    CallObserver,
    Ended,
    LiveKind,
    QualitySample,
    TimedAudio,
    TimedVideo,
    TrackKey,
)
from recorder.live.capture.engine import LaneState
from recorder.live.capture.monitor import CallLimits
from recorder.live.capture.session import CallSession
from recorder.live.capture.status import ParticipantState
from recorder.live.store.journal import Journal
from redaction.errors import ConsentRefused, InternalError, RedactionIncomplete, StorageFailed
from redaction.policy import ConsentSection, Policy
from tests.recorder.live.fakes import FakeSource, FakeView, Script, settle


@dataclass
class FakeRecording:
    """Remembers what it was given."""

    journal: Journal
    lanes: dict[int, str] = field(default_factory=dict)
    given: list[tuple[str, str]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    chats: list[tuple[str, str, float]] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    adults: set[str] = field(default_factory=set)
    failing: StorageFailed | None = None

    def declare_adult(self, token: str) -> None:
        self.adults.add(token)

    def open(self, token: str, kind: LiveKind, *, time: float) -> int:
        self.lanes[len(self.lanes)] = token
        return len(self.lanes) - 1

    def video(self, lane: int, video: TimedVideo) -> None:
        self.given.append((self.lanes[lane], "picture"))

    def audio(self, lane: int, audio: TimedAudio) -> None:
        self.given.append((self.lanes[lane], "sound"))

    def lost(self, lane: int, start: float, end: float, reason: str) -> None:
        self.given.append((self.lanes[lane], "lost"))

    def end(self, lane: int, time: float) -> None:
        self.ended.append(lane)

    def forget(self, token: str) -> None:
        if self.failing is not None:
            raise self.failing
        self.forgotten.append(token)
        self.journal.erase(token)

    def chat(self, token: str, text: str, time: float) -> None:
        self.chats.append((token, text, time))

    def know_names(self, names: Iterable[str]) -> None:
        self.names += names

    def spoken_s(self, token: str) -> float:
        return 0.25

    refused_tracks = 0

    def state(self, lane: int) -> LaneState:
        return LaneState(speaking=True)


@dataclass
class Stage:
    """A session with everything around it."""

    session: CallSession
    source: FakeSource
    recording: FakeRecording
    journal: Journal
    view: FakeView

    def play(self, *, most_s: float = 20, close: bool = True) -> Ended | None:
        async def within() -> Ended | None:
            async with asyncio.timeout(most_s):
                return await self.session.run()

        try:
            return asyncio.run(within())
        finally:
            if close:
                self.journal.close()


def stage(
    folder: Path, script: Script, *, consent: ConsentSection | None = None, limits: CallLimits | None = None
) -> Stage:
    journal = Journal(folder)
    source, recording, view = FakeSource(script), FakeRecording(journal), FakeView()
    book = ConsentBook(consent or ConsentSection(), NoticeTexts.of(Policy()))
    session = CallSession(
        source,
        recording=recording,
        journal=journal,
        book=book,
        limits=limits or CallLimits(alone_s=60, at_most_s=60),
        view=view,
    )
    return Stage(session, source, recording, journal, view)


def camera(participant: str) -> TrackKey:
    return TrackKey(participant, LiveKind.CAMERA)


def picture(time: float) -> TimedVideo:
    return TimedVideo(av.VideoFrame(16, 16, "yuv420p"), time)


def sound(time: float) -> TimedAudio:
    return TimedAudio(np.zeros(960, np.float32), 48_000, time)


async def agreed(to: CallObserver, *, name: str = "Rosa") -> None:
    """Let the first participant join, be asked, and agree."""
    to.can_ask(True, 0)
    to.joined("a", name, 0.1)
    to.answered("a", Answer.YES, 0.2)
    await settle()


def failing(folder: Path, script: Script) -> Stage:
    """Return a session that cannot erase what it stored."""
    played = stage(folder, script)
    played.recording.failing = StorageFailed("The output could not be stored.")
    return played


def test_media_of_somebody_silent_goes_nowhere(tmp_path: Path) -> None:
    """Who never answered is not received, and what a source sends all the same is dropped."""

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        to.can_ask(True, 0)
        to.joined("a", "Rosa Diaz", 0.1)
        to.track_started(camera("a"), 0.2)
        to.video(camera("a"), picture(0.3))
        to.audio(TrackKey("a", LiveKind.MICROPHONE), sound(0.3))
        await settle()
        return Ended.OVER

    played = stage(tmp_path, script)
    assert played.play() is Ended.OVER
    assert played.recording.given == []
    assert ("a", True) not in played.source.received
    assert not list((tmp_path / "live" / "people").iterdir())
    assert not played.session.anyone_recorded


def test_a_yes_is_recorded_and_written_down(tmp_path: Path) -> None:
    """After a yes the source is told to receive, the folder exists before media comes, and it is handed on."""

    async def script(source: FakeSource, to: CallObserver) -> Ended:
        to.can_ask(True, 0)
        to.joined("a", "Rosa Diaz", 0.1)
        to.answered("a", Answer.YES, 0.2)
        while ("a", True) not in source.received:
            await asyncio.sleep(0.01)
        assert len(list((tmp_path / "live" / "people").iterdir())) == 1
        to.track_started(camera("a"), 0.3)
        to.video(camera("a"), picture(0.4))
        to.track_lost(camera("a"), 0.5, 0.6, "network")
        to.quality("a", QualitySample(1.0, packets=50))
        await asyncio.sleep(1.2)
        to.track_ended(camera("a"), 2)
        return Ended.OVER

    played = stage(tmp_path, script)
    played.play()
    (person,) = played.journal.people()
    assert [what for _, what in played.recording.given] == ["picture", "lost"]
    assert {token for token, _ in played.recording.given} == {person.token}
    assert person.consent.via == "page"
    assert person.stays[0].end is not None
    assert played.recording.ended == [0]
    assert b'"packets":50' in (tmp_path / "live" / "people" / person.token / "quality.jsonl").read_bytes()
    assert played.view.shown[0].people[0].standing is ParticipantState.RECORDED


def test_only_what_those_who_are_recorded_write_is_kept(tmp_path: Path) -> None:
    """Before a yes, after a no, of others, of strangers, and commands, well typed or not: nothing is handed on."""

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        to.can_ask(True, 0)
        to.joined("a", "Rosa Diaz", 0.1)
        to.joined("b", "Ben", 0.1)
        to.chat("a", "before", 0.2)
        to.chat("a", "/record yes", 0.3)
        for sender, text in (("a", "kept"), ("a", "/record  maybe"), ("b", "silent"), ("c", "stranger")):
            to.chat(sender, text, 0.4)
        to.chat("a", "/record no", 0.5)
        to.chat("a", "after", 0.6)
        await settle()
        return Ended.OVER

    played = stage(tmp_path, script)
    played.play()
    assert [(text, time) for _, text, time in played.recording.chats] == [("kept", 0.4)]
    assert [token for token, _, _ in played.recording.chats] == played.recording.forgotten


def test_a_withdrawal_takes_effect_on_the_next_picture_and_erases(tmp_path: Path) -> None:
    """After a no nothing more is handed on, the folder is gone, and a new yes begins a folder of another name."""
    tokens: list[str] = []

    async def script(source: FakeSource, to: CallObserver) -> Ended:
        people = tmp_path / "live" / "people"
        to.can_ask(True, 0)
        to.joined("a", "Rosa Diaz", 0.1)
        to.answered("a", Answer.YES, 0.2)
        await settle()
        tokens.extend(item.name for item in people.iterdir())
        to.track_started(camera("a"), 0.3)
        to.chat("a", "/record no", 0.4)
        to.video(camera("a"), picture(0.5))
        await settle()
        assert not list(people.iterdir())
        to.answered("a", Answer.YES, 20)
        await settle()
        tokens.extend(item.name for item in people.iterdir())
        return Ended.OVER

    played = stage(tmp_path, script)
    played.play()
    assert played.recording.given == []
    assert played.recording.forgotten == tokens[:1]
    assert len(set(tokens)) == 2
    assert played.source.received == [("a", True), ("a", False), ("a", True), ("a", False)]


def test_a_minor_is_removed_for_good(tmp_path: Path) -> None:
    """Once the engine says minor, what was stored is erased and no yes brings the participant back."""

    async def script(source: FakeSource, to: CallObserver) -> Ended:
        await agreed(to, name="Kim")
        (folder,) = (tmp_path / "live" / "people").iterdir()
        to.track_started(camera("a"), 0.3)
        played.session.minor_found(folder.name)
        await settle()
        to.video(camera("a"), picture(0.5))
        to.answered("a", Answer.NO, 30)
        to.answered("a", Answer.YES, 60)
        to.video(camera("a"), picture(61))
        await settle()
        return Ended.OVER

    played = stage(tmp_path, script)
    played.play()
    assert played.recording.given == []
    assert not list((tmp_path / "live" / "people").iterdir())
    assert played.session.counts == {"removed": 1}
    (history,) = played.session._book.histories()
    assert [event.state for event in history.events][1:] == [ConsentState.GIVEN, ConsentState.INVALIDATED]


def test_a_declared_age_reaches_the_engine_and_a_declared_minor_does_not(tmp_path: Path) -> None:
    """Whoever agrees as an adult is opened as one, also when they say so later; who says minor is erased."""

    async def script(source: FakeSource, to: CallObserver) -> Ended:
        await agreed(to, name="Kim")
        to.track_started(camera("a"), 0.3)
        assert played.recording.adults == set()
        to.chat("a", "/record yes 18+", 0.4)
        assert played.recording.adults == set(played.recording.lanes.values())
        to.video(camera("a"), picture(0.5))
        to.chat("a", "/record yes under 18", 0.6)
        to.video(camera("a"), picture(0.7))
        await settle()
        return Ended.OVER

    played = stage(tmp_path, script)
    played.play()
    assert len(played.recording.given) == 1
    assert played.recording.forgotten == list(played.recording.lanes.values())


def test_while_nobody_could_withdraw_all_are_paused(tmp_path: Path) -> None:
    """When asking fails, media is dropped but nothing erased; when it is back, the same folder goes on."""

    async def script(source: FakeSource, to: CallObserver) -> Ended:
        to.can_ask(True, 0)
        to.joined("a", "Rosa", 0.1)
        to.answered("a", Answer.YES, 0.2)
        to.track_started(camera("a"), 0.3)
        to.can_ask(False, 1)
        to.video(camera("a"), picture(1.1))
        to.can_ask(True, 2)
        to.track_started(TrackKey("a", LiveKind.CAMERA, 2), 2.1)
        to.video(TrackKey("a", LiveKind.CAMERA, 2), picture(2.2))
        await settle()
        return Ended.OVER

    played = stage(tmp_path, script)
    played.play()
    (person,) = played.journal.people()
    assert played.recording.given == [(person.token, "picture")]
    assert [stay.start for stay in person.stays] == [0.2, 2]
    assert person.stays[0].end == 1


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


def test_every_consent_is_written_down_as_it_changes(tmp_path: Path) -> None:
    """Who is asked, agrees, refuses or withdraws is told to whoever writes it down at once, not at the end."""
    kept: list[list[str]] = []

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        await agreed(to)
        to.joined("b", "Kim", 0.3)
        to.answered("b", Answer.NO, 0.4)
        await settle()
        assert kept[-1] == ["given", "refused"]
        to.answered("a", Answer.ERASE, 0.5)
        await settle()
        assert kept[-1] == ["refused", "withdrawn"]
        return Ended.OVER

    def keep(histories: Sequence[ConsentHistory]) -> None:
        kept.append(sorted(history.events[-1].state.value for history in histories))

    played = stage(tmp_path, script)
    played.session._enforcer._write_receipts = keep
    played.play()
    assert kept[0] == ["given"]


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


def test_silence_counts_only_of_who_was_told(tmp_path: Path) -> None:
    """Where silence means yes, it does for who was told, and not for who could not be reached."""

    async def script(source: FakeSource, to: CallObserver) -> Ended:
        source.chat_works = False
        to.can_ask(True, 0)
        to.joined("a", "Rosa", 0.1)
        await asyncio.sleep(2.2)
        assert ("a", True) not in source.received
        source.chat_works = True
        to.joined("b", "Kim", 2.3)
        await asyncio.sleep(1.2)
        assert ("b", True) in source.received
        return Ended.OVER

    played = stage(tmp_path, script, consent=ConsentSection(default="allow"))
    played.play()
    assert ("a", True) not in played.source.received
    assert len(played.journal.people()) == 1


def test_an_erasure_overtakes_what_waits(tmp_path: Path) -> None:
    """With many deeds waiting for the disk and the call system, a withdrawal is the next thing that is done."""

    async def script(source: FakeSource, to: CallObserver) -> Ended:
        await agreed(to)
        for number in range(40):
            to.joined(f"b{number}", "Somebody", 1)
            to.answered(f"b{number}", Answer.YES, 1)
        to.answered("a", Answer.NO, 1)
        while not played.recording.forgotten:
            await asyncio.sleep(0)
        assert len(list((tmp_path / "live" / "people").iterdir())) < 5
        return Ended.OVER

    played = stage(tmp_path, script)
    played.play()
    assert len(played.journal.people()) == 40


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


def test_names_and_stays_without_end_are_bounded(tmp_path: Path) -> None:
    """Who renames themselves or comes and goes all the time fills neither memory nor their record."""

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        to.can_ask(True, 0)
        to.joined("a", "Rosa", 0)
        to.answered("a", Answer.YES, 0)
        for number in range(600):
            to.renamed("a", f"Rosa {number}", number)
            to.left("a", number)
            to.joined("a", f"Rosa {number}", number + 0.5)
        return Ended.OVER

    played = stage(tmp_path, script)
    played.play(most_s=60)
    assert len(played.recording.names) == 20
    (person,) = played.journal.people()
    assert len(person.stays) == 500


def test_names_are_given_to_the_engine_and_shown_to_nobody(tmp_path: Path) -> None:
    """Display names, also of who refused, are masked in speech; neither view nor disk holds one."""

    async def script(_source: FakeSource, to: CallObserver) -> Ended:
        to.can_ask(True, 0)
        to.joined("a", "Rosalinde Marker", 0.1)
        to.answered("a", Answer.YES, 0.2)
        to.renamed("a", "Rosalinde Second", 0.3)
        to.joined("b", "Ottokar Marker", 0.1)
        to.answered("b", Answer.NO, 0.2)
        await asyncio.sleep(1.2)
        return Ended.OVER

    played = stage(tmp_path, script)
    played.play()
    assert played.recording.names == ["Rosalinde Marker", "Rosalinde Second", "Ottokar Marker"]
    seen = repr((played.view.shown, played.view.events, played.source.said)).encode()
    seen += b"".join(item.read_bytes() for item in tmp_path.rglob("*") if item.is_file())
    assert not any(name in seen for name in (b"Rosalinde", b"Ottokar", b"Marker", b"Second"))
