"""The web server of `offrecord serve --zoom`: the webhook's address, and the consent pages beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from recorder.call.consent_page.pages import ConsentPages
from recorder.call.http.http_server import LARGEST_BODY, Address, known_hosts, read_body, refusal
from recorder.call.zoom.meetings import MeetingsFull
from recorder.call.zoom.webhook import Announcement, Challenge, WebhookRefused, ZoomWebhook

__all__ = ["WEBHOOK_PATH", "zoom_application"]

WEBHOOK_PATH: Final = "/zoom"


def zoom_application(
    webhook: ZoomWebhook,
    address: Address,
    *,
    announce: Callable[[Announcement], Awaitable[None]],
    pages: ConsentPages | None,
) -> web.Application:
    """Return the web application.

    Args:
        webhook: judges what comes.
        address: under whose names it answers.
        announce: takes what was judged to be Zoom's.
        pages: of consent; None where nobody is asked here.
    """

    async def take(request: web.Request) -> web.Response:
        body = await read_body(request)
        header = request.headers.get
        try:
            said = webhook.judge(
                request.headers.get("Content-Type", ""),
                header("x-zm-request-timestamp", ""),
                header("x-zm-signature", ""),
                body,
            )
        except WebhookRefused as refused:
            return refusal(refused.status, refused.sentence)
        if isinstance(said, Challenge):
            return web.json_response(said.answer)
        try:
            await announce(said)
        except MeetingsFull:
            return refusal(503, "So many meetings are recorded as this machine carries.", Retry_After="300")
        return web.Response(status=204)

    async def health(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    application = web.Application(client_max_size=LARGEST_BODY, middlewares=[known_hosts(address)])
    application.router.add_post(WEBHOOK_PATH, take)
    application.router.add_get("/healthz", health)
    if pages is not None:
        pages.attach(application)
    return application
