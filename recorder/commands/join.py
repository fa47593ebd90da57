"""`offrecord join`: a bot joins a call, and only the redacted call is stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from recorder.commands.display.call import call_view
from recorder.commands.display.progress import ProgressMode, watched
from recorder.commands.options import load_policy, log_options, output_option
from recorder.operations.call import LoggedCall, Views, logged_call
from recorder.operations.log import OperationalLog
from recorder.runtime.terminal import echo, echo_json
from redaction.errors import ExitCode, UsageError
from redaction.policy import Policy

if TYPE_CHECKING:
    from recorder.call.consent.notice import NoticeTexts
    from recorder.call.source import CallSource
    from recorder.live.capture.record import Recorded
    from recorder.live.capture.status import CallView
    from redaction.model import Samples

__all__ = [
    "BrowserWay",
    "announce_address",
    "duration",
    "given_duration",
    "join",
    "open_call",
    "print_recorded",
    "run_call",
]

_DURATION: Final = re.compile(r"^(?:(\d{1,3})h)?(?:(\d{1,4})m)?(?:(\d{1,6})s?)?$")
_INVITATION: Final = re.compile(r"^[A-Za-z0-9_-]{16,128}$")
_MOST_LINES: Final = 5
_WAYS: Final = (
    "room://HOST:PORT hosts the built-in room, janus+ws://HOST:PORT/ROOM (or janus+wss) joins a Janus VideoRoom, "
    "whep+https://HOST/PATH (or whep+http) pulls a stream, https://HOST/PATH with --browser opens a meeting's page"
)
_WITH_BROWSER: Final = ("https", "http")


def duration(text: str) -> float:
    """Read a duration such as `90`, `90s`, `15m` or `1h30m` as seconds.

    Raises:
        UsageError: it is none, or nought.
    """
    match = _DURATION.match(text.strip())
    seconds = (
        0
        if match is None
        else sum(int(part or 0) * unit for part, unit in zip(match.groups(), (3600, 60, 1), strict=True))
    )
    if seconds <= 0:
        raise UsageError("A duration is written like 90s, 15m or 1h30m.")
    return float(seconds)


def given_duration(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    """Read an option that is a duration, for click."""
    return None if value is None else duration(value)


@click.command("join")
@click.argument("url")
@output_option
@click.option("--name", help="What participants see; say in it that the call is recorded.")
@click.option(
    "--for", "at_most_s", callback=given_duration, help="Leave after this time, such as 90s, 15m or 1h30m."
)
@click.option(
    "--alone", "alone_s", callback=given_duration, help="Leave when nobody else was there for so long."
)
@click.option(
    "--policy", "policy_file", type=click.Path(path_type=Path), help="Policy file (TOML); see docs/policy.md."
)
@click.option(
    "--roster", multiple=True, help="A name that must be masked wherever it is said; may be repeated."
)
@click.option("--announce", is_flag=True, help="Show a notice as the bot's picture and speak it once.")
@click.option("--pin", envvar="OFFRECORD_PIN", help="The room's PIN (Janus); better given as OFFRECORD_PIN.")
@click.option(
    "--browser", is_flag=True, help="Open the meeting's page in a headless Chromium, and join there."
)
@click.option(
    "--adapter", help="Whose page it is (see docs/joining.md), or a file of yours (.js); for --browser."
)
@click.option(
    "--allow-host",
    "allowed",
    multiple=True,
    help="Another host that the page needs, such as *.example.org; may be repeated; for --browser.",
)
@click.option(
    "--consent-page",
    metavar="URL",
    help="Serve a page on which participants answer; under this address they open it.",
)
@click.option(
    "--consent-listen",
    metavar="HOST:PORT",
    help="Where that page is listened for, by default on 127.0.0.1; --tls-cert is then its certificate.",
)
@click.option(
    "--token", envvar="OFFRECORD_TOKEN", help="A bearer or Janus token; better given as OFFRECORD_TOKEN."
)
@click.option(
    "--tls-cert", type=click.Path(path_type=Path, exists=True), help="Certificate of the built-in room (PEM)."
)
@click.option("--tls-key", type=click.Path(path_type=Path, exists=True), help="Its key (PEM).")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON document on stdout; events as JSON lines on stderr."
)
@click.option("--quiet", is_flag=True, help="Show nothing while the call goes on.")
@log_options
def join(
    url: str,
    folder: Path,
    name: str | None,
    at_most_s: float | None,
    alone_s: float | None,
    policy_file: Path | None,
    roster: tuple[str, ...],
    announce: bool,
    pin: str | None,
    browser: bool,
    adapter: str | None,
    allowed: tuple[str, ...],
    consent_page: str | None,
    consent_listen: str | None,
    token: str | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Join a call as a visible participant and record those who agree.

    \b
    URL says how:
      room://127.0.0.1:8443           hosts the built-in room; open its page in a browser
      room://HOST:8443#INVITATION     the same for others: without TLS and an invitation nobody gets in; left out, one
                                      is made up and printed
      janus+ws://127.0.0.1:8188/1234  joins room 1234 of a Janus VideoRoom (janus+wss:// with TLS)
      whep+https://example.com/path   pulls one stream (whep+http:// without TLS)
      https://example.com/room        with --browser: opens the meeting's page as a participant would

    Nobody is recorded before they said yes; what is stored is redacted before it is written. The bot leaves at --for,
    when alone, when removed, and on Ctrl-C, and then finishes the bundle.

    Example: offrecord join janus+ws://127.0.0.1:8188/1234 -o redacted --for 1h
    """
    policy = load_policy(policy_file, roster)
    changed: dict[str, object] = {
        key: value
        for key, value in {
            "name": name, "at_most_s": at_most_s, "alone_s": alone_s, "announce": announce or None,
        }.items()
        if value is not None
    }  # fmt: skip
    if changed:
        policy = _with_call(policy, changed)
    way_of_browser = BrowserWay(adapter, allowed) if browser else None
    if way_of_browser is None and (adapter is not None or allowed):
        raise UsageError("--adapter and --allow-host are for a page that a browser opens: add --browser.")
    _check_way(url, browser=browser)
    tls = _tls(tls_cert, tls_key)
    source, way = open_call(url, policy=policy, pin=pin, token=token, tls=tls, browser=way_of_browser)
    source = _with_page(source, way, policy, url=consent_page, listen=consent_listen, tls=tls)
    mode = ProgressMode.choose(as_json=as_json, quiet=quiet)
    return run_call(source, way=way, folder=folder, policy=policy, mode=mode, as_json=as_json)


def _with_page(
    source: CallSource,
    way: str,
    policy: Policy,
    *,
    url: str | None,
    listen: str | None,
    tls: tuple[Path, Path] | None,
) -> CallSource:
    """Return the source with a consent page beside it, where one is wanted.

    Raises:
        UsageError: its address cannot be used, or the call has such a page of its own.
    """
    if url is None:
        if listen is not None:
            raise UsageError("--consent-listen says where --consent-page is listened for: give both.")
        return source
    if way == "room":
        raise UsageError("The built-in room's own page asks its participants: leave --consent-page out.")
    from recorder.call.consent.notice import NoticeTexts
    from recorder.call.consent_page.source import ConsentPageAddress, SourceWithPage

    return SourceWithPage(source, NoticeTexts.of(policy), ConsentPageAddress(url, listen=listen, tls=tls))


def _with_call(policy: Policy, changed: dict[str, object]) -> Policy:
    """Return the policy with flags in place of keys, checked like keys."""
    data = policy.model_dump()
    data["call"].update(changed)
    try:
        return Policy.model_validate(data)
    except ValueError:
        raise UsageError(
            "--name, --for or --alone is out of range; see the section call in docs/policy.md."
        ) from None


def _tls(cert: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    if (cert is None) != (key is None):
        raise UsageError("--tls-cert and --tls-key are given together or not at all.")
    return None if cert is None or key is None else (cert, key)


@dataclass(frozen=True, slots=True)
class BrowserWay:
    """How a meeting's page is opened.

    Attributes:
        adapter: whose page it is; None for finding out.
        allowed: hosts that it needs besides its own.
    """

    adapter: str | None = None
    allowed: tuple[str, ...] = ()


def _check_way(url: str, *, browser: bool) -> None:
    scheme = urlsplit(url).scheme
    if browser and scheme not in _WITH_BROWSER:
        raise UsageError("--browser opens an address that begins with https://.")
    if not browser and scheme in _WITH_BROWSER:
        raise UsageError("A meeting's page is joined by a browser: add --browser; see docs/joining.md.")
    if scheme not in ("room", "janus+ws", "janus+wss", "whep+http", "whep+https", *_WITH_BROWSER):
        raise UsageError(f"This call cannot be joined: {_WAYS}. For other systems see the README.")


def open_call(
    untrusted_url: str,
    *,
    policy: Policy,
    pin: str | None = None,
    token: str | None = None,
    tls: tuple[Path, Path] | None = None,
    browser: BrowserWay | None = None,
) -> tuple[CallSource, str]:
    """Return the source of a call and the static name of its way.

    Raises:
        UsageError: the address is of no known kind.
    """
    _check_way(untrusted_url, browser=browser is not None)
    if browser is not None:
        return _browser(untrusted_url, policy, browser), "browser"
    kind = urlsplit(untrusted_url).scheme.partition("+")[0]
    if kind == "room":
        return _room(untrusted_url, policy, tls), "room"
    if kind == "janus":
        from recorder.call.consent.notice import NoticeTexts
        from recorder.call.janus.source import JanusSource

        texts = NoticeTexts.of(policy)
        source = JanusSource(
            untrusted_url,
            name=policy.call.name,
            pin=pin,
            token=token,
            tile=texts.tile,
            spoken=_spoken(policy, texts),
        )
        return source, "janus"
    from recorder.call.http.whep_source import WhepSource

    return WhepSource(untrusted_url, bearer=token), "whep"


def _browser(untrusted_url: str, policy: Policy, way: BrowserWay) -> CallSource:
    from recorder.call.browser.source import BrowserSource
    from recorder.call.consent.notice import NoticeTexts

    texts = NoticeTexts.of(policy)
    return BrowserSource(
        untrusted_url,
        name=policy.call.name,
        adapter=way.adapter,
        allowed=way.allowed,
        tile=texts.tile,
        spoken=_spoken(policy, texts),
    )


def _room(untrusted_url: str, policy: Policy, tls: tuple[Path, Path] | None) -> CallSource:
    from recorder.call.consent.notice import NoticeTexts
    from recorder.call.http.http_server import Address
    from recorder.call.room.source import RoomSource

    texts = NoticeTexts.of(policy)
    try:
        parts = urlsplit(untrusted_url)
        host, port = parts.hostname or "127.0.0.1", parts.port or 0
    except ValueError:
        raise UsageError("The room's address is written like room://127.0.0.1:8443.") from None
    if parts.fragment and not _INVITATION.match(parts.fragment):
        raise UsageError(
            "A room's invitation, behind # in its address, is 16 to 128 letters, digits, hyphens and underscores."
        )
    cert, key = tls or (None, None)
    address = Address(host=host, port=port, certificate=cert, key=key)
    return RoomSource(
        texts,
        address=address,
        name=policy.call.name,
        invitation=parts.fragment,
        spoken=_spoken(policy, texts),
    )


def _spoken(policy: Policy, texts: NoticeTexts) -> Samples | None:
    """Return the notice as speech where the policy asks for it."""
    if not policy.call.announce:
        return None
    from recorder.call.consent.spoken_notice import speak_notice
    from redaction.audio.voice.speak import HibariSynthesizer

    return speak_notice(texts, HibariSynthesizer())


async def announce_address(source: CallSource) -> None:
    """Say on stderr where the built-in room's page or the consent links are, or where to push to."""
    from recorder.call.consent_page.source import SourceWithPage
    from recorder.call.http.whip_source import WhipSource
    from recorder.call.room.source import RoomSource

    if isinstance(source, SourceWithPage):
        echo(f"Consent links for the host: {await source.host_url()}", err=True)
    elif isinstance(source, RoomSource):
        echo(f"The room is open: {await source.url()}", err=True)
    elif isinstance(source, WhipSource):
        echo(f"Push participants to {await source.url()} by WHIP.", err=True)


def run_call(
    source: CallSource,
    *,
    way: str,
    folder: Path,
    policy: Policy,
    mode: ProgressMode,
    as_json: bool,
    observers: Sequence[CallView] = (),
) -> int:
    """Record one call, tell its observers and the operational log of it, and print where it is."""
    from recorder.live.capture.record import record_call

    log = OperationalLog()
    with call_view(mode) as view, logged_call(log, way=way) as told:
        recorded = record_call(
            source,
            way=way,
            folder=folder,
            policy=policy,
            view=Views(view, LoggedCall(log), *observers),
            watch=lambda: watched(mode, number=1, of=1),
            alongside=lambda: announce_address(source),
        )
        told(recorded.published.path.name, recorded.ended, recorded.counts)
    blocked = getattr(source, "blocked", 0)  # of a browser alone
    if blocked:
        echo(f"requests of the page to other hosts, not let through: {blocked}", err=True)
    print_recorded(recorded, as_json=as_json)
    return int(ExitCode.OK)


def print_recorded(recorded: Recorded, *, as_json: bool) -> None:
    """Say where the bundle is and how many stood how."""
    bundle = recorded.published.path
    if as_json:
        document = {
            "bundle": str(bundle),
            "ended": recorded.ended or "left",
            "participants": recorded.counts,
            "attention": list(recorded.published.attention),
        }
        echo_json(document)
        return
    people = ", ".join(f"{count} {standing}" for standing, count in sorted(recorded.counts.items()))
    echo(f"recorded and verified: {bundle}")
    echo(f"  participants: {people}")
    for line in recorded.published.attention[:_MOST_LINES]:
        echo(f"  look at this: {line}")
    echo(f"  report: {bundle / 'report.html'}")
