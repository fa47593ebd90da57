"""The page of the built-in room: from its own server alone, without inline code."""

from __future__ import annotations

import re
from importlib.resources import files
from urllib.parse import urljoin

import aiohttp

from tests.recorder.call.room.guests import open_room, run


def test_the_page_needs_nothing_from_elsewhere() -> None:
    """Page, script and style come from this server alone, hold no inline code, and the policy forbids the rest."""

    async def test() -> None:
        async with open_room() as (_, _, url), aiohttp.ClientSession() as http:
            for path, kind in (
                ("/", "text/html"),
                ("/room.js", "text/javascript"),
                ("/room.css", "text/css"),
            ):
                async with http.get(urljoin(url, path)) as answer:
                    assert answer.status == 200
                    assert answer.content_type == kind
                    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
                    text = await answer.text()
                    assert "http://" not in text
                    assert "https://" not in text
                    assert "innerHTML" not in text
            async with http.get(urljoin(url, "/notice")) as answer:
                notice = await answer.json()
                assert "90 days" in notice["what"]
                assert "under 18" in notice["young"]
                assert notice["spoken"] is False
            async with http.get(urljoin(url, "/notice.wav")) as answer:
                assert answer.status == 404
            async with http.get(urljoin(url, "/..%2froom.py")) as answer:
                assert answer.status == 404

    run(test)


def test_the_page_has_no_inline_code() -> None:
    """The page would work under its own content policy: no inline script, style or handler."""
    html = files("recorder.call.room").joinpath("page", "index.html").read_text("utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)", html) == []
    assert "<style" not in html
    assert re.findall(r"\son\w+=|\sstyle=", html) == []
