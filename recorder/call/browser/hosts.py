"""Which hosts the browser may reach: the meeting's own; for every other name and address it finds nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from redaction.errors import UsageError

__all__ = ["AllowedHosts", "host_of"]

_HOST: Final = re.compile(
    r"^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$"
)
_LOCAL: Final = frozenset({"data", "blob", "about", "chrome-error", "javascript"})


def host_of(untrusted_url: str) -> str:
    """Return the host of a meeting's address, which is https, or http within this machine.

    Raises:
        UsageError: it is neither.
    """
    try:
        parts = urlsplit(untrusted_url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError("The meeting's address cannot be read.") from None
    safe = parts.scheme == "https" or (parts.scheme == "http" and _within(host))
    if safe and host and parts.username is None:
        return host
    raise UsageError(
        "A browser joins an address that begins with https://, or with http:// within this machine."
    )


def _within(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class AllowedHosts:
    """The hosts of one meeting.

    Args:
        hosts: names, addresses, or `*.NAME` for every name below one.

    Attributes:
        names: the same, as they are compared.

    Raises:
        UsageError: one of them is none of these.
    """

    def __init__(self, hosts: Iterable[str]) -> None:
        self.names = tuple(dict.fromkeys(_checked(host) for host in hosts))

    @property
    def rules(self) -> str:
        """Return the rules for the browser's resolver: what is not allowed is not found, by name or by number."""
        return ", ".join(["MAP * ~NOTFOUND", *(f"EXCLUDE {host}" for host in self.names)])

    def allow(self, untrusted_url: str) -> bool:
        """Tell whether a page's request goes to an allowed host, or nowhere at all."""
        try:
            parts = urlsplit(untrusted_url)
            host = (parts.hostname or "").rstrip(".")
        except ValueError:
            return False
        if parts.scheme in _LOCAL:
            return True
        return any(host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in self.names)


def _checked(host: str) -> str:
    host = host.strip().lower().rstrip(".")
    try:
        address = ip_address(host.strip("[]"))
        return f"[{address}]" if address.version == 6 else str(address)
    except ValueError:
        pass
    if len(host) > 253 or not _HOST.match(host):
        raise UsageError("An allowed host is a name such as example.org, *.example.org, or an address.")
    return host
