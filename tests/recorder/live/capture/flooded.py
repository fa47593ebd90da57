"""A call that others flood, as two tests hold it: real threads, queues and disk, models that find something always."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from recorder.call.consent.notice import NoticeTexts
from recorder.call.consent.state import ConsentBook
from recorder.call.source import CallSource
from recorder.live.capture.engine import LiveEngine
from recorder.live.capture.monitor import CallLimits
from recorder.live.capture.session import CallSession
from recorder.live.store.journal import Journal
from recorder.runtime.context import Run
from redaction.model import Box
from redaction.policy import Policy
from redaction.stages import Stages
from redaction.text.find import PersonalDataFinder
from redaction.video.redact import VideoStages
from redaction.video.screen.decide import Judge
from redaction.video.screen.ocr import Place, Reading
from redaction.video.screen.reader import ScreenReader
from redaction.video.view import Picture
from tests.recorder.live.fakes import FakeView
from tests.recorder.live.speech import Scripted, stages_of
from tests.recorder.live.text.test_words import TellingReader
from tests.redaction.video.scene import FakeDetector

__all__ = ["check_obeyed", "flooded_session"]

BOUND_S: Final = 1.0
"""What is promised, on the wall. Source: at most 0.33 s were measured with fifteen processes waiting for two cores."""


class FakeBusyReader:
    """Finds three lines in every picture, some of them new each time."""

    def __init__(self) -> None:
        self.read_so_far = 0

    def find(self, picture: Picture) -> list[Place]:
        """Return three places."""
        return [Place(Box(8, 8 + 16 * at, 120, 20 + 16 * at), 12) for at in range(3)]

    def read(self, lines: Sequence[Picture]) -> list[Reading]:
        """Return a text for each line."""
        self.read_so_far += 1
        texts = ("Agenda for today", f"Item {self.read_so_far % 50}", "Total and remarks")
        return [Reading(texts[at % 3], 0.99) for at in range(len(lines))]


def _models(rules: Policy) -> VideoStages:
    """Return stages that see bright squares and read lines; the judge of the lines is the real one."""
    eyes = FakeDetector()
    judge = Judge(PersonalDataFinder(rules.speech, model=TellingReader()), text="personal")
    return VideoStages(eyes, eyes, screen=ScreenReader(FakeBusyReader(), judge, None))


@contextmanager
def flooded_session(folder: Path, source: CallSource, rules: Policy, *, cores: int) -> Iterator[CallSession]:
    """Give the session of a call with an engine that runs, and end both."""
    stages = Stages(rules)
    stages._audio = stages_of(Scripted(), policy=rules)
    journal = Journal(folder)
    engine = LiveEngine(
        stages=stages,
        journal=journal,
        cores=cores,
        on_minor=lambda _: None,
        on_error=lambda _: None,
        video=lambda: _models(rules),
    )
    session = CallSession(
        source,
        recording=engine,
        journal=journal,
        book=ConsentBook(rules.consent, NoticeTexts.of(rules)),
        limits=CallLimits(alone_s=60, at_most_s=120),
        view=FakeView(),
        free_bytes=lambda: 1 << 40,
    )
    engine.start()
    try:
        yield session
    finally:
        engine.finish(Run())
        session.settle()
        journal.close()


def check_obeyed(
    session: CallSession, took: float, flood: str, record_property: Callable[[str, object], None]
) -> None:
    """Note how long an erasure took in seconds of the wall, and hold it to what is promised."""
    record_property("seconds", round(took, 3))
    print(f"{flood}: erased after {took:.3f} s")
    assert took < BOUND_S
    assert not session.withdrawal_failed
