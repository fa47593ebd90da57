"""A bot in any meeting that a browser can open: a page is asked who is there, and hands over the tracks of who agreed.

The page belongs to the meeting's system, and is believed as that system is: it says whose a track is. It is asked
four times a second and never calls by itself. Of who did not agree, nothing leaves the browser.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np

from recorder.call.browser.adapters import Adapter, adapter_named
from recorder.call.browser.chromium import BrowserSetting, find_chromium, running_chromium
from recorder.call.browser.handovers import Handovers
from recorder.call.browser.hosts import AllowedHosts, host_of
from recorder.call.browser.messages import PageState
from recorder.call.browser.page import MeetingPage
from recorder.call.browser.pipe import BrowserLost, CommandRefused, DevToolsEvent
from recorder.call.consent.notice_tile import draw_tile
from recorder.call.consent.spoken_notice import as_wav
from recorder.call.rtc.clock import CallClock
from recorder.call.rtc.hooks import check_hooks
from recorder.call.rtc.tracks import TrackNumbers
from recorder.call.source import CallObserver, Ended
from redaction.errors import UnreadableInput
from redaction.model import Samples

__all__ = ["BrowserLimits", "BrowserSource"]

_LOOK_S: Final = 0.25
_PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0)
_LEAVING_S: Final = 3.0
_MOST_EVENTS: Final = 1000
_KEPT_OUT: Final = frozenset({PageState.REFUSED, PageState.REMOVED, PageState.OVER, PageState.LOST})
_NOT_LET_IN: Final = "the meeting's page did not let the bot in in time; another --adapter may know its way"
_FIRST_ERROR: Final = 400
"""Statuses from here on are errors. Source: RFC 9110, 15.5."""
_SILENCE: Final = np.zeros(48_000, np.float32)


class BrowserLimits:
    """How long a page is waited for.

    Args:
        join_s: until the bot is in, or somebody is asked to let it in.
        waiting_s: until somebody has let it in.
        blind_s: without a usable answer from the page, after which it is opened anew.
        patience_s: for which a meeting that was lost is tried again.
    """

    def __init__(
        self,
        *,
        join_s: float = 60.0,
        waiting_s: float = 600.0,
        blind_s: float = 15.0,
        patience_s: float = 180.0,
    ) -> None:
        self.join_s = join_s
        self.waiting_s = waiting_s
        self.blind_s = blind_s
        self.patience_s = patience_s


class BrowserSource:
    """Joins a meeting's page; see `recorder.call.source.CallSource`.

    Args:
        url: of the meeting.
        name: what people see; it says that the bot records.
        adapter: by its name or file; None for those that were tried here, the generic one last.
        allowed: hosts besides the meeting's own that its pages need.
        tile: lines of the picture that the bot shows.
        spoken: the notice, float32 (n,) mono at 48,000 Hz, said once when the page opens its microphone.
        limits: how long the page is waited for.
        chromium: the program; the system's if None.

    Raises:
        UsageError: the address, a host or the adapter cannot be used, or there is no Chromium.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "Recorder bot (recording)",
        adapter: str | None = None,
        allowed: Sequence[str] = (),
        tile: tuple[str, ...] = ("Recording", "Everybody is asked first.", "No answer means no."),
        spoken: Samples | None = None,
        limits: BrowserLimits | None = None,
        chromium: str | None = None,
    ) -> None:
        self._url = url
        self._name = name
        host = host_of(url)
        self._adapters: list[Adapter] = adapter_named(adapter)
        needed = [one for each in self._adapters for one in each.facts.hosts]
        self._hosts = AllowedHosts([host, *needed, *allowed])
        self._tile = tile
        self._spoken = spoken
        self._limits = limits or BrowserLimits()
        self._chromium = chromium or find_chromium()
        self._numbers = TrackNumbers()
        self.clock = CallClock()
        self._page: MeetingPage | None = None
        self._handovers: Handovers | None = None
        self._able: bool | None = None
        self._been_inside = False
        self._closing = asyncio.Event()
        self.blocked = 0

    async def run(self, observer: CallObserver) -> Ended:
        """Stay in the meeting; open it anew when the page or the browser is lost.

        Raises:
            UnreadableInput: the page cannot be opened, or does not let the bot in.
        """
        check_hooks()
        self.clock = CallClock()
        lost_at, tries = self.clock.now(), 0
        while not self._closing.is_set():
            self._inside_now = False
            outcome = await self._visit(observer)
            if isinstance(outcome, UnreadableInput):
                raise outcome
            if outcome is not None or self._closing.is_set():
                return outcome or Ended.OVER
            if self._inside_now:
                lost_at, tries = self.clock.now(), 0
            if not self._been_inside and tries >= 1:
                raise UnreadableInput("the browser cannot be kept running; see `offrecord doctor`")
            if self.clock.now() - lost_at > self._limits.patience_s:
                return Ended.LOST
            await self._sleep(_PAUSES_S[min(tries, len(_PAUSES_S) - 1)])
            tries += 1
        return Ended.OVER

    async def receive(self, participant: str, wanted: bool) -> None:
        """Have somebody's tracks handed over, or no longer."""
        if self._handovers is not None:
            self._handovers.want(participant, wanted)

    async def notify(self, text: str, *, to: str | None = None) -> bool:
        """Write in the meeting's chat, where its adapter has one."""
        page = self._page
        if page is None or not self._able:
            return False
        try:
            return await page.say(text, to)
        except BrowserLost:
            return False

    async def close(self) -> None:
        """Leave; `run` returns soon."""
        self._closing.set()

    # One browser, from its start to its end.

    async def _visit(self, observer: CallObserver) -> Ended | UnreadableInput | None:
        """Return how the meeting ended for the bot, or why it cannot be joined; None where the page was lost."""
        events: deque[DevToolsEvent] = deque(maxlen=_MOST_EVENTS)
        setting = BrowserSetting(
            self._hosts.rules,
            camera=lambda path: _write_tile(path, self._tile),
            microphone=as_wav(
                self._spoken if self._spoken is not None and not self._been_inside else _SILENCE
            ),
            chromium=self._chromium,
        )
        try:
            async with running_chromium(setting, events.append) as devtools:
                page = MeetingPage(devtools, self._hosts, self._count_blocked)
                failed = await page.open(self._url, name=self._name, adapters=self._adapters)
                if not failed:
                    return await self._attend(page, events, observer)
        except (BrowserLost, CommandRefused):
            return None
        return None if self._been_inside else UnreadableInput(failed)

    async def _attend(
        self, page: MeetingPage, events: deque[DevToolsEvent], observer: CallObserver
    ) -> Ended | UnreadableInput | None:
        outcome: Ended | UnreadableInput | None = None
        async with asyncio.TaskGroup() as group:
            handovers = Handovers(page, group, observer, clock=self.clock, numbers=self._numbers)
            self._page, self._handovers = page, handovers
            try:
                outcome = await self._watch(page, events, handovers, observer)
            except (BrowserLost, UnreadableInput) as end:  # a group would wrap it
                outcome = end if isinstance(end, UnreadableInput) else None
            finally:
                self._page = self._handovers = None
                handovers.all_gone()
                self._report_able(False, observer)
                await asyncio.shield(_leave(page))
        return outcome

    def _count_blocked(self) -> None:
        self.blocked += 1

    async def _watch(
        self, page: MeetingPage, events: deque[DevToolsEvent], handovers: Handovers, observer: CallObserver
    ) -> Ended | None:
        began = answered = self.clock.now()
        deadline = began + self._limits.join_s
        inside = waiting = False
        while not self._closing.is_set():
            await self._heed(page, events)
            if page.status >= _FIRST_ERROR and not inside:
                self._refuse_if_never_inside(
                    f"the meeting's address answers with an error (HTTP {page.status})"
                )
                return None
            look = await page.look()
            now = self.clock.now()
            if look is None:
                if now - answered > (self._limits.blind_s if inside else self._limits.join_s):
                    self._refuse_if_never_inside()
                    return None
            else:
                answered = now
                if look.state is PageState.INSIDE:
                    inside = self._inside_now = self._been_inside = True
                    handovers.take(look)
                    self._report_able(look.asks, observer)
                elif inside:
                    return _ended(look.state)
                elif look.state in _KEPT_OUT:
                    if not self._been_inside:
                        raise UnreadableInput("the meeting's page refuses the bot, or the meeting is over")
                    return None
                elif look.state is PageState.WAITING and not waiting:
                    waiting, deadline = True, now + self._limits.waiting_s
            if not inside and now > deadline:
                self._refuse_if_never_inside()
                return None
            await self._sleep(_LOOK_S)
        return Ended.OVER

    def _refuse_if_never_inside(self, sentence: str = _NOT_LET_IN) -> None:
        """Raise where the bot was never in: a meeting that was lost is joined again, one that never was is not."""
        if not self._been_inside:
            raise UnreadableInput(sentence)

    async def _heed(self, page: MeetingPage, events: deque[DevToolsEvent]) -> None:
        """Do what events ask for: other pages are closed, dialogues answered."""
        while events:
            event = events.popleft()
            other = page.heed(event)
            try:
                if other:
                    await page.close_other(other)
                elif event.method == "Page.javascriptDialogOpening":
                    await page.dismiss()
            except CommandRefused:
                continue  # it is gone
        if page.crashed:
            raise BrowserLost

    def _report_able(self, able: bool, observer: CallObserver) -> None:
        """Tell whether people can be asked, once for each change."""
        if able != self._able:
            self._able = able
            observer.can_ask(able, self.clock.now())

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return


def _ended(state: PageState) -> Ended | None:
    """Return why a meeting that the bot was in has ended; None where it was lost, or the page begins anew."""
    return {
        PageState.OVER: Ended.OVER,
        PageState.REMOVED: Ended.REMOVED,
        PageState.REFUSED: Ended.REMOVED,
    }.get(state)


async def _leave(page: MeetingPage) -> None:
    try:
        async with asyncio.timeout(_LEAVING_S):
            await page.leave()
            await asyncio.sleep(0.1)  # the page says good-bye by a socket
    except (BrowserLost, TimeoutError):
        return


def _write_tile(path: Path, lines: tuple[str, ...]) -> None:
    """Write the bot's picture as the MJPEG file that the browser takes for a camera."""
    picture = draw_tile(lines)
    with av.open(str(path), "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=2)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuvj420p"
        for number in range(2):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 2)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
