"""One publisher at a time for each bundle of a store, without a lock that a dead process could keep."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from recorder.batch.stores.remote import AlreadyThere, Remote
from redaction.errors import OffrecordError, StorageFailed, UnreadableInput

__all__ = ["Claim", "claimed_name"]

LEASE_S: Final = 60.0
_MOST_BYTES: Final = 1024
_TOKEN_BYTES: Final = 16
_TOKEN: Final = re.compile(rb"[0-9a-f]{32}")


class Claim:
    """An object that says who publishes a bundle, and a second one that says that its publisher lives.

    The claim is created exclusively (`If-None-Match`), so one of two publishers gets it, and is never written again.
    The sign of life bears the holder's own token in its name, so that no renewal, however late, can touch what another
    one took over meanwhile. A claim whose sign of life stayed the same for a lease, by this process's own clock,
    belongs to a process that died and is taken over, in one step that fails when another publisher was there before
    (`If-Match`); at once if that was on this machine, where it can be looked up. Where a store cannot create or replace
    on a condition, two publishers may both believe to have it, until they `check`.

    Args:
        remote: the store.
        path: of the object.
        lease_s: how long a publisher may be silent.
        wait: let another one's claim end or lapse; without it, it is an error at once.

    Raises:
        StorageFailed: another process is publishing the bundle, or the store fails.
    """

    def __init__(self, remote: Remote, path: str, *, lease_s: float = LEASE_S, wait: bool = True) -> None:
        self._remote = remote
        self._path = path
        self._lease_s = lease_s
        self._wait = wait
        self._token = secrets.token_hex(_TOKEN_BYTES).encode()
        self._signature = b"%s %s %d %s" % (self._token, _machine(), os.getpid(), _began(os.getpid()))
        self._seen_mine = float("-inf")
        self._over = threading.Event()
        self._renewer = threading.Thread(target=self._renew, name="claim", daemon=True)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 2 * self._lease_s
        other, since = (b"", b""), time.monotonic()
        while not self._created():
            holder, now = self._holder(), time.monotonic()
            heard = holder, self._sign(holder)
            if heard != other:
                other, since = heard, now
            if _is_dead(holder) or now - since > self._lease_s:
                if self._took_over(holder):
                    break
                other, since = (b"", b""), now
                continue
            if now > deadline or not self._wait:
                raise StorageFailed(
                    "Another job is publishing this bundle. Nothing was published by this one."
                )
            time.sleep(self._lease_s / 20)
        self._renewer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._renewer.join()
        try:
            if self._mine():
                self._remove(self._signature)
            else:
                self._remote.remove(_life(self._path, self._signature))
        except OffrecordError:
            return  # it lapses by itself, and a sweep finds the rest

    def check(self, *, lately: bool = False) -> None:
        """Make sure that the bundle is still this process's to publish.

        Args:
            lately: that it was so a short while ago, within which nobody could take it over, is enough.

        Raises:
            StorageFailed: another process took it over, since this one was not heard of for too long.
        """
        if lately and time.monotonic() - self._seen_mine < self._lease_s / 2:
            return
        if not self._mine():
            raise StorageFailed("Another job took this bundle over. Nothing was published by this one.")

    def _created(self) -> bool:
        try:
            self._remote.write(self._path, self._signature, exclusive=True)
        except AlreadyThere:
            return self._mine()  # an answer that got lost on its way
        return self._mine()

    def _took_over(self, holder: bytes) -> bool:
        """Put this claim in the place of a dead one; tell whether it stands there, not one of who was faster."""
        try:
            version = self._remote.version(self._path)
            if self._holder() != holder:
                return False
            if version:
                self._remote.replace(self._path, self._signature, version=version)
            else:
                self._remove(holder)
                return False  # to be created by whoever is first
        except (AlreadyThere, UnreadableInput):
            return self._mine()  # an answer may have got lost on its way
        if _token(holder):
            self._remote.remove(_life(self._path, holder))
        return self._mine()

    def _mine(self) -> bool:
        asked = time.monotonic()
        mine = self._holder() == self._signature
        if mine:
            self._seen_mine = asked
        return mine

    def _holder(self) -> bytes:
        return self._read(self._path)

    def _sign(self, holder: bytes) -> bytes:
        return self._read(_life(self._path, holder)) if _token(holder) else b""

    def _read(self, path: str) -> bytes:
        try:
            return self._remote.read(path, most=_MOST_BYTES)
        except UnreadableInput:
            return b""

    def _remove(self, holder: bytes) -> None:
        """Remove a claim and its sign of life, which without a claim means nothing and so goes first."""
        if _token(holder):
            self._remote.remove(_life(self._path, holder))
        self._remote.remove(self._path)

    def _renew(self) -> None:
        count = 0
        while not self._over.wait(self._lease_s / 4):
            count += 1
            try:
                if not self._mine():
                    return
                self._remote.write(_life(self._path, self._signature), b"%d" % count)
            except OffrecordError:
                continue  # the store is out of order; `check` tells before anything becomes visible


def claimed_name(object_name: str) -> str:
    """Return what is claimed by an object below the folder of claims, be it a claim or a sign of life."""
    return object_name.partition(".")[0]


def _token(untrusted_holder: bytes) -> str:
    """Return the token that a claim states; empty where it is none of ours, so that it names no other object."""
    token = untrusted_holder.partition(b" ")[0]
    return token.decode() if _TOKEN.fullmatch(token) else ""


def _life(path: str, holder: bytes) -> str:
    return f"{path}.{_token(holder)}"


def _machine() -> bytes:
    """Return what tells this boot of this machine, and this space of process ids, from others; `-` if unknown."""
    try:
        parts = (
            Path("/proc/sys/kernel/random/boot_id").read_bytes()
            + str(Path("/proc/self/ns/pid").readlink()).encode()
        )
    except OSError:
        return b"-"
    return hashlib.sha256(parts).hexdigest()[:16].encode()


def _began(pid: int) -> bytes:
    """Return when a process began, in ticks since boot; `-` if there is none. Source: proc(5), stat, field 22."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19]
    except (OSError, IndexError):
        return b"-"


def _is_dead(holder: bytes) -> bool:
    """Tell whether a claim's process ran on this machine and is gone."""
    parts = holder.split()
    if len(parts) != 4 or parts[1] != _machine() or parts[1] == b"-" or not parts[2].isdigit():
        return False
    return _began(int(parts[2])) != parts[3]
