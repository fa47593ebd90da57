"""One bundle under review: what the page is told of it, and what the reviewer has done so far.

What is wanted lives in memory only and is gone with the process: a word that is to be masked stands in no file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from recorder.bundle.log import LoggedEvent
from recorder.bundle.manifest import Manifest
from recorder.bundle.opened import Bundle, open_bundle
from recorder.bundle.writer import MANIFEST, digest_file, settle_replaced
from recorder.review.draft import Wanted
from recorder.review.follow_cover import CoverPath, follow, standing
from recorder.review.give_back import Marks, why_not
from recorder.review.job import Job
from recorder.review.lanes import lanes_of
from recorder.review.mends import CoverMend, Mend, parsed_mend, require_fitting
from recorder.review.places import ReviewPlace, places_of
from recorder.review.save import Looked, save_review
from recorder.review.state import Hold, LookVerdict, ReviewState, StateStore
from recorder.review.views import Playable, views_of
from recorder.runtime.context import Run
from recorder.runtime.storage import storage_errors
from redaction.audio.voice.mute import merged_spans
from redaction.errors import UnreadableInput, UsageError
from redaction.model import Span
from redaction.policy import Policy
from redaction.stages import Stages

__all__ = ["Choices", "ReviewSession"]

_MOST_MENDS: Final = 500
_MOST_SPANS: Final = 2000
_POINTS_A_SECOND: Final = 10.0


@dataclass(frozen=True, slots=True)
class Choices:
    """What whoever started the review chose.

    Attributes:
        policy: that the bundles were made under, if it had lists of words.
        keep_old: versions that were reviewed stay beside the new ones.
        stages_of: the models.
    """

    policy: Policy | None = None
    keep_old: bool = False
    stages_of: Callable[[Policy], Stages] = Stages


class ReviewSession:
    """One bundle that one reviewer has open.

    Args:
        bundle: the folder.
        store: of the states beside it.
        choices: of whoever started it.

    Raises:
        UnreadableInput: there is no bundle, or not one that this version understands.
        RedactionIncomplete: it is not whole.
        StorageFailed: somebody else has it open.
    """

    def __init__(self, bundle: Path, store: StateStore, choices: Choices) -> None:
        self.path = bundle.absolute()
        self._store = store
        self._choices = choices
        self._lock = threading.RLock()
        self.job = Job()
        self._marks = Marks(self._name)
        self._hold: Hold = store.claim(self.path)
        try:
            settle_replaced(self.path)
            self._load()
        except BaseException:
            self._hold.release()
            raise

    def _load(self) -> None:
        self._bundle: Bundle = open_bundle(self.path)
        with storage_errors():
            self._digest = digest_file(self.path / MANIFEST).sha256
        self._log: Sequence[LoggedEvent] = self._bundle.log()
        self._places: list[ReviewPlace] = places_of(self.manifest, self._log)
        self._views: list[Playable] = views_of(self.manifest)
        self._state: ReviewState = self._store.read(
            self.path, manifest_digest=self._digest, manifest=self.manifest
        )
        self._wanted: list[Wanted] = []

    @property
    def _name(self) -> str:
        return self.path.name.removesuffix(".offrecord")

    @property
    def manifest(self) -> Manifest:
        """Of the bundle as it stands."""
        return self._bundle.manifest

    def close(self) -> None:
        """Let go of the bundle; what is wanted and not saved is gone."""
        self.job.stop()
        self.job.wait()
        self._hold.release()

    def media(self, name: str) -> Path:
        """Return a media file of the bundle.

        Raises:
            UnreadableInput: it holds none of that name.
        """
        if name not in self.manifest.files or not name.endswith((".mp4", ".m4a")):
            raise UnreadableInput("The bundle holds no such media.")
        return self.path / name

    def told(self) -> dict[str, Any]:
        """Return everything that the page shows."""
        with self._lock:
            manifest = self.manifest
            transcript = self._bundle.transcript()
            chat = self._bundle.chat()
            return {
                "name": self._name,
                "digest": self._digest,
                "duration": manifest.duration,
                "purpose": manifest.purpose,
                "created": manifest.created.isoformat(),
                "expires": manifest.expires.isoformat(),
                "voice": manifest.voice.method,
                "checked": self._bundle.checked,
                "checks": [check.model_dump(mode="json") for check in manifest.checks],
                "notes": manifest.notes,
                "redacted": manifest.redacted,
                "lists": int(manifest.policy.get("speech.allow", 0)) if self._choices.policy is None else 0,
                "people": [one.id for one in manifest.participants.people] if manifest.participants else [],
                "views": [asdict(view) for view in self._views],
                "lanes": lanes_of(manifest, transcript, self._log),
                "places": [
                    {
                        "id": place.id,
                        "kind": place.kind,
                        "track": place.track,
                        "start": round(place.span.start, 3),
                        "end": round(place.span.end, 3),
                        "rank": place.rank,
                        "why": place.why,
                    }
                    for place in self._places
                ],
                "transcript": [
                    one.model_dump(mode="json", exclude={"text"})
                    for one in (transcript.utterances if transcript else ())
                ],
                "chat": [one.model_dump(mode="json") for one in (chat.messages if chat else ())],
                "notback": why_not(self._name, manifest),
                "reviews": [one.model_dump(mode="json") for one in manifest.review],
                **self.told_state(),
            }

    def told_state(self) -> dict[str, Any]:
        """Return what changes while somebody works."""
        with self._lock:
            return {
                "standing": self._state.standing,
                "looked": self._state.looked,
                "seen": self._state.seen,
                "mends": [self._told_mend(number, one) for number, one in enumerate(self._wanted)],
                "marks": self._marks.told(),
                "job": self.job.told(),
            }

    def _told_mend(self, number: int, one: Wanted) -> dict[str, Any]:
        told: dict[str, Any] = {"number": number, **one.mend.model_dump(mode="json")}
        if one.path is not None and isinstance(one.mend, CoverMend):
            told["path"] = _thinned(one.path, *self._size(one.mend.track))
            told["lost"] = [(round(span.start, 2), round(span.end, 2)) for span in one.path.lost]
        return told

    def mend(self, untrusted: object) -> None:
        """Take up what the reviewer wants; a cover that follows is followed in the background.

        Raises:
            UsageError: it cannot be understood, does not fit the bundle, or there are too many.
        """
        mend = parsed_mend(untrusted)
        with self._lock:
            transcript = self._bundle.transcript()
            speakers = {one.speaker for one in transcript.utterances} if transcript else set()
            require_fitting(mend, self.manifest, speakers=speakers)
            if len(self._wanted) >= _MOST_MENDS:
                raise UsageError("There are too many changes; save these first.")
            if self.job.running:
                raise UsageError("Something is being done already; wait for it.")
            if not isinstance(mend, CoverMend):
                self._want(Wanted(mend))
                return
            size = self._size(mend.track)
            source = self.path / next(view.file for view in self._views if view.track == mend.track)
            box = mend.pixels(*size)
            if not box.area:
                raise UsageError("The cover is too small.")
            if not mend.follow:
                self._want(Wanted(mend, standing(box, mend.span)))
                return

        def work(run: Run) -> None:
            span = None if mend.stands else mend.span
            with run.stage("following", self.manifest.duration) as reach:
                path = follow(source, box, mend.time, span=span, run=run, reach=reach)
            if not path.times:
                raise UsageError("There is no picture at that time.")
            run.check()
            with self._lock:
                self._want(Wanted(_spanned(mend, path), path))

        self.job.start("follow", work)

    def _want(self, one: Wanted) -> None:
        self._wanted.append(one)
        self._keep(standing="work")

    def unmend(self, number: int | None) -> None:
        """Take back the last change, or the one of a number.

        Raises:
            UsageError: there is none.
        """
        with self._lock:
            if not self._wanted or (number is not None and not 0 <= number < len(self._wanted)):
                raise UsageError("There is nothing to take back.")
            if self.job.running:
                raise UsageError("Something is being done already; wait for it.")
            del self._wanted[-1 if number is None else number]

    def give_back(self, untrusted: object) -> None:
        """Take up that something was covered or masked for nothing.

        Raises:
            UsageError: it cannot be understood, does not fit the bundle, or there are too many.
        """
        with self._lock:
            videos = {view.track: self.path / view.file for view in self._views if view.track}
            self._marks.add(untrusted, self.manifest, videos)

    def keep_covered(self, number: int) -> None:
        """Take a mark back.

        Raises:
            UsageError: there is none of that number.
        """
        with self._lock:
            self._marks.remove(number)

    def hints(self) -> str:
        """Return the file of hints that the marks are, for a second run over the source.

        Raises:
            UsageError: nothing is marked.
        """
        with self._lock:
            return self._marks.toml()

    def look(self, place: str, verdict: LookVerdict | None) -> None:
        """Note what the reviewer says of a place of the queue; None takes it back.

        Raises:
            UsageError: there is no such place.
        """
        with self._lock:
            if place not in {one.id for one in self._places}:
                raise UsageError("The queue has no such place; reload the page.")
            looked = {key: value for key, value in self._state.looked.items() if key != place}
            self._keep(standing="work", looked=looked | ({} if verdict is None else {place: verdict}))

    def played(self, spans: Sequence[Span]) -> None:
        """Note which stretches were played."""
        with self._lock:
            known = [Span(start, end) for start, end in self._state.seen]
            limit = self.manifest.duration
            new = [Span(min(span.start, limit), min(span.end, limit)) for span in spans]
            seen = merged_spans([*known, *new])[:_MOST_SPANS]
            self._keep(seen=tuple((round(span.start, 2), round(span.end, 2)) for span in seen))

    def send_back(self) -> None:
        """Say that the recording is not to be used as it is; nothing of it changes."""
        with self._lock:
            self._keep(standing="back")

    def sign(self, by: str) -> None:
        """Save what is wanted and sign: the next version of the bundle is made in the background.

        Raises:
            UsageError: something is being done already.
        """
        with self._lock:
            wanted = tuple(self._wanted)
            looked = Looked(
                by=by,
                seen=sum(end - start for start, end in self._state.seen),
                places=len(self._places),
                looked_at=len(set(self._state.looked) & {place.id for place in self._places}),
            )

        def work(run: Run) -> None:
            save_review(
                self.path,
                wanted,
                looked,
                expected=self._digest,
                keep_old=self._choices.keep_old,
                policy=self._choices.policy,
                stages_of=self._choices.stages_of,
                run=run,
            )
            with self._lock:
                seen = self._state.seen if not wanted else ()
                self._load()
                known = {place.id for place in self._places}
                verdicts = {key: value for key, value in self._state.looked.items() if key in known}
                self._keep(standing="signed", looked=verdicts, seen=seen)

        self.job.start("save", work)

    def _keep(
        self,
        *,
        standing: str | None = None,
        looked: Mapping[str, LookVerdict] | None = None,
        seen: tuple[tuple[float, float], ...] | None = None,
    ) -> None:
        changes: dict[str, object] = {"manifest": self._digest}
        if standing is not None:
            changes["standing"] = standing
        if looked is not None:
            changes["looked"] = dict(looked)
        if seen is not None:
            changes["seen"] = seen
        self._state = self._state.model_copy(update=changes)
        self._store.write(self.path, self._state)

    def _size(self, track: str) -> tuple[int, int]:
        view = next(view for view in self._views if view.track == track)
        return view.width, view.height


def _spanned(mend: CoverMend, path: CoverPath) -> Mend:
    """Return a cover with the span that following found."""
    if not mend.stands:
        return mend
    end = max(path.span.end, path.span.start + 0.01)
    return mend.model_copy(update={"start": round(path.span.start, 3), "end": round(end, 3)})


def _thinned(path: CoverPath, width: int, height: int) -> list[list[float]]:
    """Return some of a path's places as time and box, as shares of the picture, for the page to draw."""
    places: list[list[float]] = []
    last = -1.0
    for number, (time, box) in enumerate(zip(path.times, path.boxes, strict=True)):
        if time - last >= 1 / _POINTS_A_SECOND or number == len(path.times) - 1:
            last = time
            shares = (box.x1 / width, box.y1 / height, box.x2 / width, box.y2 / height)
            places.append([round(time, 3), *(round(share, 4) for share in shares)])
    return places
