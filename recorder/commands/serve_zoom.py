"""`offrecord serve --zoom`: webhooks announce Zoom meetings, and each that is announced is recorded."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from recorder.batch.engines.local import free_bytes
from recorder.bundle.contents import models_used
from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent_page.links import ConsentLinks
from recorder.call.consent_page.pages import ConsentPages
from recorder.call.http.http_server import Address, listening
from recorder.call.zoom.config import ZoomConfig
from recorder.call.zoom.endpoint import WEBHOOK_PATH, zoom_application
from recorder.call.zoom.meetings import MeetingJob, MeetingOutcome, ZoomMeetings
from recorder.call.zoom.webhook import Announcement, ZoomWebhook
from recorder.operations.log import LogFormat, LogLevel
from recorder.runtime.terminal import echo, echo_json
from redaction.errors import ExitCode
from redaction.policy import Policy
from redaction.weights import locate

__all__ = ["MEETING_MODULE", "meetings_at_once", "serve_zoom"]

MEETING_MODULE: Final = "recorder.commands.zoom_meeting"
_MEETING_BYTES: Final = 3 << 29
"""What the recording of a meeting takes, 1.5 GiB. Source: docs/zoom.md, Load."""
_CORES_EACH: Final = 2
_MOST_LINES: Final = 5
_NO_FAILURE: Final = frozenset({ExitCode.OK, ExitCode.CONSENT, ExitCode.UNREADABLE})
"""Statuses of single meetings that are no fault of the server: nobody agreed, or Zoom let nobody in."""


def meetings_at_once(cores: int, free: int) -> int:
    """Return how many meetings a machine carries side by side; one at least."""
    return max(1, min(cores // _CORES_EACH, free // _MEETING_BYTES))


def serve_zoom(
    config: ZoomConfig,
    address: Address,
    *,
    folder: Path,
    policy: Policy,
    at_most_s: float | None,
    as_json: bool,
    quiet: bool,
    log_format: LogFormat,
    log_level: LogLevel,
    module: str = MEETING_MODULE,
) -> int:
    """Take webhooks until stopped, record each meeting that is announced, and return the worst of their statuses.

    Args:
        config: of the Zoom app.
        address: where to listen.
        folder: for the bundles.
        policy: of every meeting.
        at_most_s: seconds after which the server stops; None: it stops when told to.
        as_json: one JSON document for each meeting.
        quiet: say nothing on stderr.
        log_format, log_level: of the operational log of each meeting.
        module: what is run for a meeting.

    Raises:
        UsageError: the TLS files cannot be used.
        UnreadableInput: the address cannot be listened on.
        ModelUnavailable: a model file is missing or altered, so no meeting could be recorded.
    """
    for model in models_used(policy, video=True, audio=True, speakers=False, compared=True):
        if model.name != "speech.by_path":
            locate(model.name)
    worst = [ExitCode.OK]

    def ended(outcome: MeetingOutcome) -> None:
        with contextlib.suppress(OSError):  # nobody reads any more: the other meetings go on
            _print_outcome(outcome, as_json=as_json)
        known = outcome.status in {int(code) for code in ExitCode}
        status = ExitCode(outcome.status) if known else ExitCode.INTERNAL
        if worst[0] is ExitCode.OK and status not in _NO_FAILURE:
            worst[0] = status

    def job(said: Announcement) -> MeetingJob:
        return MeetingJob(
            meeting=said.meeting,
            stream=said.stream,
            urls=said.urls,
            client_id=config.client_id,
            client_secret=config.client_secret.get_secret_value(),
            folder=str(folder.resolve()),
            policy=policy.model_dump(mode="json"),
            hosts=config.hosts,
            ca=None if config.ca is None else str(config.ca.resolve()),
            individual=config.video == "individual",
            asks=bool(config.public_url),
            log_format=log_format.value,
            log_level=log_level.value,
        )

    say: Callable[[str], None] = (lambda _: None) if quiet else (lambda line: echo(line, err=True))
    most = config.meetings or meetings_at_once(len(os.sched_getaffinity(0)), free_bytes())
    asyncio.run(
        _serve(
            config,
            address,
            policy,
            job=job,
            ended=ended,
            most=most,
            at_most_s=at_most_s,
            say=say,
            module=module,
        )
    )
    return int(worst[0])


async def _serve(
    config: ZoomConfig,
    address: Address,
    policy: Policy,
    *,
    job: Callable[[Announcement], MeetingJob],
    ended: Callable[[MeetingOutcome], None],
    most: int,
    at_most_s: float | None,
    say: Callable[[str], None],
    module: str,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(RuntimeError, ValueError):  # only the main thread may
            loop.add_signal_handler(number, stop.set)
    links = ConsentLinks()
    key = config.host_key.get_secret_value() if config.host_key is not None else secrets.token_urlsafe(16)
    async with contextlib.AsyncExitStack() as stack:
        group = asyncio.TaskGroup()
        meetings = ZoomMeetings(group, job, most=most, links=links, module=module, ended=ended)
        pages = None
        if config.public_url:
            texts = NoticeTexts.of(policy)
            pages = ConsentPages(
                links, texts, public_url=config.public_url, host_key=key, answered=meetings.answered
            )
        webhook = ZoomWebhook(config.webhook_secret.get_secret_value())
        application = zoom_application(webhook, address, announce=meetings.announce, pages=pages)
        url = await stack.enter_async_context(listening(application, address))
        await stack.enter_async_context(group)
        here = config.public_url.rstrip("/") or url
        say(f"Zoom announces meetings to {here}{WEBHOOK_PATH}; at most {most} are recorded at once.")
        if pages is not None and config.host_key is None:
            say(f"Consent links for hosts: {pages.host_url}")
        elif pages is not None:
            say("Consent links for hosts: at /host/ followed by the host_key.")
        else:
            say("Nobody can be asked, since the Zoom file names no public_url: the policy decides.")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                await stop.wait()
        if meetings.going:
            say("Leaving the meetings; their recordings are being finished.")
        await meetings.close()


def _print_outcome(outcome: MeetingOutcome, *, as_json: bool) -> None:
    """Say how the recording of one meeting ended."""
    if as_json:
        document = {
            "bundle": outcome.bundle or None,
            "ended": outcome.ended or None,
            "participants": outcome.counts,
            "attention": list(outcome.attention),
            "status": outcome.status,
        }
        echo_json(document | ({"error": outcome.sentence} if outcome.sentence else {}))
        return
    if not outcome.bundle:
        echo(f"offrecord: {outcome.sentence}", err=True)
        return
    people = ", ".join(f"{count} {standing}" for standing, count in sorted(outcome.counts.items()))
    echo(f"recorded and verified: {outcome.bundle}")
    echo(f"  participants: {people}")
    for line in outcome.attention[:_MOST_LINES]:
        echo(f"  look at this: {line}")
    echo(f"  report: {Path(outcome.bundle) / 'report.html'}")
