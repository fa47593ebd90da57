"""`/healthz` and `/metrics` of a server that takes calls: what they answer, and to whom."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from recorder.call.http.http_server import refusal
from recorder.call.http.tokens import Tokens, bearer
from recorder.call.http.whip import unauthorised
from recorder.operations.metrics import CONTENT_TYPE, CallMetrics

__all__ = ["OperationsRoutes"]

_HEALTHY: Final = "ok\n"


class OperationsRoutes:
    """Answers a monitoring system beside the pushes, on the same port and under the same TLS.

    `GET /healthz` answers everybody who reaches the server, with one word. `GET /metrics` answers a bearer token that
    has `metrics = true` in the token file; such a token opens nothing else, and no other token opens this.

    Args:
        metrics: of the call.
        tokens: who may read them.
    """

    def __init__(self, metrics: CallMetrics, tokens: Tokens) -> None:
        self._metrics = metrics
        self._tokens = tokens

    def attach(self, application: web.Application) -> None:
        """Add the routes."""
        application.router.add_get("/healthz", self._health)
        application.router.add_get("/metrics", self._figures)

    async def _health(self, _request: web.Request) -> web.Response:
        if not self._metrics.healthy:
            return refusal(503, "stalled")
        return web.Response(text=_HEALTHY)

    async def _figures(self, request: web.Request) -> web.Response:
        grant = self._tokens.find(bearer(request.headers.get("Authorization")))
        if grant is None:
            return unauthorised()
        if not grant.metrics:
            return refusal(403, "This token does not read metrics.")
        return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})
