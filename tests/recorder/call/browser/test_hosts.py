"""Which hosts a browser may reach."""

from __future__ import annotations

import pytest

from recorder.call.browser.hosts import AllowedHosts, host_of
from redaction.errors import UsageError


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://meet.example.org/room?x=1#y", "meet.example.org"),
        ("https://MEET.example.org:8443/", "meet.example.org"),
        ("http://127.0.0.1:8080/", "127.0.0.1"),
        ("http://localhost/", "localhost"),
        ("http://[::1]:9/", "::1"),
    ],
)
def test_a_meeting_is_https_or_within_this_machine(url: str, host: str) -> None:
    """The host of an address that a browser may open."""
    assert host_of(url) == host


@pytest.mark.parametrize(
    "url",
    ["http://meet.example.org/", "file:///etc/passwd", "https://", "javascript:alert(1)", "https://a:b@c.org/",
     "https://x:99999/", "http://127.0.0.1.example.org/", "ftp://example.org/", "chrome://settings"],
)  # fmt: skip
def test_other_addresses_are_refused(url: str) -> None:
    """Plain HTTP beyond this machine, files, scripts and addresses with a password are wrong use."""
    with pytest.raises(UsageError):
        host_of(url)


def test_only_the_meetings_own_hosts_are_asked() -> None:
    """A name that only looks like an allowed one is not allowed; what goes nowhere is."""
    hosts = AllowedHosts(["meet.example.org", "*.cdn.example", "10.0.0.7"])
    for url in (
        "https://meet.example.org/a",
        "wss://MEET.example.org:444/s",
        "https://a.b.cdn.example/x",
        "https://10.0.0.7/",
        "data:text/plain,x",
        "blob:https://meet.example.org/1",
        "about:blank",
    ):
        assert hosts.allow(url), url
    for url in (
        "https://example.org/",
        "https://evilcdn.example/",
        "https://cdn.example.evil.org/",
        "https://meet.example.org.evil.org/",
        "https://meet.example.org@evil.org/",
        "https://10.0.0.70/",
        "https://[::1",
        "",
    ):
        assert not hosts.allow(url), url


@pytest.mark.parametrize("host", ["", "*", "*.*", "a b", "a,EXCLUDE *", "x/y", "-a.org", "a" * 300, "a..b"])
def test_a_host_cannot_widen_the_rules(host: str) -> None:
    """What is no host never gets into the rules of the browser's resolver."""
    with pytest.raises(UsageError):
        AllowedHosts([host])


def test_the_rules_name_what_is_found() -> None:
    """Everything else is not found."""
    rules = AllowedHosts(["a.org", "A.org.", "::1"]).rules
    assert rules == "MAP * ~NOTFOUND, EXCLUDE a.org, EXCLUDE [::1]"
