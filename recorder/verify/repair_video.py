"""What the second look finds is covered again and looked at again; what cannot be mended ends the run."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from recorder.bundle.manifest import Check
from recorder.media.encode import VideoWriter
from recorder.media.file import FileSource
from recorder.media.source import Source, TrackInfo
from recorder.offline.audio import Heard, SoundResult, SoundStages
from recorder.offline.video import FrameProof, PictureResult
from recorder.runtime.context import Cancellation, Progress
from recorder.runtime.storage import storage_errors
from recorder.verify.video import Still, Suspect, check_picture, stored_frames
from redaction.audio.listening.listen import Listener
from redaction.audio.speakers.compare import VoiceCheck
from redaction.audio.speakers.models import SAME_SPEAKER_COSINE, Embedder
from redaction.errors import RedactionIncomplete
from redaction.model import Box, Event, EventKind, Gap, Span, VideoFrame
from redaction.policy import Policy
from redaction.video.cover import evened, solid
from redaction.video.faces.second_detector import SecondLook
from redaction.video.screen.reader import ScreenReader

__all__ = [
    "VerifiedPicture",
    "VerifiedSound",
    "covered_again",
    "personal_words",
    "verified_picture",
    "verified_sound",
]

_ROUNDS: Final = 5
_BOX_ROUNDS: Final = 3
"""Rounds at most, and those in which boxes are covered; after them whole frames are."""

_REACH_S: Final = 1.1
_STANDS_S: Final = 10.0
"""Seconds around a look in which what was found is covered in any case, and if it is a face that still stands there."""

_GROWTH: Final = 0.5
_ALIKE: Final = 0.3
_SAME: Final = 0.6
"""Correlation from which text, and a face, stands where it stood."""

_SOUND_ROUNDS: Final = 2
_VOICE_ROUNDS: Final = 4
_SHORTEST_WORD: Final = 4
_SHORTEST_NUMBER: Final = 4

Rerender = Callable[[Sequence[Span]], SoundResult]


@dataclass(frozen=True, slots=True)
class VerifiedPicture:
    """A picture that passed, with what the second look did."""

    picture: PictureResult
    stills: tuple[Still, ...]
    checks: tuple[Check, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class VerifiedSound:
    """A sound that passed, with what the second look did."""

    sound: SoundResult
    checks: tuple[Check, ...]
    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()


def verified_picture(
    picture: PictureResult,
    *,
    policy: Policy,
    look: SecondLook,
    progress: Progress,
    cancellation: Cancellation,
    screen: ScreenReader | None = None,
) -> VerifiedPicture:
    """Look at a stored picture, cover what is found, and look again at every frame that was covered anew.

    Frames that passed and are encoded anew with the others are compared, but not searched again: a face does not come
    from encoding, while each new chance of a detector to err would be one more place to cover, without end.

    Raises:
        RedactionIncomplete: after the last round something like a face or personal text is still there, or the file is
            not what was redacted.
    """
    events: list[Event] = []
    found = searched = 0
    covers: _Covers | None = None
    for number in range(_ROUNDS + 1):
        stage = (
            f"second look {picture.track.id}" if not number else f"mending {picture.track.id}, round {number}"
        )
        progress.begin(stage, picture.proofs[-1].time if picture.proofs else 0)
        verdict = check_picture(
            picture.path,
            picture.proofs,
            picture.highlights,
            look=look,
            cancellation=cancellation,
            reach=partial(progress.reach, stage),
            screen=screen,
            only=covers.touched if covers else None,
            surely=covers.seeds if covers else (),
        )
        progress.end(stage)
        searched = searched or verdict.looked
        if not verdict.suspects:
            checks = (
                Check(name="picture-as-redacted", passed=True, figure=verdict.frames, note="frames"),
                Check(name="covered-pixels", passed=True, figure=verdict.probes, note="pixels"),
                Check(name="no-face-left", passed=True, figure=searched, note="frames searched"),
            )
            if found:
                events.append(
                    Event(EventKind.MENDED, picture.track.id, detail={"count": found, "round": number})
                )
            told = replace(picture, events=(*picture.events, *events))
            return VerifiedPicture(told, verdict.stills, checks, tuple(events))
        if number == _ROUNDS:
            break
        found += len(verdict.suspects)
        events += [
            Event(EventKind.VERIFY, picture.track.id, Span(item.time, item.time), {"score": item.score})
            for item in verdict.suspects
        ]
        covers = _Covers(verdict.suspects, whole=number >= _BOX_ROUNDS)
        picture = covered_again(picture, covers, policy=policy, cancellation=cancellation)
    raise RedactionIncomplete("The second look still finds a face or personal text in the stored picture.")


def covered_again(
    picture: PictureResult,
    boxes_at: Callable[[int, VideoFrame], Sequence[Box]],
    *,
    policy: Policy,
    cancellation: Cancellation,
) -> PictureResult:
    """Encode the stored picture once more with more of it covered; the source is not needed.

    Args:
        picture: what is stored.
        boxes_at: says what to cover of a frame, by its index and what is stored of it.
        policy: how the picture is encoded.
        cancellation: ends it.

    Raises:
        RedactionIncomplete: the stored picture does not decode cleanly.
        StorageFailed: the file cannot be written.
    """
    target = picture.path.with_name(picture.path.name + ".mended.mp4")
    proofs: list[FrameProof] = []
    writer = VideoWriter.of_track(target, picture.track, policy.output)
    try:
        stored = zip(stored_frames(picture.path, cancellation), picture.proofs, strict=True)
        for index, (frame, proof) in enumerate(stored):
            boxes = boxes_at(index, frame)
            if boxes:
                frame = _filled(frame, boxes)
                proof = _extended(proof, frame, boxes)
            proofs.append(proof)
            with storage_errors():
                writer.write(frame)
    finally:
        with storage_errors():
            writer.close()
    with storage_errors():
        target.replace(picture.path)
    return replace(picture, proofs=tuple(proofs))


class _Covers:
    """Says what to cover of a frame because of what was found near it, or where what was found still stands.

    Attributes:
        seeds: the frames in which something was found.
        touched: the frames of which something was covered.
    """

    def __init__(self, suspects: Iterable[Suspect], *, whole: bool) -> None:
        self._suspects = sorted(suspects, key=lambda item: item.time)
        self._times = [item.time for item in self._suspects]
        self._texts = [item for item in self._suspects if item.text]
        self._whole = whole
        self.seeds = {item.frame for item in self._suspects}
        self.touched: set[int] = set()

    def __call__(self, index: int, frame: VideoFrame) -> list[Box]:
        """Return boxes in frame pixels."""
        boxes = self._boxes(frame)
        if boxes:
            self.touched.add(index)
        return boxes

    def _boxes(self, frame: VideoFrame) -> list[Box]:
        found = [item for item in self._within(frame.time, _REACH_S) if _fits(item, frame)]
        if found and self._whole:
            return [Box(0, 0, frame.width, frame.height)]
        faces = [item for item in self._within(frame.time, _STANDS_S) if not item.text]
        found += [item for item in (*faces, *self._texts) if item not in found and _stands(item, frame)]
        return [
            Box.outward(
                item.box.x1 - _GROWTH * item.box.width,
                item.box.y1 - _GROWTH * item.box.height,
                item.box.x2 + _GROWTH * item.box.width,
                item.box.y2 + _GROWTH * item.box.height,
            ).clipped(frame.width, frame.height)
            for item in found
        ]

    def _within(self, time: float, reach: float) -> list[Suspect]:
        return self._suspects[
            bisect_left(self._times, time - reach) : bisect_right(self._times, time + reach)
        ]


def _fits(suspect: Suspect, frame: VideoFrame) -> bool:
    return suspect.box.x2 <= frame.width and suspect.box.y2 <= frame.height


def _stands(suspect: Suspect, frame: VideoFrame) -> bool:
    """Tell whether what was found stands in the same place of a frame: it is looked for only now and then."""
    box = suspect.box
    if not _fits(suspect, frame):
        return False
    first = suspect.look.astype(np.float32)
    second = frame.y[box.y1 : box.y2, box.x1 : box.x2].astype(np.float32)
    if second.shape != first.shape:
        second = np.asarray(
            cv2.resize(second, first.shape[::-1], interpolation=cv2.INTER_AREA), dtype=np.float32
        )
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return scale >= 1.0 and float((first * second).sum()) / scale >= (_ALIKE if suspect.text else _SAME)


def _filled(frame: VideoFrame, boxes: Sequence[Box]) -> VideoFrame:
    covered = VideoFrame(frame.y.copy(), frame.u.copy(), frame.v.copy(), frame.pts, frame.time_base)
    for box in boxes:
        solid((covered.y, covered.u, covered.v), evened(box, width=frame.width, height=frame.height))
    return covered


def _extended(proof: FrameProof, frame: VideoFrame, boxes: Sequence[Box]) -> FrameProof:
    points = np.array([((box.x1 + box.x2) // 2, (box.y1 + box.y2) // 2) for box in boxes], np.uint16).reshape(
        -1, 2
    )
    where = np.concatenate([proof.points, points])
    edges = np.array([(b.x1, b.y1, b.x2, b.y2) for b in boxes], np.uint16).reshape(-1, 4)
    return FrameProof(
        proof.time,
        where,
        frame.y[where[:, 1], where[:, 0]].copy(),  # a mosaic that is covered anew shows grey, not its blocks
        np.concatenate([proof.boxes, edges]),
    )


def verified_sound(
    sound: SoundResult,
    heard: Heard,
    *,
    source: Source,
    tracks: Sequence[TrackInfo],
    stages: SoundStages,
    rerender: Rerender,
    progress: Progress,
    cancellation: Cancellation,
) -> VerifiedSound:
    """Transcribe the stored sound again and compare its voices with those that spoke.

    Raises:
        RedactionIncomplete: a personal word or a voice is still there after the last round.
    """
    if sound.method == "mute":
        return VerifiedSound(sound, (Check(name="silent", passed=_is_silent(sound.path), figure=0),), ())
    wanted = personal_words(heard)
    speakers = stages.speakers
    events: list[Event] = []
    silent: list[Span] = []
    silenced = redrawn = 0
    highest = -1.0
    while True:
        hits = _heard_again(sound.path, wanted, stages=stages, progress=progress, cancellation=cancellation)
        if hits:
            if silenced == _SOUND_ROUNDS:
                raise RedactionIncomplete("A personal word can still be heard in the stored sound.")
            silenced += 1
            events += [
                Event(EventKind.MENDED, span=span, detail={"reason": "personal word heard"}) for span in hits
            ]
            silent += [span.padded(0.3, 0.3) for span in hits]
            sound = rerender(silent)
            continue
        if speakers is not None:
            highest = _voice_check(sound, heard, source, tracks, speakers.embedder, cancellation)
        if highest < SAME_SPEAKER_COSINE or sound.method != "resynthesize" or redrawn == _VOICE_ROUNDS:
            break
        redrawn += 1
        events.append(Event(EventKind.MENDED, detail={"reason": "voices drawn anew"}))
        sound = rerender(silent)  # which draws new voices, so what they say is heard again
    checks = [Check(name="no-personal-word-heard", passed=True, figure=len(wanted.words | wanted.numbers))]
    if speakers is None:
        return VerifiedSound(sound, tuple(checks), tuple(events), ("voices-not-compared",))
    passed = highest < SAME_SPEAKER_COSINE
    if not passed and sound.method == "resynthesize":
        raise RedactionIncomplete("A stored voice may be recognised as one that spoke.")
    checks.append(
        Check(
            name="voice-not-recognised",
            passed=passed,
            figure=round(highest, 3),
            limit=SAME_SPEAKER_COSINE,
            note="cosine, CAM++",
        )
    )
    return VerifiedSound(
        sound, tuple(checks), tuple(events), () if passed else ("disguised-voice-may-be-recognised",)
    )


@dataclass(frozen=True, slots=True)
class PersonalWords:
    """Raw personal words, in memory only, for the one comparison with what is heard again."""

    words: frozenset[str]
    numbers: frozenset[str]


def personal_words(heard: Heard) -> PersonalWords:
    """Collect the words that were redacted and occur nowhere in what is kept."""
    kept = {
        _normal(token.text)
        for utterance in heard.redacted
        for token in utterance.tokens
        if token.entity_type is None
    }
    words: set[str] = set()
    numbers: set[str] = set()
    for finding in heard.findings:
        texts = [
            word.text for word in heard.utterances[finding.utterance].words[finding.first : finding.last]
        ]
        words |= {word for text in texts if len(word := _normal(text)) >= _SHORTEST_WORD and word.isalpha()}
        digits = re.sub(r"\D", "", "".join(texts))
        if len(digits) >= _SHORTEST_NUMBER:
            numbers.add(digits)
    words |= heard.written.personal
    return PersonalWords(frozenset(words - kept), frozenset(numbers))


def _normal(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _heard_again(
    path: Path,
    wanted: PersonalWords,
    *,
    stages: SoundStages,
    progress: Progress,
    cancellation: Cancellation,
) -> list[Span]:
    source = FileSource(path)
    info = source.info()
    progress.begin("hearing it again", info.duration)
    listener = Listener(track="A1", speaker="S1", transcriber=stages.transcriber, aligner=None)
    utterances = []
    for item in source.audio(info.audio[0].id, 16_000):
        cancellation.check()
        if isinstance(item, Gap):
            raise RedactionIncomplete("The stored sound does not decode cleanly.")
        utterances += listener.push(item)
        progress.reach("hearing it again", item.span.end)
    utterances += listener.flush()
    progress.end("hearing it again")
    if listener.failures:
        raise RedactionIncomplete("The stored sound could not be transcribed again.")
    hits: list[Span] = []
    for utterance in utterances:
        digits = re.sub(r"\D", "", "".join(word.text for word in utterance.words))
        if any(number in digits for number in wanted.numbers) or any(
            _normal(word.text) in wanted.words for word in utterance.words
        ):
            hits.append(utterance.span)
    return hits


def _voice_check(
    sound: SoundResult,
    heard: Heard,
    source: Source,
    tracks: Sequence[TrackInfo],
    embedder: Embedder,
    cancellation: Cancellation,
) -> float:
    """Return the highest cosine between a stored voice and the voice that spoke in its place."""
    highest = -1.0
    check = VoiceCheck(embedder)
    for track in tracks:
        speech: dict[str, list[Span]] = {}
        for utterance in heard.utterances:
            if utterance.track == track.id:
                speech.setdefault(utterance.speaker, []).append(utterance.span)
        stored = FileSource(sound.path)
        cosines = check.cosines(
            source.audio(track.id, 16_000), stored.audio(stored.info().audio[0].id, 16_000), speech
        )
        cancellation.check()
        highest = max([highest, *cosines.values()])
    return highest


def _is_silent(path: Path) -> bool:
    for item in FileSource(path).audio("A1", 16_000):
        if not isinstance(item, Gap) and len(item.samples) and float(np.abs(item.samples).max()) > 1e-3:
            raise RedactionIncomplete("The stored sound should be silent and is not.")
    return True
