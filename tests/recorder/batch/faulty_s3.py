"""An S3 server of one process, and a proxy before it that breaks requests as networks and stores do."""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from unittest.mock import patch

import fsspec
import pytest

__all__ = ["Fault", "FaultyS3", "Request", "faulty_s3"]

BUCKET: Final = "calls-of-laura"
_READ_TIMEOUT_S: Final = 1
_IMPATIENT: Final = {
    "connect_timeout": 1,
    "read_timeout": _READ_TIMEOUT_S,
    "retries": {"total_max_attempts": 1},
}
_SKIPPED: Final = ("transfer-encoding", "content-length", "connection", "expect")


class Fault(StrEnum):
    """What happens to a request."""

    BUSY = "503"
    SILENT = "no answer"
    RESET = "closed without an answer"
    CUT = "half of the body, then closed"
    SHORT = "half of the body, and a length that says so"
    LOST = "done, but the answer is lost"
    HALF_SENT = "closed when half of the body has come"


@dataclass(frozen=True, slots=True)
class Request:
    """What a fault is chosen by; `number` counts requests of the same method and path."""

    method: str
    path: str
    number: int

    @property
    def is_data(self) -> bool:
        """Whether it reads an object."""
        return self.method == "GET" and "?" not in self.path


@dataclass
class FaultyS3:
    """The server's address through the proxy, and the faults.

    Attributes:
        choose: says what happens to a request; None lets it through.
        seen: how often each fault was injected.
        requests: all requests, as method and path.
    """

    endpoint: str = ""
    choose: Callable[[Request], Fault | None] = lambda _request: None
    seen: Counter[Fault] = field(default_factory=Counter)
    requests: list[tuple[str, str]] = field(default_factory=list)
    numbers: Counter[tuple[str, str]] = field(default_factory=Counter)
    upstream: tuple[str, int] = ("", 0)

    def heal(self) -> None:
        """Let everything through again, and forget."""
        self.choose = lambda _request: None
        self.seen.clear()
        self.requests.clear()
        self.numbers.clear()

    @property
    def fs(self) -> Any:
        """A file system that goes to the server past the proxy."""
        return fsspec.filesystem(
            "s3", endpoint_url="http://{}:{}".format(*self.upstream), use_listings_cache=False
        )

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to reach the proxy as its S3."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "AKIA-PLANTED-KEY",
            "AWS_SECRET_ACCESS_KEY": "planted-secret-of-the-store",
            "AWS_DEFAULT_REGION": "us-east-1",
            "FSSPEC_S3": json.dumps({"config_kwargs": _IMPATIENT}),
        }


class _Handler(BaseHTTPRequestHandler):
    """Forwards, or does what the fault says."""

    protocol_version = "HTTP/1.1"
    s3: FaultyS3

    def log_message(self, *_arguments: object) -> None:
        return

    def _serve(self) -> None:
        key = self.command, self.path
        self.s3.numbers[key] += 1
        self.s3.requests.append(key)
        fault = self.s3.choose(Request(self.command, self.path, self.s3.numbers[key]))
        if fault is not None:
            self.s3.seen[fault] += 1
        length = int(self.headers.get("Content-Length") or 0)
        if fault is Fault.HALF_SENT:
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        body = self._chunks() if self.headers.get("Transfer-Encoding") else self.rfile.read(length)
        match fault:
            case Fault.BUSY:
                self._answer(503, {}, b"<Error><Code>SlowDown</Code></Error>")
            case Fault.SILENT:
                time.sleep(_READ_TIMEOUT_S + 0.5)
                self.close_connection = True
            case Fault.RESET:
                self.close_connection = True
            case _:
                self._forward(body, fault)

    def _chunks(self) -> bytes:
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _forward(self, body: bytes, fault: Fault | None) -> None:
        upstream = http.client.HTTPConnection(*self.s3.upstream, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _SKIPPED}
        upstream.request(self.command, self.path, body, {**headers, "Content-Length": str(len(body))})
        answer = upstream.getresponse()
        data = answer.read()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in _SKIPPED}
        if self.command == "HEAD":
            kept["Content-Length"] = answer.getheader("Content-Length") or "0"
        upstream.close()
        if fault is Fault.LOST:
            self.close_connection = True
        else:
            self._answer(answer.status, kept, data, fault=fault)

    def _answer(
        self, status: int, headers: dict[str, str], data: bytes, *, fault: Fault | None = None
    ) -> None:
        sent = data[: len(data) // 2] if fault in (Fault.CUT, Fault.SHORT) else data
        declared = len(sent) if fault is Fault.SHORT else len(data)
        self.send_response_only(status)
        for name, value in {"Content-Length": str(declared), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)
        if fault is Fault.CUT:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815


@contextmanager
def faulty_s3() -> Iterator[FaultyS3]:
    """Run the server and the proxy, set the environment, and make the bucket."""
    moto = pytest.importorskip("moto.server", reason="the S3 server of the tests is not installed")
    pytest.importorskip("s3fs")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    s3 = FaultyS3(upstream=server.get_host_and_port())
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"s3": s3}))
    proxy.daemon_threads = True
    s3.endpoint = f"http://127.0.0.1:{proxy.server_port}"
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    with patch.dict(os.environ, s3.environment), patch.dict(fsspec.config.conf):
        fsspec.config.set_conf_env(fsspec.config.conf, s3.environment)
        fsspec.filesystem("s3").clear_instance_cache()
        reset = http.client.HTTPConnection(*s3.upstream, timeout=30)
        reset.request("POST", "/moto-api/reset")  # the server's objects live as long as this process
        reset.getresponse().read()
        s3.fs.mkdir(BUCKET)
        try:
            yield s3
        finally:
            fsspec.filesystem("s3").clear_instance_cache()
            proxy.shutdown()
            server.stop()
