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

    def __init__(self, *, conditional: bool = True) -> None:
        self.conditional = conditional
        self.objects: dict[str, bytes] = {}
        self.before_write: Callable[[str], None] = lambda _path: None
        self.before_replacing: Callable[[], None] = lambda: None
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

    def version(self, path: str) -> str:
        """Return what an object's content is known by."""
        with self._lock:
            if path not in self.objects:
                raise UnreadableInput("It is not there.")
            return self.objects[path].hex() if self.conditional else ""

    def replace(self, path: str, data: bytes, *, version: str) -> None:
        """Store an object in place of one version of it."""
        self.before_replacing()
        with self._lock:
            if path not in self.objects or self.objects[path].hex() != version:
                raise AlreadyThere
            self.objects[path] = data

    def remove(self, path: str) -> None:
        """Delete an object."""
        self.before_replacing()
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


@pytest.mark.parametrize("conditional", [True, False])
def test_a_dead_claim_is_taken_over(conditional: bool) -> None:
    """A claim that shows no sign of life for a lease is taken over, whatever the store can do; nothing is left."""
    remote = FakeRemote(conditional=conditional)
    dead = b"%s elsewhere 1 1" % (b"d" * 32)
    remote.objects = {PATH: dead, f"{PATH}.{'d' * 32}": b"7"}
    with _claim(remote, lease_s=0.2) as holder:
        holder.check()
        assert f"{PATH}.{'d' * 32}" not in remote.objects
    assert remote.objects == {}


def test_two_that_take_over_one_dead_claim() -> None:
    """Of two publishers that find the same dead claim at the same time one has it, and the other takes nothing away."""
    remote = FakeRemote()
    remote.objects = {PATH: b"%s elsewhere 1 1" % (b"d" * 32)}
    slow_is_about_to, go_on = threading.Event(), threading.Event()
    slow = _claim(remote, lease_s=0.3)

    def stand_still() -> None:
        if threading.current_thread().name == "slow" and not slow_is_about_to.is_set():
            slow_is_about_to.set()
            go_on.wait(10)

    remote.before_replacing = stand_still
    failures: list[BaseException] = []

    def take() -> None:
        try:
            with slow:
                slow.check()
        except StorageFailed as error:
            failures.append(error)

    thread = threading.Thread(target=take, name="slow")
    thread.start()
    assert slow_is_about_to.wait(10)
    with _claim(remote, lease_s=0.3) as quick:
        taken = remote.objects[PATH]
        go_on.set()
        for _ in range(20):
            assert remote.objects[PATH] == taken, "the slow one put its own claim over a living one"
            quick.check()
            time.sleep(0.01)
    thread.join(20)
    assert not thread.is_alive()
    assert all("Another job" in str(failure) for failure in failures), "it may have waited for too long"
    assert remote.objects == {}
