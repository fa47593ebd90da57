"""A claim against a rival that comes at the worst moment, in a store that is only a dictionary."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from recorder.batch.stores.lease import Claim
from recorder.batch.stores.remote import AlreadyThere, Remote
from redaction.errors import StorageFailed, UnreadableInput

PATH = "bucket/claims/recording-1"


class FakeRemote:
    """Stands in for a store: objects in a dictionary, and a hook before each object that is written."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.before_write: Callable[[str], None] = lambda _path: None
        self._lock = threading.Lock()

    def read(self, path: str, *, most: int) -> bytes:
        """Return an object."""
        with self._lock:
            if path not in self.objects:
                raise UnreadableInput("It is not there.")
            return self.objects[path][:most]

    def write(self, path: str, data: bytes, *, exclusive: bool = False) -> None:
        """Store an object."""
        self.before_write(path)
        with self._lock:
            if exclusive and path in self.objects:
                raise AlreadyThere
            self.objects[path] = data

    def remove(self, path: str) -> None:
        """Delete an object."""
        with self._lock:
            self.objects.pop(path, None)


def _claim(remote: FakeRemote, **named: Any) -> Claim:
    return Claim(cast("Remote", remote), PATH, **named)


def test_a_rival_that_takes_over_between_check_and_renewal() -> None:
    """A holder that was silent for a lease and comes back in mid-renewal overwrites nothing of who took it over."""
    remote = FakeRemote()
    renewing, go_on = threading.Event(), threading.Event()
    holder = _claim(remote, lease_s=0.4)

    def stand_still(path: str) -> None:
        if threading.current_thread().name == "claim" and not renewing.is_set():
            renewing.set()
            go_on.wait(10)

    with holder:
        remote.before_write = stand_still
        assert renewing.wait(10), "it checked, and is about to renew"
        with _claim(remote, lease_s=0.4) as rival:
            taken = remote.objects[PATH]
            go_on.set()
            until = time.monotonic() + 10
            while len(remote.objects) < 3 and time.monotonic() < until:
                time.sleep(0.01)
            assert len(remote.objects) == 3, "the claim, and a sign of life of each"
            assert remote.objects[PATH] == taken
            rival.check()
            for lately in (False, True):
                with pytest.raises(StorageFailed, match="took this bundle over"):
                    holder.check(lately=lately)
        assert PATH not in remote.objects
    assert remote.objects == {}, "neither leaves anything behind"


def test_who_was_taken_over_from_removes_nothing_of_the_other() -> None:
    """A former holder that ends while the next one is at work leaves claim and sign of life to it."""
    remote = FakeRemote()
    former = _claim(remote, lease_s=0.4).__enter__()
    remote.remove(PATH)
    with _claim(remote, lease_s=0.4) as rival:
        former.__exit__(None, None, None)
        rival.check()
    assert remote.objects == {}


def test_a_claim_names_no_other_object() -> None:
    """A claim whose text is not ours leads neither to reading nor to removing what it may point at."""
    remote = FakeRemote()
    remote.objects = {PATH: b"../../victim 1 2 3", f"{PATH}.../../victim": b"kept", f"{PATH}.": b"kept"}
    with _claim(remote, lease_s=0.2) as holder:
        holder.check()
    assert remote.objects == {f"{PATH}.../../victim": b"kept", f"{PATH}.": b"kept"}
