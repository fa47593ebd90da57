"""Who may ask the server of a review, and what it refuses unseen."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from recorder.call.http.http_server import LARGEST_BODY, Address, listening
from recorder.review.desk import Desk, bundles_in
from recorder.review.server import ReviewServer, new_secret
from recorder.review.session import Choices
from tests.e2e.reviewed import blind
from tests.recorder.bundle.bundles import published_file


def asked(bundle: Path, questions: Callable[[str, str, aiohttp.ClientSession], Awaitable[None]]) -> None:
    """Serve one bundle, and put questions to the server; they are given its base address and its secret."""

    async def go() -> None:
        secret = new_secret()
        desk = Desk(bundles_in(bundle), Choices(stages_of=lambda _policy: blind()))
        address = Address()
        try:
            async with (
                listening(ReviewServer(desk, secret=secret).application(address), address) as url,
                aiohttp.ClientSession() as http,
            ):
                await questions(url, secret, http)
        finally:
            await asyncio.to_thread(desk.close)

    asyncio.run(go())


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A published file."""
    return published_file(tmp_path).path


def test_no_secret_no_answer(bundle: Path) -> None:
    """Without the secret, or with another, every address is the same 404, which tells nothing."""

    async def questions(url: str, secret: str, http: aiohttp.ClientSession) -> None:
        own = await (await http.get(f"{url}/{secret}/r/0/api/state")).json()
        assert own["name"] == "one"
        for path in (
            "/",
            "/r/0/api/state",
            "/wrong/",
            f"/{secret[:-1]}x/r/0/api/state",
            f"/{secret}x/r/0/",
            "/%00/",
        ):
            answer = await http.get(url + path, allow_redirects=False)
            assert answer.status == 404, path
            assert await answer.text() == "There is nothing here.\n"

    asked(bundle, questions)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ],
)
def test_another_origin_changes_nothing(bundle: Path, headers: dict[str, str]) -> None:
    """What another page sends, or what says no origin, is refused before it is read, with the secret too."""

    async def questions(url: str, secret: str, http: aiohttp.ClientSession) -> None:
        base = f"{url}/{secret}/r/0/api"
        answer = await http.post(f"{base}/sendback", json={}, headers=headers)
        assert answer.status == 403
        assert (await (await http.get(f"{base}/state")).json())["standing"] == "new"
        if headers:
            assert (await http.get(f"{base}/state", headers=headers)).status == 403

    asked(bundle, questions)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1"])
def test_a_host_that_is_not_loopback_is_refused(bundle: Path, host: str) -> None:
    """A name that somebody points at this machine gets no answer."""

    async def questions(url: str, secret: str, http: aiohttp.ClientSession) -> None:
        answer = await http.get(f"{url}/{secret}/r/0/api/state", headers={"Host": host})
        assert answer.status == 421

    asked(bundle, questions)


def test_bodies_are_bounded_and_json(bundle: Path) -> None:
    """Too large, compressed, of another kind, no JSON, or deep beyond reason: refused, and the session lives on."""

    async def questions(url: str, secret: str, http: aiohttp.ClientSession) -> None:
        base, own = f"{url}/{secret}/r/0/api", {"Origin": url}
        js = own | {"Content-Type": "application/json"}

        async def post(data: bytes, headers: dict[str, str]) -> int:
            return (await http.post(f"{base}/mend", data=data, headers=headers)).status

        assert await post(b"{" + b" " * (LARGEST_BODY + 1), js) == 413
        assert await post(b"{}", js | {"Content-Encoding": "gzip"}) == 415
        assert await post(b"a=b", own | {"Content-Type": "application/x-www-form-urlencoded"}) == 415
        assert await post(b"{}", own | {"Content-Type": "text/plain"}) == 415
        for body in (b"", b"[]", b"{", b"\xff", b"[" * 30_000, b'{"mend": {"kind": "cover"}}'):
            assert await post(body, js) == 400, body[:20]
        assert (await http.post(f"{base}/nothing", json={}, headers=own)).status == 404
        assert (await (await http.get(f"{base}/state")).json())["mends"] == []

    asked(bundle, questions)


def test_headers_let_the_page_ask_nobody_else(bundle: Path) -> None:
    """Scripts, media and requests are of this server alone, nothing is cached, no address leaves by the referrer."""

    async def questions(url: str, secret: str, http: aiohttp.ClientSession) -> None:
        for path in ("r/0/", "page/review.js", "r/0/api/state", "r/0/media/recording.mp4"):
            answer = await http.get(f"{url}/{secret}/{path}")
            assert answer.status == 200, path
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "http" not in policy
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"

    asked(bundle, questions)


def test_media_are_those_of_the_manifest(bundle: Path) -> None:
    """A stretch of the recording can be had; no other file can, however it is written."""

    async def questions(url: str, secret: str, http: aiohttp.ClientSession) -> None:
        base = f"{url}/{secret}/r/0/media"
        part = await http.get(f"{base}/recording.mp4", headers={"Range": "bytes=0-99"})
        assert part.status == 206
        assert len(await part.read()) == 100
        for path in (
            "manifest.json",
            "log.jsonl",
            "..%2f..%2fetc%2fpasswd",
            "../one.offrecord/manifest.json",
            "x.mp4",
        ):
            assert (await http.get(f"{base}/{path}")).status in (403, 404), path

    asked(bundle, questions)


def test_a_review_from_the_first_mend_to_the_signature(bundle: Path) -> None:
    """Mends come and go, places are looked at, stretches played; signing makes a version that says so."""

    async def questions(url: str, secret: str, http: aiohttp.ClientSession) -> None:
        base = f"{url}/{secret}/r/0/api"

        async def post(act: str, **data: Any) -> dict[str, Any]:
            answer = await http.post(f"{base}/{act}", json=data, headers={"Origin": url})
            told: dict[str, Any] = await answer.json()
            assert answer.status == 200, told
            return told

        state = await (await http.get(f"{base}/state")).json()
        places = [place["id"] for place in state["places"]]
        assert places
        assert (await post("mend", mend={"kind": "mute", "start": 0, "end": 1}))["standing"] == "work"
        assert len((await post("mend", mend={"kind": "cut", "start": 2, "end": 2.5}))["mends"]) == 2
        assert [mend["kind"] for mend in (await post("undo"))["mends"]] == ["mute"]
        assert (await post("look", place=places[0], verdict="fine"))["looked"] == {places[0]: "fine"}
        assert (await post("played", spans=[[0, 1], [0.5, 2]]))["seen"] == [[0, 2]]
        await post("sign", by="")
        while (job := await (await http.get(f"{base}/job")).json())["running"]:
            await asyncio.sleep(0.05)
        assert job["error"] == ""
        state = await (await http.get(f"{base}/state")).json()
        assert state["standing"] == "signed"
        (entry,) = state["reviews"]
        assert (entry["seen"], entry["looked_at"], entry["changed"]) == (2.0, 1, {"mute": 1})
        assert state["mends"] == []

    asked(bundle, questions)
    notes = json.loads((bundle.parent / ".offrecord-review" / f"{bundle.name}.json").read_text())
    assert notes["standing"] == "signed"


@pytest.mark.parametrize(
    ("act", "data"),
    [
        ("look", {"place": "nowhere", "verdict": "fine"}),
        ("look", {"place": ["x"], "verdict": "fine"}),
        ("look", {"place": "x", "verdict": "bad"}),
        ("played", {"spans": [[2, 1]]}),
        ("played", {"spans": [["a", 1]]}),
        ("played", {"spans": "all"}),
        ("played", {"spans": [[0, 1]] * 201}),
        ("undo", {}),
        ("undo", {"number": -1}),
        ("sign", {"by": "x" * 81}),
        ("sign", {"by": 5}),
    ],
)
def test_nonsense_is_refused_in_a_sentence(bundle: Path, act: str, data: dict[str, Any]) -> None:
    """What the page would never send is refused, and nothing of it is repeated."""

    async def questions(url: str, secret: str, http: aiohttp.ClientSession) -> None:
        answer = await http.post(f"{url}/{secret}/r/0/api/{act}", json=data, headers={"Origin": url})
        assert answer.status == 400
        assert set(await answer.json()) == {"error"}

    asked(bundle, questions)


def test_hints_are_handed_to_our_own_page_alone(tmp_path: Path) -> None:
    """As a file to keep, to nobody of another origin, and not before something is marked."""
    place = tmp_path / f"recording-{'0' * 32}.offrecord"
    published_file(tmp_path).path.rename(place)

    async def questions(url: str, secret: str, http: aiohttp.ClientSession) -> None:
        hints = f"{url}/{secret}/r/0/api/hints"
        assert (await http.get(hints)).status == 400
        marked = await http.post(
            f"{url}/{secret}/r/0/api/giveback",
            json={"mark": {"kind": "word", "text": "<b>Quibble"}},
            headers={"Origin": url},
        )
        assert marked.status == 200, await marked.text()
        answer = await http.get(hints)
        assert answer.headers["Content-Disposition"] == 'attachment; filename="hints.toml"'
        assert answer.headers["Cache-Control"] == "no-store"
        assert '"<b>Quibble"' in await answer.text()
        foreign = await http.get(hints, headers={"Origin": "http://evil.example"})
        assert foreign.status == 403
        assert "Quibble" not in await foreign.text()

    asked(place, questions)
