"""Who is in a Zoom meeting, by its events and by whose media comes, and what is taken of whom."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from recorder.call.consent.commands import clean_name
from recorder.call.rtc.clock import CallClock
from recorder.call.rtc.tracks import TrackNumbers
from recorder.call.source import Answer, CallObserver, LiveKind, QualitySample, Via
from recorder.call.zoom.protocol import (
    MediaCodec,
    MediaContent,
    MeetingEvent,
    Named,
    ZoomMediaKind,
    ZoomMessage,
    event_of,
)
from recorder.call.zoom.tracks import TrackGround, ZoomClock, ZoomMicrophone, ZoomPictures

__all__ = ["ZoomPeople"]

MOST_HERE: Final = 1000
LONGEST_CHAT: Final = 4096
SWITCH_S: Final = 2.0
"""Seconds for which one participant's video is kept before another's is asked for."""
STRAGGLING_S: Final = 2.0
"""Seconds after somebody left in which what still comes of them does not bring them back."""
UNSEEN_S: Final = 6.0
"""Seconds after which somebody whose video does not come is taken to have no camera on, for a while."""
UNSEEN_AGAIN_S: Final = 30.0


@dataclass(slots=True)
class _Here:
    """Somebody in the meeting.

    Attributes:
        named_at: when their name was told, on Zoom's clock; an older message does not bring an older name back.
        since: call time from which on their media is taken; None while it is not.
        camera: whether it is on, None where that is not known.
        spoke: when they were last the active speaker.
        unseen: when their video was asked for and did not come.
    """

    name: str = field(repr=False)
    named_at: float
    microphone: ZoomMicrophone
    since: float | None = None
    camera: bool | None = None
    spoke: float = -1.0
    unseen: float = -1e9


class ZoomPeople:
    """The people of one meeting, and everything that is received of them.

    Args:
        observer: is told.
        clock: of the call.
        numbers: of tracks, over every connection of the call.
        individual: see below.
        changed: told when somebody comes, goes, is renamed, or another one's video is to be asked for.

    Attributes:
        individual: video is asked for one participant at a time, and no other is taken.
        ever_here: somebody was there.
        paused: Zoom says that the stream is paused; nothing is taken.
        left_out: messages that belonged to nobody, or to somebody who is not received, by kind.
    """

    def __init__(
        self,
        observer: CallObserver,
        clock: CallClock,
        numbers: TrackNumbers,
        *,
        individual: bool,
        changed: Callable[[], None],
    ) -> None:
        self._observer = observer
        self._clock = clock
        self._server = ZoomClock(clock)
        self.individual = individual
        self._changed = changed
        self._ground = TrackGround(observer, clock, numbers)
        self._here: dict[str, _Here] = {}
        self._gone: OrderedDict[str, float] = OrderedDict()  # when, on Zoom's clock
        self._cameras = ZoomPictures(LiveKind.CAMERA, self._ground, self._takes_video)
        self._screens = ZoomPictures(LiveKind.SCREEN, self._ground, self.wants)
        self._chosen = ""
        self._chosen_at = 0.0
        self._ticked = clock.now()
        self.ever_here = False
        self.paused = False
        self.left_out: Counter[str] = Counter()

    # -- who is there ----------------------------------------------------------------------------------------------

    def listed(self) -> list[tuple[str, str]]:
        """Return id and display name of everybody who is there."""
        return [(user, person.name) for user, person in self._here.items()]

    def is_here(self, user: str) -> bool:
        """Tell whether somebody is there."""
        return user in self._here

    def wants(self, user: str) -> bool:
        """Tell whether media of somebody is taken."""
        person = self._here.get(user)
        return person is not None and person.since is not None and not self.paused

    def event(self, message: ZoomMessage) -> None:
        """Take what happened in the meeting."""
        kind, stamp, people = event_of(message)
        now = self._server.place(stamp)
        if kind == MeetingEvent.SHARE_STOP:
            self._screens.end()
        for who in people:
            if kind == MeetingEvent.LEAVE:
                self._leave(who.user)
                self._gone[who.user] = stamp or 0.0
                if len(self._gone) > MOST_HERE:
                    self._gone.popitem(last=False)
                continue
            if kind == MeetingEvent.JOIN:
                self._gone.pop(who.user, None)
            person = self._know(who, stamp, join=kind != MeetingEvent.CAMERA_OFF)
            if person is None:
                continue
            if kind == MeetingEvent.SPEAKER:
                person.spoke = now
            elif kind in (MeetingEvent.CAMERA_ON, MeetingEvent.CAMERA_OFF):
                person.camera, person.unseen = kind == MeetingEvent.CAMERA_ON, -1e9
                if not person.camera:
                    self._cameras.end(who.user)
            elif kind == MeetingEvent.SHARE_START and self._screens.owner != who.user:
                self._screens.end()
        self._changed()

    def receive(self, user: str, wanted: bool) -> None:
        """Begin or stop taking somebody's media; what was captured before is not taken."""
        person = self._here.get(user)
        if person is None or (person.since is not None) == wanted:
            return
        person.since = self._clock.now() if wanted else None
        if not wanted:
            self._stop(user, person)
        self._changed()

    def answer(self, user: str, answer: Answer, via: Via) -> None:
        """Pass on what somebody, who may have left, said about being recorded."""
        self._observer.answered(user, answer, self._clock.now(), via)

    def pause(self, paused: bool) -> None:
        """Zoom pauses or resumes the stream."""
        self.paused = paused
        if paused:
            for user, person in self._here.items():
                self._stop(user, person)

    def outage(self, kind: ZoomMediaKind | None = None) -> None:
        """A connection for a kind of media, or for all, was lost: what is missing when it comes again is a loss."""
        if kind in (None, ZoomMediaKind.AUDIO):
            for person in self._here.values():
                person.microphone.outage = True
        self._cameras.outage |= kind in (None, ZoomMediaKind.VIDEO)
        self._screens.outage |= kind in (None, ZoomMediaKind.SHARE)

    def all_leave(self) -> None:
        """Nobody is known to be there any more."""
        for user in list(self._here):
            self._leave(user)
        self._chosen = ""

    def close(self) -> None:
        """Let the decoders go."""
        self._cameras.close()
        self._screens.close()

    def _know(self, who: Named, stamp: float | None, *, join: bool = True) -> _Here | None:
        """Return somebody of whom a message tells; who is new has joined, who has another name is renamed."""
        person, now = self._here.get(who.user), self._clock.now()
        name = None if who.name is None else clean_name(who.name)
        if person is None:
            late = who.user in self._gone and (stamp or 0.0) <= self._gone[who.user] + STRAGGLING_S
            if not join or late or len(self._here) >= MOST_HERE:
                return None
            person = _Here(name or clean_name(""), stamp or 0.0, ZoomMicrophone(who.user, self._ground))
            self._here[who.user] = person
            self.ever_here = True
            self._observer.joined(who.user, person.name, now)
            self._changed()
        elif name is not None and (stamp or 0.0) >= person.named_at:
            person.named_at = stamp or 0.0
            if name != person.name:
                person.name = name
                self._observer.renamed(who.user, name, now)
                self._changed()
        return person

    def _leave(self, user: str) -> None:
        person = self._here.get(user)
        if person is None:
            return
        self._stop(user, person)
        del self._here[user]
        self._observer.left(user, self._clock.now())

    def _stop(self, user: str, person: _Here) -> None:
        person.microphone.end()
        self._cameras.end(user)
        self._screens.end(user)

    # -- what comes of them ----------------------------------------------------------------------------------------

    def sound(self, content: MediaContent, codec: MediaCodec, rate: int) -> None:
        """Take sound; that of somebody who is not received stays as it is, undecoded."""
        taken = self._admit(content, "audio")
        if taken is not None:
            person, time = taken
            person.microphone.take(content.data, codec, rate, time)

    def picture(self, content: MediaContent, codec: MediaCodec, *, screen: bool) -> None:
        """Take a picture of a camera or a shared screen; that of somebody who is not received stays undecoded."""
        taken = self._admit(content, "share" if screen else "video")
        if taken is None or content.who is None:
            return
        user = content.who.user
        if not screen and not self._takes_video(user):
            self.left_out["video"] += 1
            return
        if not screen:
            taken[0].camera = True
        pictures = self._screens if screen else self._cameras
        pictures.take(user, content.data, codec, taken[1], content.time)

    def chat(self, content: MediaContent) -> None:
        """Take a message of the chat; whose it is not said to be is nobody's answer."""
        if content.who is None or len(content.data) > LONGEST_CHAT:
            self.left_out["chat"] += 1
            return
        if self._know(content.who, content.time) is not None:
            self._observer.chat(content.who.user, content.data, self._clock.now())

    def _admit(self, content: MediaContent, kind: str) -> tuple[_Here, float] | None:
        """Return whose media it is, and the call time of its capture, where it is taken."""
        time = self._server.place(content.time)
        person = None if content.who is None else self._know(content.who, content.time)
        if person is None or person.since is None or self.paused or time < person.since:
            self.left_out[kind] += 1
            return None
        return person, time

    def _takes_video(self, user: str) -> bool:
        return self.wants(user) and (not self.individual or user == self._chosen)

    # -- whose video is asked for ----------------------------------------------------------------------------------

    def choose(self) -> tuple[str, str] | None:
        """Return whose video to ask for no longer, and whose from now on; each empty for nobody's, None for no change.

        Only those who agreed are ever asked for. Among them it is who spoke last, with a camera on as far as is known.
        """
        now, best = self._clock.now(), ""
        asked = self._here.get(self._chosen)
        if asked is not None and now - self._chosen_at > UNSEEN_S and self._cameras.owner != self._chosen:
            asked.unseen = now
        candidates = [
            (person.camera is True, person.spoke, user == self._chosen, user)
            for user, person in self._here.items()
            if person.since is not None
            and person.camera is not False
            and now - person.unseen > UNSEEN_AGAIN_S
            and not self.paused
        ]
        if candidates:
            best = max(candidates)[3]
        settled = now - self._chosen_at < SWITCH_S and self._chosen and self.wants(self._chosen)
        seen = asked is not None and asked.camera is not False and now - asked.unseen > UNSEEN_AGAIN_S
        if best == self._chosen or (settled and seen):
            return None
        before, self._chosen, self._chosen_at = self._chosen, best, now
        self._cameras.end(before)
        return before, best

    def forget_choice(self) -> None:
        """A new connection was made, over which nobody's video has been asked for."""
        self._chosen = ""

    def tick(self) -> None:
        """About once a second: ended cameras, and how the connections do."""
        now = self._clock.now()
        self._cameras.tick()
        self._screens.tick()
        passed = max(0.001, now - self._ticked)
        if passed < 0.9:
            return
        self._ticked = now
        for user, person in self._here.items():
            if person.since is not None:
                self._observer.quality(user, self._quality(user, person, now, passed))
        self._cameras.received = self._cameras.messages = 0

    def _quality(self, user: str, person: _Here, now: float, passed: float) -> QualitySample:
        seen = self._cameras if self._cameras.owner == user else None
        size, packets = person.microphone.received, person.microphone.blocks
        person.microphone.received = person.microphone.blocks = 0
        if seen is not None:
            size, packets = size + seen.received, packets + seen.messages
        extent, pictures, freezes = seen.figures() if seen is not None else (None, 0, 0)
        return QualitySample(
            time=now,
            packets=packets,
            bitrate_kbps=round(size * 8 / 1000 / passed, 1),
            width=extent[0] if extent is not None else None,
            height=extent[1] if extent is not None else None,
            fps=None if extent is None else round(pictures / passed, 2),
            freezes=freezes,
        )
