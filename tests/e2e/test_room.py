"""The built-in room with a real browser: the page's buttons decide what is received."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent.state import ConsentBook
from recorder.call.room.source import RoomSource
from recorder.call.source import Answer, LiveKind
from redaction.policy import Policy
from samples.room_client import Guest
from tests.e2e.browser import CHROMIUM, browser, write_camera, write_microphone
from tests.recorder.call.observing import Obedient, running, sounds_like, tone

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
TEXTS = NoticeTexts.of(Policy())
MARKUP = '<img src=x onerror="document.title=1">\u202e'


def test_a_browser_in_the_room(tmp_path: Path) -> None:
    """Nothing is sent before yes; then it has the right owner; no and erase end it; names are shown as text."""

    async def test() -> None:
        source = RoomSource(TEXTS, spoken=tone(300))
        session = Obedient(ConsentBook(Policy().consent, TEXTS))
        camera = write_camera(tmp_path / "camera.mjpeg", 90)
        microphone = write_microphone(tmp_path / "microphone.wav", 550)
        async with running(source, session):
            url = await source.url()
            async with (
                Guest(
                    url, MARKUP, video=[np.full((96, 128, 3), 210, np.uint8)], audio=tone(900), fps=10
                ) as other,
                browser(url, tmp_path / "profile", camera=camera, microphone=microphone) as page,
            ):
                await other.answer(Answer.YES)
                await other.send()
                await page.until("document.getElementById('what').innerText.includes('90 days')")
                assert "No answer means no" in await page.text("notice")
                assert "under 18" in await page.text("notice")
                await page.type("name", "Berta <i>")
                await page.click("join")
                await page.until("document.getElementById('people').children.length === 3")
                people = await page.text("people")
                assert "Recorder bot (recording)" in people
                assert '<img src=x onerror="document.title=1">' in people
                assert "Berta <i> (you)" in people
                me = session.one("Berta <i>")
                await page.until(f"document.getElementById('lines').innerText.includes({TEXTS.what!r})")
                await asyncio.sleep(0.5)
                assert await page.evaluate("document.getElementById('self').srcObject") is None

                await page.click("yes")
                await session.until(lambda: len(session.heard(me)) > 48_000, 30)
                await session.until(
                    lambda: any(len(v) > 10 for k, v in session.bright.items() if k.participant == me)
                )
                assert "being recorded" in await page.text("standing")
                assert {key.kind for key in session.started if key.participant == me} == {
                    LiveKind.CAMERA,
                    LiveKind.MICROPHONE,
                }
                for who, hertz, grey in ((me, 550, 90), (other.id, 900, 210)):
                    assert sounds_like(session.heard(who), hertz)
                    bright = [
                        v for k, values in session.bright.items() if k.participant == who for v in values
                    ]
                    assert abs(np.median(bright) - grey) < 12

                await page.click("no")
                await session.until(lambda: me not in session.wanted)
                assert me not in session.stored
                amount = session.amount(me)
                await asyncio.sleep(0.7)
                assert session.amount(me) == amount
                await page.until("document.getElementById('self').srcObject === null")
                assert "not recorded" in await page.text("standing")

                await page.type("text", "/record yes")
                await page.click("send")
                await session.until(lambda: session.amount(me) > amount + 20, 30)
                await page.click("erase")
                await session.until(lambda: me not in session.stored)

                await page.type("name", "Berta B")
                await page.click("rename")
                await session.until(lambda: session.names[me] == "Berta B")
                await page.click("leave")
                await session.until(lambda: me not in session.here)
                assert await page.evaluate("document.title") == "Test call (recorded)"
                heard = (
                    "performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname)"
                )
                assert "/notice.wav" in await page.evaluate(heard)
                assert page.complaints == []

    async def within() -> None:
        async with asyncio.timeout(150):
            await test()

    asyncio.run(within())
