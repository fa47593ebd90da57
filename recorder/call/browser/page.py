"""The meeting's page in a running browser: opened with the recorder's part in it, walled in, and asked how it is."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any, Final

from recorder.call.browser.adapters import Adapter
from recorder.call.browser.hosts import AllowedHosts
from recorder.call.browser.messages import (
    LONGEST_CHAT_LINE,
    LONGEST_SHOWN,
    MOST_CHAT_LINES,
    MOST_PEOPLE_SEEN,
    MOST_TRACKS_SEEN,
    HandedOver,
    Look,
    parse_handed_over,
    parse_look,
)
from recorder.call.browser.pipe import BrowserLost, CommandRefused, DevTools, DevToolsEvent

__all__ = ["MeetingPage", "page_script"]

_START_S: Final = 60.0
_OPENED_S: Final = 30.0
_LOOK_S: Final = 5.0
_NO_ANSWER: Final = "the meeting's page cannot be opened: there is no answer from its address"
_NOT_TRUSTED: Final = "the meeting's page cannot be opened: the certificate of its address is not trusted"


def page_script(secret: str, name: str, *, adapters: Sequence[Adapter], allowed: Sequence[str]) -> str:
    """Return what runs in a page before its own scripts.

    Args:
        secret: under which the recorder finds it.
        name: of the bot.
        adapters: to choose from.
        allowed: hosts whose STUN and TURN servers may be asked.
    """
    folder = files("recorder.call.browser").joinpath("page")
    limits = {
        "people": MOST_PEOPLE_SEEN,
        "tracks": MOST_TRACKS_SEEN,
        "lines": MOST_CHAT_LINES,
        "name": LONGEST_SHOWN,
        "line": LONGEST_CHAT_LINE,
    }
    settings = json.dumps({"secret": secret, "name": name, "limits": limits, "allowed": list(allowed)})
    worker = json.dumps(folder.joinpath("worker.js").read_text(encoding="utf-8"))
    scripts = ",\n".join(adapter.script.rstrip(";") for adapter in adapters)
    code = folder.joinpath("handoff.js").read_text(encoding="utf-8").rstrip().removesuffix(";")
    return f"({_without_comments(code)})({settings}, [{scripts}], {worker});"


def _without_comments(code: str) -> str:
    """Return code without the comment it begins with, which cannot stand in an expression's parenthesis' first line."""
    lines = code.splitlines()
    while lines and lines[0].startswith("//"):
        lines.pop(0)
    return "\n".join(lines)


class MeetingPage:
    """One page of one browser.

    Args:
        devtools: of the browser.
        hosts: that the page may ask; requests to others are not answered, and counted.
        on_blocked: told of each that was not.

    Attributes:
        crashed: the process that the page lived in is gone.
        status: of HTTP, with which the meeting's address answered last; 0 before it has.
    """

    def __init__(self, devtools: DevTools, hosts: AllowedHosts, on_blocked: Callable[[], None]) -> None:
        self._devtools = devtools
        self._hosts = hosts
        self._on_blocked = on_blocked
        self._secret = "_" + secrets.token_hex(16)
        self._target = ""
        self._session = ""
        self._frame = ""
        self.crashed = False
        self.status = 0

    async def open(self, untrusted_url: str, *, name: str, adapters: Sequence[Adapter]) -> str:
        """Open the meeting's page; return why it cannot be opened, nothing where there was an answer.

        Raises:
            BrowserLost: the browser is gone, or does not answer.
            CommandRefused: it does not do as it is told.
        """
        ask = self._devtools.ask
        await ask("Browser.getVersion", within=_START_S)
        # a context of its own is off the record: cookies, storage and cache of the page are in memory
        context = (await ask("Target.createBrowserContext", disposeOnDetach=True))["browserContextId"]
        await ask("Browser.setDownloadBehavior", behavior="deny", browserContextId=context)
        await ask(
            "Browser.grantPermissions", permissions=["audioCapture", "videoCapture"], browserContextId=context
        )
        made = await ask(
            "Target.createTarget", url="about:blank", browserContextId=context, width=1280, height=720
        )
        self._target = str(made["targetId"])
        attached = await ask("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = str(attached["sessionId"])
        await ask("Target.setDiscoverTargets", discover=True)
        await self._page("Page.enable")
        await self._page("Inspector.enable")
        await self._page("Network.enable", maxTotalBufferSize=0, maxResourceBufferSize=0, maxPostDataSize=0)
        await self._page("Network.setCacheDisabled", cacheDisabled=True)
        await self._page(
            "Page.setBypassCSP", enabled=True
        )  # the worker that hands frames on is the recorder's own
        await self._page("Emulation.setFocusEmulationEnabled", enabled=True)
        script = page_script(self._secret, name, adapters=adapters, allowed=self._hosts.names)
        await self._page("Page.addScriptToEvaluateOnNewDocument", source=script)
        try:
            opened = await self._page("Page.navigate", url=untrusted_url, within=_OPENED_S)
        except BrowserLost:
            if self._devtools.lost:
                raise
            return _NO_ANSWER
        self._frame = str(opened.get("frameId", ""))
        failed = str(opened.get("errorText") or "")
        return (_NOT_TRUSTED if failed.startswith("net::ERR_CERT") else _NO_ANSWER) if failed else ""

    async def look(self) -> Look | None:
        """Ask how everything is; None where the page cannot be asked, or answers out of bounds.

        Raises:
            BrowserLost: the browser does not answer.
        """
        return parse_look(await self._call("look()"))

    async def forward(self, key: str, offer: str, tracks: Sequence[str]) -> HandedOver | None:
        """Have tracks handed on by a new connection; None where they are gone meanwhile.

        Raises:
            BrowserLost: the browser does not answer.
        """
        given = ", ".join(json.dumps(one) for one in (key, offer, list(tracks)))
        return parse_handed_over(await self._call(f"forward({given})"))

    async def stop(self, key: str) -> None:
        """Hand on nothing more by a connection."""
        await self._call(f"stop({json.dumps(key)})")

    async def say(self, line: str, to: str | None) -> bool:
        """Write in the chat; return whether there is a way to."""
        return await self._call(f"say({json.dumps(line)}, {json.dumps(to)})") is True

    async def leave(self) -> None:
        """Leave the meeting."""
        await self._call("leave()")

    def heed(self, event: DevToolsEvent) -> str:
        """Take note of an event; return the id of a page that is to be closed, nothing if there is none."""
        given = event.parameters
        if event.method == "Target.targetCreated":
            about = given.get("targetInfo")
            if (
                isinstance(about, dict)
                and about.get("type") == "page"
                and about.get("targetId") != self._target
            ):
                return str(about.get("targetId", ""))
        if event.session != self._session:
            return ""
        if event.method == "Inspector.targetCrashed":
            self.crashed = True
        elif event.method == "Network.requestWillBeSent":
            self._count(given.get("request"))
        elif event.method == "Network.webSocketCreated":
            self._count(given)
        elif event.method == "Network.responseReceived" and given.get("frameId") == self._frame:
            response = given.get("response")
            if given.get("type") == "Document" and isinstance(response, dict):
                status = response.get("status")
                self.status = status if isinstance(status, int) else 0
        return ""

    async def dismiss(self) -> None:
        """Close a dialogue that the page has opened and waits for."""
        await self._page("Page.handleJavaScriptDialog", accept=True)

    async def close_other(self, target: str) -> None:
        """Close a page that the meeting's page has opened."""
        await self._devtools.ask("Target.closeTarget", targetId=target)

    def _count(self, request: Any) -> None:
        if isinstance(request, dict) and not self._hosts.allow(str(request.get("url", ""))[:2048]):
            self._on_blocked()

    async def _page(self, method: str, *, within: float = 20.0, **parameters: object) -> dict[str, Any]:
        return await self._devtools.ask(method, session=self._session, within=within, **parameters)

    async def _call(self, call: str) -> object:
        """Call the recorder's part of the page; None where the page has none, as while it is loaded anew."""
        if self.crashed:
            raise BrowserLost
        try:
            done = await self._page(
                "Runtime.evaluate",
                within=_LOOK_S,
                expression=f"window[{json.dumps(self._secret)}].{call}",
                awaitPromise=True,
                returnByValue=True,
            )
        except CommandRefused:
            return None
        except BrowserLost:
            if self._devtools.lost:
                raise
            return None  # busy: whoever asks knows how long that may last
        result = done.get("result")
        return result.get("value") if isinstance(result, dict) and "exceptionDetails" not in done else None
