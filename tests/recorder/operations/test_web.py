"""`/healthz` and `/metrics` answer on the port of the pushes and weaken nothing: figures need a token of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from recorder.call.http.tokens import Grant, Tokens
from recorder.call.http.whip_source import serve_source
from recorder.live.capture.status import CallStatus
from recorder.operations.metrics import CallMetrics
from recorder.operations.web import OperationsRoutes
from tests.recorder.call.observing import Watcher, running

PUSHER, READER = "secret-of-the-pusher", "secret-of-the-reader"
TOKENS = Tokens([(PUSHER, Grant("a", "Ada Example", True)), (READER, Grant("m", metrics=True))])


class Clock:
    """Time by hand."""

    now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@asynccontextmanager
async def serving(metrics: CallMetrics) -> AsyncIterator[tuple[str, aiohttp.ClientSession, Watcher]]:
    """Serve, and give the base URL, a client, and what the call's observer sees."""
    watcher = Watcher()
    source = serve_source(TOKENS, extend=OperationsRoutes(metrics, TOKENS).attach)
    async with running(source, watcher), aiohttp.ClientSession() as http:
        yield (await source.url()).removesuffix("/whip"), http, watcher


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test within a minute."""

    async def within() -> None:
        async with asyncio.timeout(60):
            await test()

    asyncio.run(within())


def auth(secret: str) -> dict[str, str]:
    """Return the header of a token."""
    return {"Authorization": f"Bearer {secret}"}


def test_health_is_one_word() -> None:
    """Everybody who reaches the server learns that it is well, or that it stalls, and nothing more."""

    async def test() -> None:
        clock = Clock()
        metrics = CallMetrics(clock=clock)
        async with serving(metrics) as (url, http, _):
            metrics.show(CallStatus(seconds=1.0))
            async with http.get(url + "/healthz") as answer:
                assert (answer.status, await answer.text()) == (200, "ok\n")
                assert answer.headers["Cache-Control"] == "no-store"
            clock.now += 60
            async with http.get(url + "/healthz") as answer:
                assert (answer.status, await answer.text()) == (503, "stalled\n")

    run(test)


def test_figures_need_a_token_that_reads_them() -> None:
    """Without a token 401, with one that pushes 403, with one that reads the text; it holds no name and no token."""

    async def test() -> None:
        async with serving(CallMetrics()) as (url, http, _):
            for headers, status in (({}, 401), (auth("another-long-secret"), 401), (auth(PUSHER), 403)):
                async with http.get(url + "/metrics", headers=headers) as answer:
                    assert answer.status == status
                    assert "offrecord_" not in await answer.text()
            async with http.get(url + "/metrics", headers=auth(READER)) as answer:
                text = await answer.text()
                assert answer.status == 200
                assert answer.content_type == "text/plain"
                assert "offrecord_sessions 0.0" in text
                for secret in (PUSHER, READER, "Ada"):
                    assert secret not in text

    run(test)


@pytest.mark.parametrize("path", ["/whip", "/whip/Ada", "/session/x/consent"])
def test_a_token_that_reads_may_not_push(path: str) -> None:
    """A reader's token is to the pushes as no token at all."""

    async def test() -> None:
        async with serving(CallMetrics()) as (url, http, watcher):
            headers = {**auth(READER), "Content-Type": "application/sdp"}
            async with http.post(url + path, data=b"yes", headers=headers) as answer:
                assert answer.status == 401
            async with http.delete(url + "/session/x", headers=auth(READER)) as answer:
                assert answer.status == 401
            assert not watcher.here

    run(test)


def test_only_get_is_answered() -> None:
    """Nothing can be posted to either address."""

    async def test() -> None:
        async with serving(CallMetrics()) as (url, http, _):
            for path in ("/healthz", "/metrics"):
                async with http.post(url + path, data=b"x" * 1000, headers=auth(READER)) as answer:
                    assert answer.status == 405

    run(test)
