"""Microphones of a live call: words are heard, searched, and spoken again some half a minute later, in one thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from recorder.live.capture.age_state import Adulthood, ParticipantAge
from recorder.live.capture.audio_segments import StoredAudio
from recorder.live.capture.audio_track import Microphone
from recorder.live.capture.video_worker import Inbox, Lost
from recorder.live.capture.voice_comparison import VoiceComparison
from recorder.live.capture.voices import Voices
from recorder.live.store.journal import Journal
from recorder.live.text.words import Spoken, WordBook
from recorder.runtime.hardening import lower_priority
from redaction.audio.redact import SPEAKING_HZ, AudioRedactor
from redaction.errors import OffrecordError, StorageFailed
from redaction.model import Event, EventKind, Span
from redaction.policy import Policy
from redaction.stages import AudioStages

__all__ = ["AudioWorker"]

MOST_BLOCKS: Final = 6000
MOST_AUDIO_BYTES: Final = 24 * 2**20
"""What may wait of one microphone: about two minutes."""

CONTEXT_S: Final = 8.0
"""How much of what is said next is known before an utterance is searched."""

LONGEST_WAIT_S: Final = 20.0
"""Longest sound that is held before it is transcribed; longer would be cheaper, and lost at a crash."""

WITHHELD_S: Final = 30.0
"""Sound that may not be stored yet is dropped when it is older."""

_VOICES: Final = 16
_BATCH: Final = 50
_IDLE_S: Final = 2.0
_RELEASE_EVERY_S: Final = 1.0
_LOOK_OVER_EVERY_S: Final = 30.0
_POLL_S: Final = 0.2


class AudioWorker:
    """The thread that hears every microphone of a call.

    Args:
        stages: the models.
        policy: what to redact, and how voices are stored.
        journal: where it goes.
        on_error: told what a stage or the disk raised.
    """

    def __init__(
        self,
        stages: AudioStages,
        *,
        policy: Policy,
        journal: Journal,
        on_error: Callable[[BaseException], None],
    ) -> None:
        self.book = WordBook(stages.finder, policy)
        self._policy = policy
        self._journal = journal
        self._on_error = on_error
        self._redactor = AudioRedactor(policy, stages, voices=_VOICES)
        self._voices = Voices(policy, self._redactor.renderer)
        self._speakers = None if policy.voice.method == "mute" else stages.speakers
        self._mics: list[Microphone] = []
        self._stored = StoredAudio(journal, policy, on_error)
        self._wake = threading.Condition()
        self._stopping = False
        self._released = self._looked_over = time.monotonic()
        self.busy_since: float | None = None
        self.dead = False
        self._in_order = False
        self._thread = threading.Thread(target=self._run, name="hear", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def open(self, token: str, age: ParticipantAge, *, time: float = 0.0) -> Microphone:
        """Return a new track of a participant, from a call time on."""
        mic = Microphone(
            token,
            age,
            self._redactor.listener(token, longest_s=LONGEST_WAIT_S),
            Inbox(most=MOST_BLOCKS, most_bytes=MOST_AUDIO_BYTES),
            raw=self._voices.raw_audio(),
            comparison=VoiceComparison.made(
                token, self._speakers, journal=self._journal, on_error=self._on_error
            ),
            heard=time,
        )
        with self._wake:
            self._mics.append(mic)
        return mic

    def wake(self) -> None:
        """Say that something waits."""
        with self._wake:
            self._wake.notify()

    def forget(self, token: str) -> None:
        """Write nothing more of a participant; what the thread holds of them goes within moments.

        What the book knows of them is for the caller to drop: that may take longer.
        """
        with self._wake:
            for mic in self._mics:
                if mic.token == token:
                    mic.forget()

    def stop(self, timeout: float) -> bool:
        """Store what is left of every microphone and end; return whether the thread did in time."""
        with self._wake:
            self._stopping = True
            for mic in self._mics:
                mic.ended = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def died(self) -> bool:
        """Whether the thread is over although it was not told to end."""
        return self._thread.ident is not None and not self._thread.is_alive() and not self._in_order

    def lag_s(self, mic: Microphone) -> float:
        """Age of the oldest block of a microphone that waits, in seconds."""
        oldest = mic.inbox.oldest
        return 0.0 if oldest is None else max(0.0, time.monotonic() - oldest)

    def _run(self) -> None:
        lower_priority()  # sound may be stored later than pictures, which cannot wait
        while not self.dead:
            self.busy_since = time.monotonic()
            try:
                worked = self._listen() | self._release() | self._look_over()
            except Exception as error:  # noqa: BLE001 - nothing more of any voice is stored; the thread ends in order
                for mic in list(self._mics):
                    with suppress(OffrecordError):
                        done = (mic.done or 0) / SPEAKING_HZ
                        self._gap(mic, Span(done, max(done, mic.heard)), "a stage failed")
                    mic.forget()
                self._on_error(error)
                worked = False
            self.busy_since = None
            with self._wake:
                if self._stopping and not self._mics:
                    break
                if not worked:
                    self._wake.wait(_POLL_S)
        self._finish()
        self._in_order = True

    def _finish(self) -> None:
        try:
            self._stored.mute(self.book.look_over())
        except Exception as error:  # noqa: BLE001 - what is stored is heard again before it is published
            self._on_error(error)
        self._stored.close_all()

    def _listen(self) -> bool:
        """Hear some of the microphone whose sound has waited longest; return whether there was any."""
        waiting = [
            (oldest, mic)
            for mic in list(self._mics)
            if not mic.forgotten and (oldest := mic.inbox.oldest) is not None
        ]
        mic = min(waiting, key=lambda entry: entry[0])[1] if waiting else None
        if mic is None:
            return self._flush_idle()
        try:
            for _ in range(_BATCH):
                item, dropped = mic.inbox.take()
                if dropped is not None:
                    mic.gaps += 1
                    self._gap(mic, Span(dropped.first, max(dropped.first, dropped.last)), "overload")
                if isinstance(item, Lost):
                    mic.gaps += 1
                    self._gap(mic, Span(item.start, max(item.start, item.end)), item.reason)
                elif item is not None:
                    mic.take(item)
                else:
                    break
        except Exception as error:  # noqa: BLE001 - whatever a stage raises: this sound is silent, the call goes on
            self._failed(mic, error)
        return True

    def _flush_idle(self) -> bool:
        """Hear out microphones that have gone quiet or ended."""
        now = time.monotonic()
        worked = False
        for mic in list(self._mics):
            if mic.forgotten or mic.flushed or not (mic.ended or now - mic.last_block > _IDLE_S):
                continue
            worked = True
            try:
                mic.flush()
            except Exception as error:  # noqa: BLE001 - whatever a stage raises: this sound is silent
                self._failed(mic, error)
        return worked

    def _failed(self, mic: Microphone, error: Exception) -> None:
        """Begin again after what a stage has raised; what was not stored becomes silence."""
        erased = mic.forgotten
        if not erased:
            since = mic.stored_until
            mic.restart(self._redactor.listener(mic.token, longest_s=LONGEST_WAIT_S))
            try:
                self._gap(mic, Span(since, max(since, mic.heard)), "a stage failed")
            except StorageFailed:
                mic.forget()
        if not erased:  # a file that an erasure took away is no error
            self._on_error(error)

    def _release(self) -> bool:
        """Search and store what is due of every microphone; return whether anything was."""
        now = time.monotonic()
        ending = [mic for mic in self._mics if mic.forgotten or (mic.ended and mic.flushed)]
        if now - self._released < _RELEASE_EVERY_S and not ending:
            return False
        self._released = now
        due = [
            (mic, self._due(mic)) for mic in list(self._mics) if not mic.forgotten and mic.done is not None
        ]
        due = [(mic, until) for mic, until in due if until - (mic.done or 0) / SPEAKING_HZ > 0]
        chosen = {id(mic): [one for one in mic.pending if one.span.end <= until] for mic, until in due}
        for mic, _ in due:
            gone = {id(one) for one in chosen[id(mic)]}
            mic.pending = [one for one in mic.pending if id(one) not in gone]
        after = [one for mic in self._mics if not mic.forgotten for one in mic.pending]
        try:
            new, late = self.book.release([one for own in chosen.values() for one in own], after)
            self._stored.mute(late)
        except Exception as error:  # noqa: BLE001 - what was not searched is not stored
            self._on_error(error)
            new = []
        for mic, until in due:
            own = [item for item in new if any(item.utterance is one for one in chosen[id(mic)])]
            try:
                self._store(mic, until, own)
            except Exception as error:  # noqa: BLE001 - whatever a stage raises: this stretch is silent
                self._stretch_failed(mic, until, error)
        self._let_go()
        return bool(due)

    def _due(self, mic: Microphone) -> float:
        """Return the call time up to which a microphone's sound can be stored now."""
        settled = mic.settled if mic.flushed else mic.settled - CONTEXT_S
        until = mic.age.may_release(settled)
        done = (mic.done or 0) / SPEAKING_HZ
        if until < settled and mic.heard - max(done, until) > WITHHELD_S:
            self._withhold(mic, min(settled, mic.heard - WITHHELD_S))
            return (mic.done or 0) / SPEAKING_HZ
        waits = mic.age.waits_for_pictures and time.monotonic() - mic.last_block < WITHHELD_S
        if mic.ended and mic.flushed and until < settled and not waits:
            self._withhold(mic, settled)
            return (mic.done or 0) / SPEAKING_HZ
        across = [one.span.start for one in mic.pending if one.span.start < until < one.span.end]
        return max(done, min([until, *across]))

    def _withhold(self, mic: Microphone, until: float) -> None:
        """Drop what may not be stored: silence stands there."""
        start = (mic.done or 0) / SPEAKING_HZ
        mic.pending = [one for one in mic.pending if one.span.start >= until]
        behind = mic.age.waits_for_pictures
        self._gap(mic, Span(start, until), "picture behind" if behind else "not proved an adult")
        mic.silence(until)

    def _store(self, mic: Microphone, until: float, spoken: Sequence[Spoken]) -> None:
        """Speak, disguise or silence a microphone's sound up to a call time, and write it down."""
        start, end = mic.done or 0, round(until * SPEAKING_HZ)
        if not self._journal.holds(mic.token):
            mic.forget()  # nothing is stored of whoever has no consent on record
        if mic.forgotten or end <= start:
            return
        span = Span(start / SPEAKING_HZ, end / SPEAKING_HZ)
        alone = mic.age.minors_only(span)
        kept = [item for item in spoken if not any(one.overlaps(item.utterance.span) for one in alone)]
        for item in spoken:
            if item not in kept:
                _fact(self._journal, mic, EventKind.SILENCED, item.utterance.span, "only minors visible")
        rendering = self._voices.render(
            kept, start=start, end=end, muted=alone, token=mic.token, raw=mic.raw, listener=mic.listener
        )
        segment = self._stored.segment(mic.token, start)
        for block in mic.watched(rendering.blocks, speech=[item.utterance.span for item in kept]):
            segment.write(block)
        mic.done = end
        for event in rendering.events():
            self._journal.fact(mic.token, event, track="microphone")
        for item in kept:
            item.stored = True
            self._journal.words(mic.token, item.line(self._policy))
            for event in item.events(self._policy):
                self._journal.fact(mic.token, event, track="microphone")
        if kept and not mic.noted_unjudged and mic.age.state is Adulthood.NO_CAMERA:
            mic.noted_unjudged = True
            _fact(self._journal, mic, EventKind.SPEECH, span, "no camera tells an age")
        mic.compare()

    def _stretch_failed(self, mic: Microphone, until: float, error: Exception) -> None:
        start, erased = (mic.done or 0) / SPEAKING_HZ, mic.forgotten
        try:
            if isinstance(error, StorageFailed):
                mic.forget()
            else:
                self._gap(mic, Span(start, max(start, until)), "a stage failed")
                self._stored.close(mic.token)
                mic.silence(until)
        except OffrecordError:
            mic.forget()
        if not erased:
            self._on_error(error)

    def _look_over(self) -> bool:
        now = time.monotonic()
        if now - self._looked_over < _LOOK_OVER_EVERY_S:
            return False
        self._looked_over = now
        try:
            self._stored.mute(self.book.look_over())
        except Exception as error:  # noqa: BLE001 - what is stored is heard again before it is published
            self._on_error(error)
        return False

    def _let_go(self) -> None:
        """Part from microphones that have ended or were forgotten."""
        for mic in [one for one in self._mics if one.forgotten or one.is_over]:
            mic.let_go()
            if mic.forgotten:
                self._stored.abandon(mic.token)
            with self._wake:
                self._mics.remove(mic)
            mic.over.set()

    def _gap(self, mic: Microphone, span: Span, reason: str) -> None:
        _fact(self._journal, mic, EventKind.GAP, span, reason)


def _fact(journal: Journal, mic: Microphone, kind: EventKind, span: Span, reason: str) -> None:
    if not mic.forgotten:
        journal.fact(mic.token, Event(kind, span=span, detail={"reason": reason}), track="microphone")
