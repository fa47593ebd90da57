"""Finish a call from what is stored of it: second look, sound heard again, composition, verified bundle.

Everything is read from the folder `live` of the partial bundle, which stays as it is until the bundle is whole; so a
run that dies is simply done again. In order:

1. the folder is read strictly, and erasures that were cut off are completed
2. each picture piece is compared with its proofs and searched for faces again; what is found is covered in a copy
3. each sound track is transcribed again and searched for personal words; what is found falls silent
4. tracks are joined on the call clock, and composed
5. transcript, quality, receipts, log, report and manifest are written; containers are checked
6. the manifest is sealed, `live` is removed, and the bundle takes its name
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from recorder.bundle.call_contents import (
    CALL_LOST,
    CUT_OFF,
    SILENCED,
    CallContents,
    ParticipantContents,
    TrackContents,
    label,
)
from recorder.bundle.checks import joined_checks
from recorder.bundle.compose_call import compose_call
from recorder.bundle.contents import TRACKS, Origin, models_used
from recorder.bundle.log import ChainedLog, read_log
from recorder.bundle.manifest import VOICE_CHECK, Check, Coverage
from recorder.bundle.publish import Published, publish, publish_sealed
from recorder.bundle.writer import LIVE, BundleWriter
from recorder.call.consent.receipts import Receipt, receipts_of
from recorder.call.consent.state import ConsentEvent, ConsentHistory, ConsentState
from recorder.call.source import Via
from recorder.live.finish.coverage import (
    UsableAudio,
    audio_seconds,
    call_audio_coverage,
    call_seconds,
    call_video_coverage,
    redacted_counts,
)
from recorder.live.finish.first_stay import begun_with_first
from recorder.live.finish.verify_segments import VerifiedSegments, verify_segments
from recorder.live.store.fragments import cut_to_whole
from recorder.live.store.load import CallLog, LiveCall, LivePerson, load
from recorder.media.mix import AudioPart, write_track
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from recorder.runtime.threads import both
from recorder.verify.audio import StoredTrack, VerifiedAudio, verify_audio, words_check
from recorder.verify.stored_words import Repair
from redaction.audio.speakers.models import SAME_SPEAKER_COSINE
from redaction.audio.voice.timing import fixed_masks
from redaction.errors import (
    ConsentRefused,
    InternalError,
)
from redaction.model import Event, EventKind, RedactedUtterance, Span
from redaction.stages import Stages

__all__ = ["finish"]

_WORK: Final = "finishing"
_ENDED_NOTES: Final = {"lost": (CALL_LOST,), "": (CUT_OFF,)}


def finish(
    writer: BundleWriter,
    *,
    stages: Stages,
    run: Run,
    receipts: Sequence[Receipt] = (),
    not_recorded: int | None = None,
    before_publishing: Callable[[], None] | None = None,
) -> Published:
    """Turn the folder of a call into a published, verified bundle.

    Args:
        writer: holds the folder, by `BundleWriter.for_call` or `BundleWriter.adopt`; it is let go of in any case. If
            anything fails the folder stays, to be finished again.
        stages: the models, under the policy that the call was recorded with.
        run: is told of the progress, and stops the work when somebody asks.
        receipts: of everybody who was asked; by default those that the folder holds, and of those who are recorded.
        not_recorded: how many are not in the bundle; by default as many as have a receipt and nothing stored.
        before_publishing: looks once more, when all is whole, and raises if it must not be published.

    Raises:
        UnreadableInput: the folder holds what no recording process writes.
        RedactionIncomplete: something personal would be left.
        ConsentRefused: nobody agreed; the folder is removed.
        StorageFailed: the disk refused.
    """
    try:
        sealed = publish_sealed(writer)
        if sealed is not None:
            return sealed
        finishing = _Finishing(writer, stages, run)
        return finishing.publish(receipts, not_recorded, before_publishing)
    finally:
        writer.discard()


class _Finishing:
    def __init__(self, writer: BundleWriter, stages: Stages, run: Run) -> None:
        self.began = time.monotonic()
        self.writer = writer
        self.stages = stages
        self.policy = stages.policy
        self.run = run
        self.duration = 0.0

    def publish(
        self,
        receipts: Sequence[Receipt],
        not_recorded: int | None,
        before_publishing: Callable[[], None] | None,
    ) -> Published:
        live, log = self._open()
        sounds = [self._sound(number, person) for number, person in enumerate(live.people, start=1)]
        self.duration = call_seconds(live.people, sounds)
        seen, heard = self._look_and_hear(live.people, sounds)
        people = tuple(
            self._person(number, person, seen[number - 1], sounds[number - 1], heard)
            for number, person in enumerate(live.people, start=1)
        )
        with storage_errors():
            shutil.rmtree(self.writer.partial / _WORK)
        counted = bool(receipts or live.receipts)
        receipts = receipts or _receipts(live)
        mine = {person.record.consent.receipt for person in live.people}
        others = sum(receipt.receipt_id not in mine for receipt in receipts) if counted else None
        audio = any(item.parts for item in sounds)
        call = CallContents(
            origin=Origin.of_policy(
                self.policy,
                models=models_used(
                    self.policy,
                    video=any(item.pieces for item in seen),
                    audio=audio,
                    speakers=False,
                    compared=any(True for person in live.people for _ in _voice_figures(person)),
                ),
                audio=audio,
                version=live.record.version,
                created=live.record.started,
            ),
            way=live.record.way,
            duration=self.duration,
            people=people,
            not_recorded=others if not_recorded is None else not_recorded,
            receipts=tuple(receipt for receipt in receipts if receipt.receipt_id in mine),
            notes=_ENDED_NOTES.get(live.record.ended, ()),
        )
        contents = compose_call(call, self.writer, output=self.policy.output, run=self.run)
        return publish(
            contents, self.writer, log, began=self.began, run=self.run, before_publishing=before_publishing
        )

    def _open(self) -> tuple[LiveCall, ChainedLog]:
        """Read the call, clear what a cut-off run left, and begin the log with the call-wide one."""
        partial = self.writer.partial
        kept = CallLog(partial)
        kept.restore()
        self.writer.clear(keep=frozenset({LIVE, kept.given.name}))
        live = load(partial)
        if live.policy.digest != self.policy.digest:
            raise InternalError("A call would be finished under another policy than it was recorded with.")
        if not live.people:
            self.writer.remove()
            raise ConsentRefused("Nobody agreed to be recorded; nothing is kept.")
        live = begun_with_first(live)
        kept.put_away()
        with storage_errors():
            shutil.copyfile(kept.kept, kept.given)
            (partial / _WORK).mkdir(mode=0o700)
        return live, _begun(kept.given)

    def _look_and_hear(
        self, people: Sequence[LivePerson], sounds: Sequence[UsableAudio]
    ) -> tuple[list[VerifiedSegments], VerifiedAudio]:
        """Look at the pictures and listen to the sound at the same time."""
        return both(
            lambda: [self._look(number, person) for number, person in enumerate(people, start=1)],
            lambda: self._hear(people, sounds),
            run=self.run,
            name="finish",
        )

    def _look(self, number: int, person: LivePerson) -> VerifiedSegments:
        return verify_segments(
            person.segments,
            work=self.writer.partial / _WORK,
            who=label(number),
            policy=self.policy,
            look=self.stages.second_look,
            screen=self.stages.video.screen,
            run=self.run,
        )

    def _sound(self, number: int, person: LivePerson) -> UsableAudio:
        """Take over the usable pieces of a microphone, and note what had to be left out."""
        parts: list[AudioPart] = []
        spans: list[Span] = []
        events: list[Event] = []
        for piece in person.segments:
            if piece.kind != "microphone":
                continue
            copy = self.writer.partial / _WORK / f"{label(number)}-{piece.media.name}"
            with storage_errors():
                usable = cut_to_whole(piece.media, copy, proven=None)
            seconds = audio_seconds(copy) if usable else 0.0
            if seconds:
                parts.append(AudioPart(copy, piece.start))
                spans.append(Span(piece.start, piece.start + seconds))
            elif usable or piece.closed:
                events.append(
                    Event(
                        EventKind.GAP,
                        "microphone",
                        Span(piece.start, piece.start),
                        {"reason": "unproven"},
                    )
                )
        return UsableAudio(tuple(parts), tuple(spans), tuple(events))

    def _track_path(self, number: int, kind: str) -> Path:
        suffix = "m4a" if kind == "microphone" else "mp4"
        return self.writer.path(f"{TRACKS}/{label(number).lower()}-{kind}.{suffix}")

    def _hear(self, people: Sequence[LivePerson], sounds: Sequence[UsableAudio]) -> VerifiedAudio:
        """Write every sound track, and hear it again until nothing personal is left in it."""
        mute_all = _recognised(people) if self.policy.voice.method == "resynthesize" else frozenset()

        def write(who: str, silent: Sequence[Span]) -> Path:
            number = int(who.removeprefix("P"))
            path = self._track_path(number, "microphone")
            whole = [Span(0.0, self.duration)] if number in mute_all else []
            with storage_errors():
                path.unlink(missing_ok=True)
            write_track(
                sounds[number - 1].parts,
                path,
                duration=self.duration,
                silent=[*whole, *silent],
                run=self.run,
            )
            return path

        def rewrite(who: str, words: tuple[RedactedUtterance, ...], repair: Repair) -> StoredTrack:
            return StoredTrack(write(who, repair.spans), words)

        tracks = {
            label(number): StoredTrack(
                write(label(number), ()) if sound.parts else None, tuple(person.utterances)
            )
            for number, (person, sound) in enumerate(zip(people, sounds, strict=True), start=1)
        }
        return verify_audio(
            tracks,
            duration=self.duration,
            policy=self.policy,
            stages=self.stages.audio,
            rewrite=rewrite,
            run=self.run,
            event_track="microphone",
        )

    def _person(
        self,
        number: int,
        person: LivePerson,
        seen: VerifiedSegments,
        sound: UsableAudio,
        heard: VerifiedAudio,
    ) -> ParticipantContents:
        who = label(number)
        tracks: list[TrackContents] = []
        for kind in seen.kinds:
            track = seen.track(
                kind,
                self._track_path(number, kind),
                duration=self.duration,
                policy=self.policy,
                run=self.run,
            )
            tracks += [track] if track is not None else []
        if sound.parts:
            tracks.append(TrackContents("microphone", self._track_path(number, "microphone"), sound.spans))
        utterances = heard.tracks[who].words
        if self.policy.voice.method == "disguise":
            utterances = tuple(map(fixed_masks, utterances))
        events = (*person.events, *seen.events, *sound.events, *heard.events.get(who, ()))
        return ParticipantContents(
            receipt=person.record.consent.receipt,
            via=person.record.consent.via,
            stays=tuple(
                Span(min(stay.start, self.duration), min(stay.end or self.duration, self.duration))
                for stay in person.record.stays
                if stay.start <= self.duration
            ),
            tracks=tuple(tracks),
            utterances=utterances,
            chat=person.chat,
            quality=tuple(second for second in person.quality if second.time <= self.duration + 1),
            events=events,
            stills=seen.stills,
            coverage=Coverage(
                video=call_video_coverage(seen),
                audio=call_audio_coverage(sound, utterances, heard.silent.get(who, ())),
            ),
            redacted=redacted_counts(seen, (*utterances, *person.chat)),
            checks=joined_checks(self._checks(person, seen, sound, heard)),
        )

    def _checks(
        self, person: LivePerson, seen: VerifiedSegments, sound: UsableAudio, heard: VerifiedAudio
    ) -> Iterator[Check]:
        for piece in seen.pieces:
            yield from piece.checks
        if not sound.parts:
            return
        yield words_check(heard)
        figures = list(_voice_figures(person))
        if not figures:
            return
        passed = max(figures) < SAME_SPEAKER_COSINE
        silenced = not passed and self.policy.voice.method == "resynthesize"
        yield Check(
            name=VOICE_CHECK,
            passed=passed or silenced,
            figure=round(max(figures), 3) if not silenced else None,
            limit=SAME_SPEAKER_COSINE,
            note="cosine, CAM++" if not silenced else SILENCED,
        )


def _begun(given: Path) -> ChainedLog:
    """Return the bundle's log, begun with what concerns the whole call.

    That somebody was erased while the call went on is left out: how many, and after what, is nobody's to know.
    """
    ChainedLog.resumed(given).close()  # cuts off half a line, and checks the chain
    with storage_errors():
        events = [item.as_event() for item in read_log(given) if item.event != EventKind.ERASED]
        given.unlink()
    log = ChainedLog(given)
    log.extend(events)
    return log


def _receipts(live: LiveCall) -> tuple[Receipt, ...]:
    """Return the receipts that the folder holds; of who is recorded without one, what is known to have been agreed."""
    written = {receipt.receipt_id for receipt in live.receipts}
    histories = (
        ConsentHistory(
            consent.receipt, (ConsentEvent(ConsentState.GIVEN, round(consent.time), Via(consent.via)),)
        )
        for consent in (person.record.consent for person in live.people)
        if re.fullmatch(r"[0-9a-f]{32}", consent.receipt) and consent.receipt not in written
    )
    given = receipts_of(histories, policy=live.policy, started=live.record.started)
    return tuple(sorted((*live.receipts, *given), key=lambda receipt: receipt.receipt_id))


def _voice_figures(person: LivePerson) -> Iterator[float]:
    for event in person.events:
        if event.kind is EventKind.VERIFY and event.detail.get("check") == VOICE_CHECK:
            figure = event.detail.get("figure")
            if isinstance(figure, int | float):
                yield float(figure)


def _recognised(people: Sequence[LivePerson]) -> frozenset[int]:
    """Return whose stored voice might be taken for their own."""
    return frozenset(
        number
        for number, person in enumerate(people, start=1)
        if max(_voice_figures(person), default=-1.0) >= SAME_SPEAKER_COSINE
    )
