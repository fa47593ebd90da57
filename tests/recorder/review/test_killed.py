"""Killed while it saves, at ten moments: there is one whole bundle each time, the old one or the new one."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recorder.bundle.verify_files import read_manifest, verify_bundle
from recorder.bundle.writer import settle_replaced
from recorder.review.draft import Wanted
from recorder.review.mends import parsed_mend
from recorder.review.save import Looked, save_review
from recorder.runtime.context import Run
from tests.e2e.reviewed import blind
from tests.recorder.bundle.bundles import published_file

MOMENTS = 10
_STEPS = ("fsync", "rename", "replace", "link", "unlink", "rmdir", "mkdir")
_MENDS = (
    {"kind": "mute", "start": 0.5, "end": 1.0},
    {"kind": "whole", "track": "V1", "start": 0, "end": 1},
)


def save(bundle: Path, kill_at: int, counted: Any) -> None:
    """Save in this process, which kills itself before the n-th step that touches the disk's names or contents."""
    steps = 0

    def before(original: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **named)

        return step

    for name in _STEPS:
        setattr(os, name, before(getattr(os, name)))
    save_review(
        bundle,
        [Wanted(parsed_mend(mend)) for mend in _MENDS],
        Looked(),
        stages_of=lambda _: blind(),
        run=Run(),
    )
    counted.value = steps


def saved(bundle: Path, kill_at: int) -> tuple[int, int]:
    """Save in a child; returns its exit code and how many steps it took."""
    forked = multiprocessing.get_context("fork")
    counted = forked.Value("i", 0)
    child = forked.Process(target=save, args=(bundle, kill_at, counted))
    child.start()
    child.join(60)
    assert child.exitcode is not None
    return child.exitcode, int(counted.value)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published file."""
    return published_file(tmp_path_factory.mktemp("file")).path


def test_killed_at_ten_moments(original: Path, tmp_path: Path) -> None:
    """Between any two steps: what stands, or is put back by whoever comes next, is whole; saving again works."""
    whole = tmp_path / "whole" / original.name
    shutil.copytree(original, whole)
    status, steps = saved(whole, 0)
    assert status == 0
    assert steps > MOMENTS
    # The last steps are those that put the new bundle in the old one's place; moments are among them.
    spread = {1 + number * steps // 8 for number in range(8)}
    moments = sorted(spread | {steps - 2, steps - 4})[-MOMENTS:]
    standing = set()
    for moment in moments:
        bundle = tmp_path / str(moment) / original.name
        shutil.copytree(original, bundle)
        status, _ = saved(bundle, moment)
        assert status == -signal.SIGKILL, moment
        settle_replaced(bundle)
        assert len(verify_bundle(bundle)) == 5
        standing.add(len(read_manifest(bundle).review))
        assert len(list(bundle.parent.glob("*.offrecord"))) == 1
        save_review(bundle, [], Looked(), stages_of=lambda _: blind(), run=Run())
        assert [item.name for item in bundle.parent.iterdir()] == [bundle.name]
    assert standing == {0, 1}
    assert len(moments) == MOMENTS
