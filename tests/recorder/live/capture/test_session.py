"""The session of a call: nothing of anybody reaches the recording but of those who agreed, from then on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from recorder.call.consent.state import ConsentHistory, ConsentState
from recorder.call.source import Answer, CallObserver, Ended, LiveKind, QualitySample, TrackKey
from recorder.live.capture.status import ParticipantState
from redaction.policy import ConsentSection
from tests.recorder.live.capture.session_stage import agreed, camera, picture, sound, stage
from tests.recorder.live.fakes import FakeSource, settle


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
