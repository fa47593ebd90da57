"""The web server of `serve --zoom`: webhooks start meetings, participants answer for themselves alone."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent_page.links import ConsentLinks
from recorder.call.consent_page.pages import ConsentPages
from recorder.call.http.http_server import Address, listening
from recorder.call.source import Answer
from recorder.call.zoom.endpoint import zoom_application
from recorder.call.zoom.meetings import MeetingJob, MeetingOutcome, ZoomMeetings
from recorder.call.zoom.webhook import Announcement, ZoomWebhook
from redaction.policy import Policy
from tests.paths import ROOT
from tests.recorder.call.contract import run
from tests.recorder.call.observed import until
from tests.recorder.call.zoom.test_webhook import SECRET, STARTED, signed

KEY = "a-host-key-of-the-tests"
JSON = {"Content-Type": "application/json"}
_STAMPS = itertools.count(1_732_313_171_881)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake processes find the tests."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@dataclass
class _Served:
    http: aiohttp.ClientSession
    url: str
    folder: Path
    meetings: ZoomMeetings
    links: ConsentLinks
    ended: list[MeetingOutcome]

    async def webhook(
        self, data: object, *, secret: str = SECRET, headers: dict[str, str] | None = None
    ) -> int:
        """Deliver a webhook; return the answer's status."""
        stamped = {**data, "event_ts": next(_STAMPS)} if isinstance(data, dict) else data
        body = stamped if isinstance(stamped, bytes) else json.dumps(stamped).encode()
        stamp, signature = signed(body, time.time(), secret)
        sent = {**JSON, "x-zm-request-timestamp": stamp, "x-zm-signature": signature, **(headers or {})}
        async with self.http.post(f"{self.url}/zoom", data=body, headers=sent) as answer:
            return answer.status

    def started(self, stream: str, meeting: str = "m") -> dict[str, Any]:
        """Return the announcement of a meeting."""
        payload = {"meeting_uuid": meeting, "rtms_stream_id": stream, "server_urls": "wss://a.zoom.us"}
        return {"event": "meeting.rtms_started", "payload": payload}

    def heard(self, stream: str) -> list[dict[str, Any]]:
        """Return what a meeting's process was told."""
        path = self.folder / f"{stream}.lines"
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []

    async def page(self, path: str, **more: Any) -> tuple[int, str]:
        """Return status and text of a page."""
        async with self.http.get(self.url + path, **more) as answer:
            return answer.status, await answer.text()

    async def answer(
        self, code: str, word: str, *, http: aiohttp.ClientSession | None = None, **more: Any
    ) -> int:
        """Press a button; return the status."""
        post = (http or self.http).post(
            f"{self.url}/consent/{code}", data={"answer": word}, allow_redirects=False, **more
        )
        async with post as answer:
            return answer.status


@asynccontextmanager
async def served(folder: Path, *, most: int = 2, port: int = 0) -> AsyncIterator[_Served]:
    """Serve with fakes of the processes that would record."""
    ended: list[MeetingOutcome] = []
    links = ConsentLinks()

    def job(said: Announcement) -> MeetingJob:
        return MeetingJob(
            meeting=said.meeting, stream=said.stream, urls=said.urls, client_id="c", client_secret="marker-secret",
            folder=str(folder), policy=Policy().model_dump(mode="json"), hosts=("zoom.us",),
        )  # fmt: skip

    module = "tests.recorder.call.zoom.fake_meeting"
    async with asyncio.TaskGroup() as group:
        meetings = ZoomMeetings(group, job, most=most, links=links, module=module, ended=ended.append)
        address = Address(port=port)
        public = f"http://127.0.0.1:{port}" if port else "http://127.0.0.1"
        pages = ConsentPages(
            links,
            NoticeTexts.of(Policy()),
            public_url=public,
            host_key=KEY,
            answered=meetings.answered,
        )
        application = zoom_application(ZoomWebhook(SECRET), address, announce=meetings.announce, pages=pages)
        async with (
            listening(application, address) as url,
            aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
        ):
            yield _Served(http, url, folder, meetings, links, ended)
            await meetings.close()


def code_of(page: str, name: str) -> str:
    """Return the code of somebody on the host's page."""
    found = re.search(rf"<td>{re.escape(name)}</td><td><a href=\"[^\"]*/consent/([\w-]+)\"", page)
    assert found is not None, page
    return found[1]


def test_a_meeting_from_start_to_end(tmp_path: Path) -> None:
    """A start begins a process that gets its secrets by the pipe alone; a stop ends it; both but once."""

    async def go() -> None:
        async with served(tmp_path) as it:
            assert await it.webhook(it.started("s1")) == 204
            assert await it.webhook(it.started("s1")) == 204
            await until(lambda: len(it.heard("s1")) == 2)
            first, move = it.heard("s1")
            assert first["job"]["client_secret"] == "marker-secret"
            assert "marker" not in " ".join(first["argv"])
            assert first["env"] == []
            assert (move["do"], move["urls"]) == ("move", ["wss://a.zoom.us"])
            stop = {"meeting_uuid": "m", "rtms_stream_id": "s1", "stop_reason": 6}
            assert await it.webhook({"event": "meeting.rtms_interrupted", "payload": stop}) == 204
            assert await it.webhook({"event": "meeting.rtms_stopped", "payload": stop}) == 204
            await until(lambda: it.ended)
            assert [line["do"] for line in it.heard("s1")[1:]] == ["move", "move", "stop"]
            assert it.ended[0].bundle == "/x.offrecord"
            assert await it.webhook(it.started("s1")) == 204
            assert it.meetings.going == 0

    run(go)


def test_nothing_is_joined_by_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forged, replayed, large, slow, compressed, of another path, type, method or event: refused, nothing begins."""
    monkeypatch.setattr("recorder.call.http.http_server._BODY_TIMEOUT_S", 0.3)

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"event": '
        await asyncio.sleep(1.0)
        yield b"0}"

    async def go() -> None:
        async with served(tmp_path) as it:
            assert await it.webhook(STARTED, secret="another secret") == 401
            assert await it.webhook(STARTED, headers={"Content-Type": "text/plain"}) == 415
            assert await it.webhook(STARTED, headers={"x-zm-request-timestamp": "1700000000"}) == 401
            assert await it.webhook(b"[" + b" " * 70_000 + b"]") == 413
            assert await it.webhook({"event": "meeting.started", "payload": {}}) == 422
            assert await it.webhook(b"{") == 400
            assert await it.webhook(STARTED, headers={"Content-Encoding": "gzip"}) == 415
            async with it.http.get(f"{it.url}/zoom") as answer:
                assert answer.status == 405
            for path in ("/zoom/", "/", "/zoom/consent", "/../zoom.toml"):
                async with it.http.post(f"{it.url}{path}", data=b"{}", headers=JSON) as answer:
                    assert answer.status == 404, path
            async with it.http.post(f"{it.url}/zoom", data=slowly(), headers=JSON) as answer:
                assert answer.status == 408
            async with it.http.post(f"{it.url}/zoom", headers={**JSON, "Host": "evil.example"}) as answer:
                assert answer.status == 421
            assert await it.page("/healthz") == (200, "ok\n")
            assert it.meetings.going == 0
            assert list(tmp_path.iterdir()) == []
            body, stamp = json.dumps(it.started("s1")).encode(), time.time()
            headers = dict(
                zip(("x-zm-request-timestamp", "x-zm-signature"), signed(body, stamp), strict=True)
            )
            for status in (204, 409):
                async with it.http.post(f"{it.url}/zoom", data=body, headers={**JSON, **headers}) as answer:
                    assert answer.status == status

    run(go)


def test_no_more_meetings_than_the_machine_carries(tmp_path: Path) -> None:
    """One too many is refused with 503 and not begun; when one is over there is room again."""

    async def go() -> None:
        async with served(tmp_path, most=1) as it:
            assert await it.webhook(it.started("s1")) == 204
            assert await it.webhook(it.started("s2")) == 503
            stop = {"meeting_uuid": "m", "rtms_stream_id": "s1", "stop_reason": 6}
            assert await it.webhook({"event": "meeting.rtms_stopped", "payload": stop}) == 204
            await until(lambda: it.ended)
            assert await it.webhook(it.started("s2")) == 204
            await until(lambda: it.heard("s2"))

    run(go)


@pytest.mark.parametrize("mode", ["garbage", "flood", "dies"])
def test_a_process_that_fails(tmp_path: Path, mode: str) -> None:
    """A process that dies or says nonsense costs its own meeting, which is told."""

    async def go() -> None:
        async with served(tmp_path) as it:
            assert await it.webhook(it.started("s1", mode)) == 204
            await until(lambda: it.ended)
            assert it.ended[0].status != 0
            assert not it.ended[0].bundle
            assert it.links.listed() == []
            assert await it.webhook(it.started("s2")) == 204
            await until(lambda: it.heard("s2"))

    run(go)


def test_a_participant_answers_for_themselves(tmp_path: Path) -> None:
    """A link says yes once, for its participant; from another browser it says no, and never yes again."""

    async def go() -> None:
        async with served(tmp_path) as it, aiohttp.ClientSession() as other:
            await it.webhook(it.started("s1"))
            await until(lambda: it.links.listed() and it.links.listed()[0][1])
            status, page = await it.page(f"/host/{KEY}")
            assert status == 200
            assert "<b>" not in page
            ann, ben = code_of(page, "Ann &lt;b&gt;"), code_of(page, "Ben")
            assert ann != ben
            status, page = await it.page(f"/consent/{ann}")
            assert (status, "Ann &lt;b&gt;" in page, "I agree" in page) == (200, True, True)
            assert [line for line in it.heard("s1") if line.get("do") == "answer"] == []
            assert await it.answer(ann, "adult") == 303
            await until(lambda: it.links.find(ann).notes)  # type: ignore[union-attr]
            said = [line for line in it.heard("s1") if line.get("do") == "answer"]
            assert [(line["participant"], line["answer"], line["adult"]) for line in said] == [
                ("7", "yes", True)
            ]
            _, mine = await it.page(f"/consent/{ann}")
            assert "Your receipt is 1234 &lt;i&gt;." in mine
            async with other.get(f"{it.url}/consent/{ann}") as answer:
                theirs = await answer.text()
            assert "receipt" not in theirs
            assert "I agree" not in theirs
            assert await it.answer(ann, "yes", http=other) == 403
            assert await it.answer(ann, "no", http=other) == 303
            assert await it.answer(ann, "erase", http=other) == 303
            assert await it.answer(ann, "yes") == 303
            await until(lambda: len([line for line in it.heard("s1") if line.get("do") == "answer"]) == 4)

    run(go)


def test_somebody_who_presses_on_and_on(tmp_path: Path) -> None:
    """A flood of answers ends no meeting: a yes is limited, every no arrives, and the same one twice counts once."""

    async def go() -> None:
        async with served(tmp_path) as it:
            await it.webhook(it.started("s1"))
            await until(lambda: it.links.listed() and it.links.listed()[0][1])
            _, page = await it.page(f"/host/{KEY}")
            code = code_of(page, "Ben")
            statuses = [await it.answer(code, word) for _ in range(40) for word in ("yes", "no")]
            assert statuses[1::2] == [303] * 40
            assert 429 in statuses[::2]
            await until(lambda: it.heard("s1")[-1].get("answer") == "no")
            link = it.links.find(code)
            assert link is not None
            for _ in range(5000):
                it.meetings.answered(link, Answer.NO, None)
            await until(lambda: it.heard("s1")[-1].get("answer") == "no")
            assert it.ended == []
            assert it.meetings.going == 1

    run(go)


def test_what_is_no_answer(tmp_path: Path) -> None:
    """Wrong codes, words, types and origins are refused and change nothing; the host's page has a key."""

    async def go() -> None:
        async with served(tmp_path) as it:
            await it.webhook(it.started("s1"))
            await until(lambda: it.links.listed() and it.links.listed()[0][1])
            _, page = await it.page(f"/host/{KEY}")
            code = code_of(page, "Ben")
            assert await it.answer("x" * 22, "yes") == 404
            assert await it.answer(code, "maybe") == 400
            assert await it.answer(code, "yes", headers={"Origin": "https://evil.example"}) == 403
            for data, kind in [(b'{"answer": "yes"}', "application/json"), (b"answer=yes", "text/plain")]:
                async with it.http.post(
                    f"{it.url}/consent/{code}", data=data, headers={"Content-Type": kind}
                ) as answer:
                    assert answer.status == 415
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            async with it.http.post(f"{it.url}/consent/{code}", data=b"\xff=" * 9, headers=form) as answer:
                assert answer.status == 400
            for path in ("/host/", "/host/wrong", "/host/" + KEY[:-1], "/consent/", "/"):
                assert (await it.page(path))[0] == 404
            assert [line for line in it.heard("s1") if line.get("do") == "answer"] == []

    run(go)


def test_a_host_makes_a_new_link(tmp_path: Path) -> None:
    """A renewed link says yes for the same participant; the old one says no and nothing else."""

    async def go() -> None:
        async with served(tmp_path) as it:
            await it.webhook(it.started("s1"))
            await until(lambda: it.links.listed() and it.links.listed()[0][1])
            _, page = await it.page(f"/host/{KEY}")
            old = code_of(page, "Ben")
            async with it.http.post(
                f"{it.url}/host/{KEY}", data={"renew": old}, allow_redirects=False
            ) as answer:
                assert answer.status == 303
            _, page = await it.page(f"/host/{KEY}")
            new = code_of(page, "Ben")
            assert new != old
            assert await it.answer(old, "yes") == 403
            assert await it.answer(old, "no") == 303
            assert await it.answer(new, "yes") == 303
            async with it.http.post(f"{it.url}/host/wrong", data={"renew": new}) as answer:
                assert answer.status == 404
            await until(lambda: len([line for line in it.heard("s1") if line.get("do") == "answer"]) == 2)

    run(go)


def test_pages_are_closed_to_scripts_and_caches(tmp_path: Path) -> None:
    """No script, frame, cache or foreign form may come near the pages; the cookie is for them alone."""

    async def go() -> None:
        async with served(tmp_path) as it:
            await it.webhook(it.started("s1"))
            await until(lambda: it.links.listed() and it.links.listed()[0][1])
            _, page = await it.page(f"/host/{KEY}")
            code = code_of(page, "Ben")
            async with it.http.get(f"{it.url}/consent/{code}") as answer:
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "script" not in policy
                assert "frame-ancestors 'none'" in policy
                assert answer.headers["Cache-Control"] == "no-store"
                assert answer.headers["Referrer-Policy"] == "same-origin"
                assert "<script" not in await answer.text()
            async with it.http.post(
                f"{it.url}/consent/{code}", data={"answer": "yes"}, allow_redirects=False
            ) as answer:
                cookie = answer.headers["Set-Cookie"]
            assert f"Path=/consent/{code}" in cookie
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
            assert (await it.page("/consent.css"))[0] == 200

    run(go)


def test_links_are_bounded_and_end_with_the_meeting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many participants those who are gone make way; after the meeting no code leads anywhere."""
    monkeypatch.setattr("recorder.call.consent_page.links.MOST_LINKS", 3)
    links = ConsentLinks()
    links.present("m", [("1", "Nobody")])
    assert links.listed() == []
    links.begin("m")
    links.present("m", [("1", "A"), ("2", "B")])
    codes = {link.participant: link.code for link in links.listed()[0][1]}
    links.present("m", [("2", "B"), ("3", "C")])
    assert links.find(codes["1"]) is not None
    links.present("m", [("2", "B"), ("3", "C"), ("4", "D")])
    assert links.find(codes["1"]) is None
    assert links.find(codes["2"]) is not None
    links.note("m", "2", "x" * 5000)
    for _ in range(20):
        links.note("m", "2", "y")
    found = links.find(codes["2"])
    assert found is not None
    assert len(found.notes) == 8
    links.end("m")
    assert links.find(codes["2"]) is None
    assert links.renew(codes["2"]) is None
