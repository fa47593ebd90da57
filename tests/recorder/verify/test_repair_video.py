"""What the second look finds in stored picture and sound is mended; what cannot be mended is never published."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from recorder.bundle.writer import BundleWriter
from recorder.media.encode import AudioWriter, VideoWriter
from recorder.media.file import FileSource
from recorder.media.source import TrackInfo, TrackKind
from recorder.offline.session import redact_file
from recorder.runtime.context import Run
from recorder.sources.recording import open_source
from recorder.verify import audio as verified_audio
from recorder.verify import repair_video
from recorder.verify.audio import RenderedAudio, VerifiedAudio, personal_words, verify_audio
from recorder.verify.proof import FrameProof, StoredVideo
from recorder.verify.repair_video import VerifiedVideo, verify_video
from redaction.audio.listening.segment import RATE, SpeechSegment
from redaction.audio.listening.transcribe import Transcript
from redaction.audio.redact import RedactedSpeech
from redaction.audio.speakers.models import SAME_SPEAKER_COSINE, SpeakerModels
from redaction.errors import ExitCode, ModelUnavailable, RedactionIncomplete
from redaction.model import (
    AudioBlock,
    Box,
    EntityType,
    EventKind,
    RedactedUtterance,
    Samples,
    Span,
    TextFinding,
    Token,
    Utterance,
    VideoFrame,
    Word,
)
from redaction.policy import Policy
from redaction.stages import AudioStages, Stages
from redaction.video.cover import FILL
from redaction.video.faces.second_detector import SecondLook, Sighting
from redaction.video.screen.decide import Judge
from redaction.video.screen.ocr import Place, Reading
from redaction.video.screen.reader import ScreenReader
from tests.media import frames_of, make_clip, samples_of, tone

WIDTH, HEIGHT, FPS, SECONDS = 160, 120, 10, 4
FACE = Box(60, 40, 84, 64)
DARK, BRIGHT = 60, 225


class FakeBrightLook(SecondLook):
    """Takes whatever is bright in the picture it is given for a face."""

    def __init__(self, *, least: int = 20) -> None:
        self.looks = 0
        self.least = least

    def search(self, frame: VideoFrame) -> list[Sighting]:
        """Return the box around the bright pixels, if they are not too few."""
        self.looks += 1
        rows, columns = np.nonzero(frame.y > 200)
        if len(rows) < self.least:
            return []
        corners = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        return [((*map(float, corners),), 0.9)]  # type: ignore[list-item]

    def close(self) -> None:
        """Do nothing."""


class FakeCornerLook(FakeBrightLook):
    """Finds something at another place at every look, from 1.9 s on, until the picture is of one colour."""

    def search(self, frame: VideoFrame) -> list[Sighting]:
        """Return a box that no cover of before covers."""
        if frame.time < 1.9 or frame.y.std() < 3:
            return []
        self.looks += 1
        across, down = 26.0 * (self.looks % 6), 16.0 * (self.looks // 6 % 7)
        return [((across, down, across + 12, down + 12), 0.6)]


class FakeFickleLook(FakeBrightLook):
    """Finds something in the first frame, and elsewhere in every frame that it is shown a second time."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[int] = []

    def search(self, frame: VideoFrame) -> list[Sighting]:
        """Return a box by how often this frame was shown."""
        time = round(frame.time * FPS)
        self.times.append(time)
        if self.times.count(time) > 1:
            return [((90, 80, 102, 92), 0.6)]
        return [] if time else [((20, 80, 32, 92), 0.6)]


class FakeOnceLook(FakeBrightLook):
    """Finds the bright pixels once, with what is around them, and never again."""

    def search(self, frame: VideoFrame) -> list[Sighting]:
        """Return their box the first time there is one."""
        found = super().search(frame) if self.least else []
        if found:
            self.least = 0
        return [((x1 - 4, y1 - 4, x2 + 4, y2 + 4), score) for (x1, y1, x2, y2), score in found]


def stored(
    path: Path, *, proofs: Callable[[VideoFrame], FrameProof], bright: tuple[float, float] = (1.5, 2.5)
) -> StoredVideo:
    """Store a dark picture in which a bright square stands for a time, from 1.5 s to 2.5 s if not told otherwise."""
    track = TrackInfo("V1", TrackKind.VIDEO, WIDTH, HEIGHT, Fraction(FPS), Fraction(1, FPS), 0, 0)
    made: list[FrameProof] = []
    with VideoWriter.of_track(path, track, Policy().output) as writer:
        for number in range(FPS * SECONDS):
            y = np.full((HEIGHT, WIDTH), DARK, np.uint8)
            y[:, : WIDTH // 4] = 150
            if bright[0] <= number / FPS < bright[1]:
                y[FACE.y1 : FACE.y2, FACE.x1 : FACE.x2] = BRIGHT
            chroma = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
            frame = VideoFrame(y, chroma, chroma, number, Fraction(1, FPS))
            made.append(proofs(frame))
            writer.write(frame)
    return StoredVideo(track, path, tuple(made), highlights=())


def bare(frame: VideoFrame) -> FrameProof:
    """Return the proof of a frame on which nothing was covered."""
    return proof_of(frame, [], [])


def proof_of(
    frame: VideoFrame, points: Sequence[tuple[int, int]], boxes: Sequence[tuple[int, int, int, int]]
) -> FrameProof:
    """Return the proof of a frame with these probes and covers."""
    where = np.array(points, np.uint16).reshape(-1, 2)
    return FrameProof(
        frame.time, where, frame.y[where[:, 1], where[:, 0]].copy(), np.array(boxes, np.uint16).reshape(-1, 4)
    )


def mended(picture: StoredVideo, look: SecondLook) -> VerifiedVideo:
    """Look and mend with the default policy."""
    return verify_video(picture, policy=Policy(), look=look, run=Run())


def frames(path: Path) -> list[VideoFrame]:
    """Decode a stored picture."""
    return frames_of(list(FileSource(path).video("V1")))


def test_a_picture_without_a_suspect_is_left_as_it_is(tmp_path: Path) -> None:
    """Where nothing is found the stored file is not touched, and no event says that anything was mended."""
    picture = stored(tmp_path / "v.mp4", proofs=bare)
    before = picture.path.read_bytes()
    verdict = mended(picture, FakeBrightLook(least=10**6))
    assert picture.path.read_bytes() == before
    assert verdict.events == ()
    assert verdict.video.proofs == picture.proofs
    assert [check.passed for check in verdict.checks] == [True, True, True]


def test_a_planted_suspect_is_covered_in_the_stored_file(tmp_path: Path) -> None:
    """What looks like a face is grey in every stored frame that had it, with a margin; the rest is as it was."""
    picture = stored(tmp_path / "v.mp4", proofs=bare)
    assert any((frame.y > 200).any() for frame in frames(picture.path))
    verdict = mended(picture, FakeBrightLook())
    after = frames(picture.path)
    assert len(after) == FPS * SECONDS
    assert [frame.time for frame in after] == pytest.approx([at / FPS for at in range(FPS * SECONDS)])
    grown = Box(FACE.x1 - 10, FACE.y1 - 10, FACE.x2 + 10, FACE.y2 + 10)
    for frame in after:
        assert not (frame.y > 200).any()
        if 1.5 <= frame.time < 2.5:
            inside = frame.y[grown.y1 : grown.y2, grown.x1 : grown.x2].astype(int)
            assert np.abs(inside - FILL[0]).max() < 12
        assert abs(float(frame.y[10:110, 10:30].mean()) - 150) < 6
        assert abs(float(frame.y[10:110, 120:].mean()) - DARK) < 6
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]
    kinds = [event.kind for event in verdict.events]
    assert kinds == [EventKind.VERIFY] * (len(kinds) - 1) + [EventKind.MENDED]
    assert verdict.events[-1].detail == {"count": len(kinds) - 1, "round": 1}


def test_what_was_a_mosaic_is_held_to_the_grey_that_now_stands_there(tmp_path: Path) -> None:
    """A place whose proof said other than grey is covered again, and its proof says grey afterwards."""

    def mosaic(frame: VideoFrame) -> FrameProof:
        block = (FACE.x1, FACE.y1, FACE.x1 + 8, FACE.y1 + 8)
        return proof_of(frame, [(FACE.x1 + 3, FACE.y1 + 3), (10, 10)], [block, (0, 0, 20, 20)])

    picture = stored(tmp_path / "v.mp4", proofs=mosaic)
    at = round(1.6 * FPS)
    assert abs(int(picture.proofs[at].luma[0]) - FILL[0]) > 100
    verdict = mended(picture, FakeBrightLook())
    proof = verdict.video.proofs[at]
    assert proof.luma[0] == FILL[0]
    assert abs(int(proof.luma[1]) - 150) < 12
    assert len(proof.boxes) > 2
    assert len(proof.luma) == len(proof.points)


def test_the_last_round_covers_whole_frames(tmp_path: Path) -> None:
    """A suspect that boxes do not get rid of is ended by covering the whole frames around it, and those alone."""
    picture = stored(tmp_path / "v.mp4", proofs=bare)
    verdict = mended(picture, FakeCornerLook())
    for frame in frames(picture.path):
        if frame.time >= 1.9:
            assert np.abs(frame.y.astype(int) - FILL[0]).max() < 12, frame.time
        elif frame.time < 0.8:
            assert frame.y.std() > 20
    assert verdict.events[-1].kind is EventKind.MENDED
    assert verdict.events[-1].detail["round"] == 4


def test_what_passed_is_not_searched_again_because_it_was_encoded_again(tmp_path: Path) -> None:
    """Only frames that were covered anew are searched a second time: a detector that errs at random comes to an end."""
    picture = stored(tmp_path / "v.mp4", proofs=bare)
    look = FakeFickleLook()
    verdict = mended(picture, look)
    assert verdict.events[-1].kind is EventKind.MENDED
    assert [look.times.count(time) for time in (0, 10, 20, 30)] == [3, 3, 2, 1]


def test_what_stands_still_is_covered_between_looks(tmp_path: Path) -> None:
    """What looks like a face in one frame only is covered in all near it in which it stands there."""
    picture = stored(tmp_path / "v.mp4", proofs=bare, bright=(0.5, 3.8))
    mended(picture, FakeOnceLook())
    for frame in frames(picture.path):
        assert not (frame.y > 200).any(), frame.time
        assert abs(float(frame.y[10:110, 120:].mean()) - DARK) < 6


def test_a_suspect_that_stays_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suspect that is left after the last round is exit status 3."""
    monkeypatch.setattr(repair_video, "_ROUNDS", 2)
    picture = stored(tmp_path / "v.mp4", proofs=bare)
    with pytest.raises(RedactionIncomplete, match="still finds a face") as error:
        mended(picture, FakeCornerLook())
    assert error.value.exit_code is ExitCode.INCOMPLETE


def test_a_cover_that_is_not_in_the_stored_pixels_is_not_mended(tmp_path: Path) -> None:
    """A file that does not show what redaction put there is refused at once, however clean it looks."""
    picture = stored(tmp_path / "v.mp4", proofs=lambda frame: proof_of(frame, [(70, 50)], [(60, 40, 84, 64)]))
    wrong = [replace(proof, luma=np.array([255], np.uint8)) for proof in picture.proofs]
    with pytest.raises(RedactionIncomplete, match="not covered where it should be"):
        mended(replace(picture, proofs=tuple(wrong)), FakeBrightLook())


@pytest.fixture(scope="module")
def stages() -> Iterator[Stages]:
    """The real models of the picture."""
    made = Stages(Policy())
    try:
        _ = made.video
    except ModelUnavailable:
        pytest.skip("the models are not in the cache: offrecord models fetch")
    yield made
    made.close()


def published(folder: Path, stages: Stages, look: SecondLook) -> Path:
    """Redact a small clip with another second look and return its bundle."""
    clip = make_clip(folder / "a.mkv", seconds=4, size=(WIDTH, HEIGHT), fps=FPS, audio=None).path
    stages._look = look
    writer = BundleWriter(folder / "out", "one")
    try:
        return redact_file(open_source(clip), writer, stages=stages, run=Run()).path
    finally:
        writer.discard()


def test_the_report_tells_what_the_second_look_mended(tmp_path: Path, stages: Stages) -> None:
    """Report and log of a published bundle say how many places the second look covered more."""
    bundle = published(tmp_path, stages, FakeBrightLook())
    lines = (bundle / "log.jsonl").read_text("utf-8").splitlines()
    (count,) = [line["count"] for line in map(json.loads, lines) if line["event"] == "mended"]
    assert count >= 1
    assert f"The second look covered {count} more places." in (bundle / "report.html").read_text("utf-8")


def test_nothing_is_published_when_a_suspect_stays(
    tmp_path: Path, stages: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole run whose second look is never content leaves neither a bundle nor a part of one."""
    monkeypatch.setattr(repair_video, "_ROUNDS", 2)
    with pytest.raises(RedactionIncomplete):
        published(tmp_path, stages, FakeCornerLook())
    assert list((tmp_path / "out").iterdir()) == []


NAME = "Adaeze"
SAID = (Span(1.0, 2.0), Span(4.0, 5.0))


class FakeTranscriber:
    """Hears `word` wherever its sound is loud, and an everyday word elsewhere."""

    def __init__(self, said: Mapping[Span, str]) -> None:
        self.said = said
        self.heard = 0

    def transcribe(self, piece: SpeechSegment) -> Transcript:
        """Return the words whose time is not silent in the piece."""
        self.heard += 1
        words = []
        for span, text in self.said.items():
            at = piece.block.start
            part = piece.block.samples[max(0, round(span.start * RATE) - at) : round(span.end * RATE) - at]
            if len(part) and np.abs(part).max() > 0.05:
                words.append(Word(text, span, located=False))
        return Transcript(tuple((word,) for word in words))


class FakeAllSpeech:
    """Takes everything for speech."""

    def probabilities(self, frames: Samples) -> Samples:
        """Return one for each frame."""
        return np.ones(len(frames), np.float32)

    def reset(self) -> None:
        """Do nothing."""


class FakeVoiceCheck:
    """Gives cosines one after the other, whatever the voices are; the last one for ever."""

    def __init__(self, cosines: Iterable[float]) -> None:
        self.left = list(cosines)
        self.asked = 0

    def __call__(self, embedder: object) -> FakeVoiceCheck:
        """Stand in for the class too."""
        return self

    def cosines(
        self, original: object, stored: object, speech: Mapping[str, Sequence[Span]]
    ) -> dict[str, float]:
        """Return the next cosine for every speaker."""
        self.asked += 1
        value = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        return dict.fromkeys(speech, value)


class Call:
    """A stored sound of six seconds that is rendered anew when asked, and what was heard in its source."""

    speakers: SpeakerModels | None = None

    def __init__(self, path: Path, *, method: str = "resynthesize") -> None:
        self.path = path
        self.method = method
        self.silences: list[list[Span]] = []
        self.source = FileSource(make_clip(path.with_name("a.mp4"), seconds=6, size=(64, 48)).path)
        words = (Word("hello", SAID[0]), Word(NAME, SAID[1]))
        self.heard = RedactedSpeech(
            utterances=tuple(Utterance((word,), word.span, "S1", "A1") for word in words),
            findings=(TextFinding(1, 0, 1, EntityType.PERSON, 1.0, "test", "PERSON 1"),),
            redacted=(
                RedactedUtterance((Token("hello", SAID[0]),), SAID[0], "S1", "A1"),
                RedactedUtterance((Token("PERSON 1", SAID[1], EntityType.PERSON),), SAID[1], "S1", "A1"),
            ),
            uncovered={},
            failures={},
            speech_seconds=2.0,
            seconds=6.0,
            gaps=(),
            events=(),
            speakers_told_apart=True,
        )
        self.sound = self.render([])
        self.silences.clear()

    def render(self, silent: Sequence[Span]) -> RenderedAudio:
        """Store a tone that is silent in these spans."""
        self.silences.append(list(silent))
        samples = tone(6, sample_rate=24_000)
        for span in silent:
            samples[round(span.start * 24_000) : round(span.end * 24_000)] = 0
        with AudioWriter(self.path, sample_rate=24_000) as writer:
            writer.write(AudioBlock(samples, 0, 24_000))
        return RenderedAudio(self.path, 6.0, 0.0, self.method, (), self.heard.redacted)

    def verified(self, transcriber: FakeTranscriber) -> VerifiedAudio:
        """Verify and mend."""
        stages = AudioStages(transcriber, None, None, None, self.speakers)  # type: ignore[arg-type]
        return verify_audio(
            self.sound,
            self.heard,
            source=self.source,
            tracks=self.source.info().audio,
            stages=stages,
            rerender=self.render,
            run=Run(),
        )

    def stored(self) -> Samples:
        """Decode the stored sound."""
        source = FileSource(self.path)
        return samples_of(list(source.audio(source.info().audio[0].id, 24_000)))


@pytest.fixture
def everything_is_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the listener transcribe tones."""
    monkeypatch.setattr("redaction.audio.listening.segment.SileroVad", FakeAllSpeech)


@pytest.fixture
def voices(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeVoiceCheck]:
    """Return what sets the cosines of the voices that are compared."""

    def give(*cosines: float) -> FakeVoiceCheck:
        check = FakeVoiceCheck(cosines)
        monkeypatch.setattr(verified_audio, "VoiceCheck", check)
        monkeypatch.setattr(Call, "speakers", SpeakerModels(None, None))  # type: ignore[arg-type]
        return check

    return give


pytestmark = pytest.mark.usefixtures("everything_is_speech")
Voices = Callable[..., FakeVoiceCheck]
FAR, NEAR = SAME_SPEAKER_COSINE - 0.2, SAME_SPEAKER_COSINE + 0.2


def test_a_personal_word_that_is_heard_again_is_silenced(tmp_path: Path, voices: Voices) -> None:
    """Where a personal word is heard the stored sound is silent afterwards, and what is around it is not."""
    voices(FAR)
    call = Call(tmp_path / "s.m4a")
    transcriber = FakeTranscriber({SAID[0]: "hello", SAID[1]: f"{NAME}!"})
    result = call.verified(transcriber)
    samples = call.stored()
    assert np.abs(samples[round(4.0 * 24_000) : round(5.0 * 24_000)]).max() < 0.003
    assert np.abs(samples[round(1.0 * 24_000) : round(2.0 * 24_000)]).max() > 0.1
    assert transcriber.heard == 2
    assert [event.span for event in result.events] == [SAID[1]]
    assert [(check.name, check.passed) for check in result.checks] == [
        ("no-personal-word-heard", True),
        ("voice-not-recognised", True),
    ]


def test_a_personal_word_that_is_heard_on_and_on_ends_the_run(tmp_path: Path, voices: Voices) -> None:
    """A word that two rounds of silence do not take away is exit status 3."""
    voices(FAR)
    call = Call(tmp_path / "s.m4a")
    call.render = lambda silent: call.sound  # type: ignore[method-assign]
    with pytest.raises(RedactionIncomplete, match="can still be heard") as error:
        call.verified(FakeTranscriber({SAID[1]: NAME}))
    assert error.value.exit_code == 3
    assert NAME not in error.value.sentence


def test_a_personal_number_is_heard_in_parts(tmp_path: Path) -> None:
    """A number is known by its digits, in whatever words or groups it is heard."""
    call = Call(tmp_path / "s.m4a")
    number = Utterance((Word("020", SAID[1]), Word("7946", SAID[1])), SAID[1], "S1", "A1")
    heard = replace(call.heard, utterances=(call.heard.utterances[0], number))
    heard = replace(heard, findings=(replace(heard.findings[0], last=2, entity_type=EntityType.PHONE),))
    assert personal_words(heard).numbers == {"0207946"}
    assert personal_words(heard).words == frozenset()


def test_a_word_that_is_also_kept_is_not_looked_for(tmp_path: Path) -> None:
    """What stands elsewhere in what is kept is no leak when it is heard."""
    call = Call(tmp_path / "s.m4a")
    assert personal_words(call.heard).words == {"adaeze"}
    kept = replace(call.heard.redacted[0], tokens=(Token(f"{NAME},", SAID[0]),))
    assert personal_words(replace(call.heard, redacted=(kept,))).words == frozenset()


@pytest.mark.parametrize("redraws", [1, 4])
def test_voices_that_are_too_near_are_drawn_anew(tmp_path: Path, voices: Voices, redraws: int) -> None:
    """Up to four times new voices are drawn; each time what they say is heard again before they are compared."""
    check = voices(*[NEAR] * redraws, FAR)
    call = Call(tmp_path / "s.m4a")
    transcriber = FakeTranscriber({SAID[0]: "hello"})
    result = call.verified(transcriber)
    assert len(call.silences) == redraws
    assert check.asked == transcriber.heard == redraws + 1
    assert [event.detail for event in result.events] == [{"reason": "voices drawn anew"}] * redraws
    assert result.notes == ()
    assert result.checks[-1].figure == pytest.approx(FAR)


def test_new_voices_do_not_bring_a_personal_word_back(tmp_path: Path, voices: Voices) -> None:
    """A word that only the redrawn voices seem to say is silenced too, and the voices compared once more."""
    check = voices(NEAR, FAR)
    call = Call(tmp_path / "s.m4a")
    transcriber = FakeTranscriber({SAID[0]: "hello"})
    render = call.render

    def redrawn(silent: Sequence[Span]) -> RenderedAudio:
        transcriber.said = {SAID[1]: NAME}
        return render(silent)

    call.render = redrawn  # type: ignore[method-assign]
    result = call.verified(transcriber)
    assert [event.detail["reason"] for event in result.events] == ["voices drawn anew", "personal word heard"]
    assert np.abs(call.stored()[round(4.0 * 24_000) : round(5.0 * 24_000)]).max() < 0.003
    assert check.asked == 2


def test_voices_that_stay_too_near_end_the_run(tmp_path: Path, voices: Voices) -> None:
    """When the fourth draw is too near as well nothing may be published: exit status 3."""
    check = voices(NEAR)
    call = Call(tmp_path / "s.m4a")
    with pytest.raises(RedactionIncomplete, match="may be recognised") as error:
        call.verified(FakeTranscriber({SAID[0]: "hello"}))
    assert error.value.exit_code == 3
    assert len(call.silences) == 4
    assert check.asked == 5


def test_a_disguised_voice_that_is_near_is_said_to_be(tmp_path: Path, voices: Voices) -> None:
    """`disguise` promises no anonymity: a near voice is a failed check and a note, and is not drawn anew."""
    voices(NEAR)
    call = Call(tmp_path / "s.m4a", method="disguise")
    result = call.verified(FakeTranscriber({SAID[0]: "hello"}))
    assert call.silences == []
    assert result.notes == ("disguised-voice-may-be-recognised",)
    assert (result.checks[-1].passed, result.checks[-1].limit) == (False, SAME_SPEAKER_COSINE)


def test_without_the_speaker_models_a_note_says_so(tmp_path: Path) -> None:
    """Voices that could not be compared are told of, and no check claims otherwise."""
    result = Call(tmp_path / "s.m4a").verified(FakeTranscriber({SAID[0]: "hello"}))
    assert result.notes == ("voices-not-compared",)
    assert [check.name for check in result.checks] == ["no-personal-word-heard"]


def test_sound_that_should_be_silent_and_is_not_ends_the_run(tmp_path: Path) -> None:
    """`mute` is held against the stored samples."""
    call = Call(tmp_path / "s.m4a", method="mute")
    with pytest.raises(RedactionIncomplete, match="should be silent"):
        call.verified(FakeTranscriber({}))
    call.render([Span(0, 6)])
    assert [check.name for check in call.verified(FakeTranscriber({})).checks] == ["silent"]


class FakeBrightReader:
    """Takes whatever is bright in a picture for one line of text."""

    def find(self, picture: np.ndarray) -> list[Place]:
        """Return the box around the bright pixels, if there are any."""
        rows, columns = np.nonzero(picture.min(axis=2) > 200)
        if len(rows) < 8:
            return []
        box = Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
        return [Place(box, box.height)]

    def read(self, lines: Sequence[np.ndarray]) -> list[Reading]:
        """Return that each is a name."""
        return [Reading("Siobhan Kelly", 1.0) for _ in lines]


class FakeTellingJudge(Judge):
    """Holds every line personal."""

    def __init__(self) -> None:
        self._text = "personal"

    def telling(self, readings: Sequence[Reading]) -> list[bool]:
        """All are."""
        return [True for _ in readings]


def test_text_is_covered_for_as_long_as_it_stands(tmp_path: Path) -> None:
    """Text that the second look finds is covered on frames that it did not look at, and nowhere else."""
    track = TrackInfo("V1", TrackKind.VIDEO, WIDTH, HEIGHT, Fraction(FPS), Fraction(1, FPS), 0, 0)
    base = stored(tmp_path / "made.mp4", proofs=bare)
    made: list[FrameProof] = []
    with VideoWriter.of_track(tmp_path / "text.mp4", track, Policy().output) as writer:
        for number in range(FPS * 9):
            y = np.full((HEIGHT, WIDTH), DARK, np.uint8)
            if number < FPS * 7:
                y[FACE.y1 : FACE.y2, FACE.x1 : FACE.x2 : 4] = BRIGHT
                y[FACE.y1 : FACE.y2, FACE.x1 + 1 : FACE.x2 : 4] = BRIGHT
            chroma = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
            frame = VideoFrame(y, chroma, chroma, number, Fraction(1, FPS))
            made.append(bare(frame))
            writer.write(frame)
    verdict = verify_video(
        replace(base, path=tmp_path / "text.mp4", proofs=tuple(made)),
        policy=Policy(),
        look=FakeBrightLook(least=10**6),
        run=Run(),
        screen=ScreenReader(FakeBrightReader(), FakeTellingJudge(), None),
    )
    frames = frames_of(list(FileSource(verdict.video.path).video("V1")))
    assert len(frames) == FPS * 9
    assert all(int(frame.y.max()) < 150 for frame in frames)
    assert any(event.kind is EventKind.MENDED for event in verdict.events)
    assert not len(verdict.video.proofs[-1].boxes)
