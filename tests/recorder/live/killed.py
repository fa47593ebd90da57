"""What processes do that die of SIGKILL: finish a call until a named moment, or record until they are killed."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from fractions import Fraction
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any, Final

import numpy as np

from recorder.bundle import publish as assembly
from recorder.bundle import writer as bundle_writer
from recorder.bundle.manifest import MediaKind
from recorder.bundle.writer import LIVE, BundleWriter
from recorder.live.finish import finish
from recorder.live.finish import verify_segments as looking
from recorder.live.store.journal import Journal
from recorder.live.store.segments import AudioSegment, VideoSegment
from recorder.media import compose
from recorder.runtime.context import Run
from redaction.model import AudioBlock, Cover, CoverReason, Examined, RedactedFrame, VideoFrame
from redaction.policy import Policy
from tests.recorder.live.fakes import deaf_and_blind
from tests.recorder.live.staged import COVERED, SPEAKING_HZ, StagedPerson, moving, planes_of, stage

__all__ = ["MOMENTS", "finish_until", "record"]

MOMENTS: Final = (
    "log put away",
    "looking",
    "hearing",
    "composing",
    "reporting",
    "sealing",
    "sealed",
    "removing",
)


def finish_until(partial: Path, moment: str) -> None:
    """Finish a call, and die at a moment."""
    die_at(moment)
    finish.finish(BundleWriter.adopt(partial), stages=deaf_and_blind(), run=Run())


def die(*_arguments: Any, **_keywords: Any) -> Any:
    """Die at once, as of `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(moment: str) -> None:
    """Have this process die at a moment of finishing."""
    looked = vars(looking)["verify_video"]
    calls = iter(range(100))

    def second_look(*arguments: Any, **keywords: Any) -> Any:
        return die() if next(calls) else looked(*arguments, **keywords)

    def half_removed(folder: Path, **_: Any) -> None:
        if folder.name == LIVE:
            (folder / "call.json").unlink()
            die()
        real_rmtree(folder)

    real_rmtree: Callable[..., None] = shutil.rmtree
    patches: dict[str, tuple[Any, str, Callable[..., Any]]] = {
        "log put away": (shutil, "copyfile", die),
        "looking": (looking, "verify_video", second_look),
        "hearing": (finish, "verify_audio", die),
        "composing": (compose, "mux", die),
        "reporting": (assembly, "write_report", die),
        "sealing": (bundle_writer, "_sync", die),  # the manifest is written beside, not yet in its place
        "sealed": (shutil, "rmtree", die_when_live(real_rmtree)),
        "removing": (shutil, "rmtree", half_removed),
    }
    module, name, patch = patches[moment]
    setattr(module, name, patch)


def die_when_live(remove: Callable[..., None]) -> Callable[..., None]:
    """Return a remover that dies when it comes to the pieces."""

    def removing(folder: Path, **_: Any) -> None:
        if folder.name == LIVE:
            die()
        remove(folder)

    return removing


def record(folder: Path, ready: Event) -> None:
    """Write pieces of one participant until somebody kills this process."""
    token = "c" * 16
    staged = stage(folder, [StagedPerson(token, 1, stays=[(0.0, None)])])
    journal = Journal(staged.partial)
    kind: MediaKind = "camera"
    picture = VideoSegment(
        journal.segment(token, kind), kind=kind, start=0.0, width=160, height=120, output=Policy().output
    )
    sound = AudioSegment(journal.segment(token, "microphone"), start=0.0, sample_rate=SPEAKING_HZ)
    draw = moving((40, 80, 160))
    ready.set()
    for number in range(100_000):
        planes = planes_of(draw(number / 15))
        luma = planes[0].copy()
        luma[COVERED.y1 : COVERED.y2, COVERED.x1 : COVERED.x2] = 96
        frame = VideoFrame(luma, planes[1], planes[2], number * 6000, Fraction(1, 90_000))
        picture.write(RedactedFrame(frame, (Cover(COVERED, CoverReason.FACE, 1, 0.9),), Examined.DETECTED))
        samples = np.full(1600, 0.1, np.float32)
        sound.write(AudioBlock(samples, number * 1600, SPEAKING_HZ))
