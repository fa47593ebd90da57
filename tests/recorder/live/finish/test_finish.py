"""From the folder of a call to a published bundle, with the real models."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from recorder.bundle.manifest import BundleState
from recorder.bundle.publish import Published
from recorder.bundle.quality import Quality
from recorder.bundle.verify_files import verify_bundle
from recorder.live.finish.finish import finish
from recorder.live.store.journal import Journal
from recorder.live.store.segments import VideoSegment
from recorder.media.file import FileSource
from recorder.runtime.context import Cancellation, Run
from redaction.errors import ConsentRefused, ModelUnavailable
from redaction.model import (
    AudioBlock,
    Event,
    EventKind,
    Examined,
    Gap,
    RedactedFrame,
    Samples,
    Span,
    VideoFrame,
)
from redaction.policy import Policy, VoiceSection
from redaction.stages import Stages
from tests.recorder.live.fakes import deaf_and_blind
from tests.recorder.live.staged import (
    SPEAKING_HZ,
    Picture,
    StagedCall,
    StagedPerson,
    StagedPicture,
    StagedSound,
    gap,
    moving,
    planes_of,
    receipt_of,
    stage,
    tone_at,
)

ADA, BOB, EVE = "a" * 16, "b" * 16, "e" * 16
BLUE, RED, GREEN = (40, 80, 160), (160, 60, 40), (20, 160, 90)
FLASH_AT, BEEP_AT = 3.0, 3.0


@pytest.fixture(scope="module")
def stages() -> Stages:
    """The real models."""
    made = Stages(Policy())
    try:
        _ = made.second_look, made.audio
    except ModelUnavailable:
        pytest.skip("the models are not in the cache: offrecord models fetch")
    return made


def finished(call: StagedCall, stages: Stages) -> Published:
    """Finish a staged call."""
    return finish(call.writer, stages=stages, run=Run())


def three_people(folder: Path) -> StagedCall:
    """Stage a call: one leaves and comes back, one shares a screen, one only listens; their orders have gaps."""
    return stage(
        folder,
        [
            StagedPerson(EVE, 9, stays=[(1, 8)]),
            StagedPerson(
                BOB,
                4,
                [
                    StagedPicture(moving(RED), 2.0, 4.0),
                    StagedPicture(moving(GREEN, size=(320, 180)), 4.0, 2.0, size=(320, 180), kind="screen"),
                ],
                stays=[(1, 8)],
                quality_seconds=30,
            ),
            StagedPerson(
                ADA,
                1,
                [
                    StagedPicture(moving(BLUE, flash=FLASH_AT), 0.5, 3.5, fps=30),
                    StagedPicture(moving(BLUE), 6.0, 1.5),
                ],
                [StagedSound(tone_at(6.0, beep=BEEP_AT - 1.25), 1.25)],
                [("hello", 2.0, 2.3, None), ("PERSON 1", 2.3, 2.8, "PERSON"), ("there", 2.8, 3.0, None)],
                [(0, 4), (5.5, 8)],
                [
                    gap(2.0, 2.4),
                    (Event(EventKind.LOAD, span=Span(1.5, 1.5), detail={"level": "half"}), "camera"),
                    (
                        Event(
                            EventKind.VERIFY,
                            detail={"check": "voice-not-recognised", "figure": 0.21, "limit": 0.5},
                        ),
                        "microphone",
                    ),
                ],
                quality_seconds=8,
            ),
        ],
    )


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, stages: Stages) -> Published:
    """The call of three people, finished."""
    return finished(three_people(tmp_path_factory.mktemp("call")), stages)


def shown(path: Path, time: float) -> Picture:
    """Return the stored frame that is seen at a time, uint8 (H, W, 3) RGB."""
    last: av.VideoFrame | None = None
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            if frame.time > time:
                break
            last = frame
        assert last is not None
        return np.asarray(last.to_ndarray(format="rgb24"), np.uint8)


def heard(path: Path, *, rate: int = 16_000) -> Samples:
    """Return the stored sound."""
    source = FileSource(path)
    blocks = list(source.audio(source.info().audio[0].id, rate))
    assert not any(isinstance(item, Gap) for item in blocks)
    return np.concatenate([item.samples for item in blocks if isinstance(item, AudioBlock)])


def log_of(bundle: Path) -> list[dict[str, Any]]:
    """Return the lines of the log."""
    return [json.loads(line) for line in (bundle / "log.jsonl").read_text().splitlines()]


def is_near(pixel: np.ndarray[Any, Any], colour: tuple[int, int, int]) -> bool:
    """Tell whether a pixel has a colour, as well as a codec keeps it."""
    return bool(np.abs(pixel.astype(int) - np.array(colour)).max() < 40)


def test_bundle_verifies_and_nothing_of_the_call_s_folder_is_left(published: Published) -> None:
    """A finished call verifies, stands alone in its folder, and names nobody by their token."""
    assert len(verify_bundle(published.path)) == 5
    assert published.manifest.state is BundleState.PUBLISHED
    assert [item.name for item in published.path.parent.iterdir()] == ["call-1.offrecord"]
    assert set(published.manifest.files) == {
        "log.jsonl", "quality.json", "receipts.json", "recording.mp4", "report.html", "transcript.json",
        "transcript.vtt", "tracks/p01-camera.mp4", "tracks/p01-microphone.m4a", "tracks/p02-camera.mp4",
        "tracks/p02-screen.mp4",
    }  # fmt: skip
    stored = b"".join(item.read_bytes() for item in published.path.rglob("*") if item.is_file())
    assert not any(token.encode() in stored for token in (ADA, BOB, EVE))


def test_participants_are_numbered_in_order_of_joining(published: Published) -> None:
    """Numbers follow the order of joining without gaps, and every track is its owner's."""
    people = published.manifest.participants
    assert people is not None
    assert [person.id for person in people.people] == ["P01", "P02", "P03"]
    assert [person.receipt for person in people.people] == [receipt_of(token) for token in (ADA, BOB, EVE)]
    assert people.recorded == 3
    assert is_near(shown(published.path / "tracks/p01-camera.mp4", 1.0)[10, 10], BLUE)
    assert is_near(shown(published.path / "tracks/p02-camera.mp4", 3.0)[10, 10], RED)
    assert is_near(shown(published.path / "tracks/p02-screen.mp4", 5.0)[100, 10], GREEN)


@pytest.mark.parametrize(
    ("time", "there"), [(0.2, False), (1.0, True), (5.0, False), (7.0, True), (7.9, False)]
)
def test_tracks_stand_on_the_call_clock_and_are_black_in_between(
    published: Published, time: float, there: bool
) -> None:
    """A track shows its pieces at call times and black where there is none."""
    picture = shown(published.path / "tracks/p01-camera.mp4", time)
    assert is_near(picture[10, 10], BLUE) == there
    assert there or picture.max() < 12


def test_sound_and_picture_of_the_composed_recording_are_aligned(published: Published) -> None:
    """A flash and a beep at one moment of the call are within 60 ms of it, and of each other, in the recording."""
    with av.open(str(published.path / "recording.mp4")) as container:
        flash = next(
            frame.time
            for frame in container.decode(video=0)
            if frame.to_ndarray(format="gray")[200:220, 300:320].mean() > 200
        )
    sound = heard(published.path / "recording.mp4")
    beep = float(np.argmax(np.abs(sound) > 0.1)) / 16_000
    assert abs(flash - FLASH_AT) < 0.06
    assert abs(beep - BEEP_AT) < 0.06
    assert abs(flash - beep) < 0.06
    assert abs(len(sound) / 16_000 - published.manifest.duration) < 0.06


def test_transcript_names_participants_by_number(published: Published) -> None:
    """Words stand under P01, personal ones masked."""
    text = (published.path / "transcript.vtt").read_text()
    assert "<v P01>hello [PERSON 1] there" in text
    utterance = json.loads((published.path / "transcript.json").read_text())["utterances"][0]
    assert (utterance["speaker"], utterance["track"]) == ("P01", "P01-microphone")


def test_quality_is_kept_within_the_call(published: Published) -> None:
    """Each connection's seconds are there, under its number; what lies after the call is not."""
    quality = Quality.model_validate_json((published.path / "quality.json").read_bytes())
    rows = {person.id: person.seconds for person in quality.participants}
    assert [second.time for second in rows["P01"]] == [float(n) for n in range(1, 9)]
    assert rows["P02"][-1].time <= published.manifest.duration + 1
    assert rows["P03"] == ()


def test_facts_are_merged_into_the_log_in_order_of_time(published: Published) -> None:
    """The log goes on from the call-wide lines with everybody's facts, by time, under their numbers."""
    lines = log_of(published.path)
    assert lines[0]["event"] == "started"
    placed = [line for line in lines if line.get("track", "").startswith("P01") and "span" in line]
    assert [line["event"] for line in placed if line["event"] != "finding"] == ["load", "gap"]
    assert [entry.reason for entry in published.manifest.gaps] == ["no pictures"]


def test_voice_figure_of_the_recording_process_is_reported(published: Published) -> None:
    """What only the recording process could compare stands among the checks with its limit."""
    check = next(item for item in published.manifest.checks if item.name == "voice-not-recognised")
    assert "speaker.campplus" in {model.name for model in published.manifest.models}
    assert check.passed
    assert check.figure == 0.21
    assert "voices-not-compared" not in published.manifest.notes


def test_pieces_of_several_sizes_become_one_track(tmp_path: Path) -> None:
    """A camera that changed its size is one track in the largest, in the right order."""
    person = StagedPerson(
        ADA,
        1,
        [
            StagedPicture(moving(BLUE), 0.0, 1.0),
            StagedPicture(moving(RED, size=(320, 240)), 1.0, 1.0, size=(320, 240)),
        ],
    )
    bundle = finished(stage(tmp_path, [person]), deaf_and_blind())
    track = bundle.path / "tracks/p01-camera.mp4"
    assert (bundle.manifest.tracks[0].width, bundle.manifest.tracks[0].height) == (320, 240)
    assert is_near(shown(track, 0.5)[10, 10], BLUE)
    assert is_near(shown(track, 1.5)[10, 10], RED)


def test_screen_that_stood_still_for_minutes_is_kept(tmp_path: Path) -> None:
    """A hole in the even rhythm of a stored piece is no damage: its proofs say when every frame is."""
    call = stage(tmp_path, [StagedPerson(ADA, 1)])
    journal = Journal(call.partial)
    output = Policy().output
    piece = VideoSegment(
        journal.segment(ADA, "screen"), kind="screen", start=0.0, width=64, height=48, output=output
    )
    planes = planes_of(np.full((48, 64, 3), 90, np.uint8))
    for time in [*np.arange(0, 30, 1 / 15), *np.arange(230, 232, 1 / 15)]:
        frame = VideoFrame(*planes, round(time * 90_000), Fraction(1, 90_000))
        piece.write(RedactedFrame(frame, (), Examined.DETECTED))
    piece.close()
    journal.close()
    track = FileSource(piece.paths.media)
    assert not any(isinstance(item, Gap) for item in track.video("V1"))
    bundle = finished(call, deaf_and_blind())
    assert bundle.manifest.gaps == ()
    assert bundle.manifest.tracks[0].spans[0].end == pytest.approx(232, abs=0.3)


def test_face_in_a_stored_piece_is_covered(tmp_path: Path, stages: Stages) -> None:
    """A face that the first look let through is found in the stored piece, covered, and told of."""
    from samples.picture import portrait

    try:
        face = cv2.cvtColor(portrait()[4:304, 28:348], cv2.COLOR_BGR2RGB)
    except ModelUnavailable:
        pytest.skip("the photograph cannot be had here")
    picture = np.full((300, 400, 3), 90, np.uint8)
    picture[:, 80:] = face
    person = StagedPerson(ADA, 1, [StagedPicture(lambda _: picture, 0.0, 2.0, size=(400, 300))])
    bundle = finished(stage(tmp_path, [person]), stages)
    stored = shown(bundle.path / "tracks/p01-camera.mp4", 1.0)
    eyes = stored[70:110, 260:330].astype(int)
    assert eyes.std() < 4
    assert np.abs(eyes - eyes.mean()).max() < 20
    assert any(line["event"] == "mended" for line in log_of(bundle.path))
    source = FileSource(bundle.path / "tracks/p01-camera.mp4")
    frames = [item for item in source.video("V1") if not isinstance(item, Gap)]
    assert not stages.second_look.search(frames[20])


def test_altered_piece_is_left_out(tmp_path: Path) -> None:
    """A piece that does not show what its proofs say is in no file of the bundle, and the manifest says so."""
    honest = stage(
        tmp_path / "one",
        [
            StagedPerson(
                ADA, 1, [StagedPicture(moving(BLUE), 0.0, 1.0), StagedPicture(moving(BLUE), 2.0, 1.0)]
            )
        ],
    )
    other = tmp_path / "other.mp4"
    with av.open(str(other), "w") as container:
        stream = container.add_stream("libx264", rate=15)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(15):
            frame = av.VideoFrame.from_ndarray(np.full((120, 160, 3), 255 - number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    shutil.copy(other, honest.folders[ADA] / "camera-0002.mp4")
    bundle = finished(honest, deaf_and_blind())
    assert [entry.track for entry in bundle.manifest.gaps] == ["P01-camera"]
    assert bundle.manifest.gaps[0].reason in ("cut off", "unproven")
    assert len(bundle.manifest.tracks[0].spans) == 1
    assert any("left out" in line for line in bundle.attention)


def test_picture_that_shows_other_than_its_proof_is_left_out(tmp_path: Path) -> None:
    """A fragment with the right number of frames at the right times but without its covers is not published."""
    call = stage(tmp_path / "a", [StagedPerson(ADA, 1, [StagedPicture(moving(BLUE), 0.0, 1.0)])])
    bare = stage(
        tmp_path / "b",
        [StagedPerson(BOB, 1, [StagedPicture(moving((250, 250, 250)), 0.0, 1.0)])],
        covered=False,
    )
    shutil.copy(bare.folders[BOB] / "camera-0001.mp4", call.folders[ADA] / "camera-0001.mp4")
    bundle = finished(call, deaf_and_blind())
    assert [entry.reason for entry in bundle.manifest.gaps] == ["unproven"]
    assert bundle.manifest.tracks == ()


def test_frames_without_proof_are_cut_off(tmp_path: Path) -> None:
    """When lines of proof are missing at the end, the fragments that they would prove are not published."""
    call = stage(tmp_path, [StagedPerson(ADA, 1, [StagedPicture(moving(BLUE), 0.0, 6.0)], cut_off=True)])
    sidecar = call.folders[ADA] / "camera-0001.jsonl"
    lines = sidecar.read_text().splitlines(keepends=True)
    sidecar.write_text("".join(lines[:2]) + lines[2][: len(lines[2]) // 2])
    bundle = finished(call, deaf_and_blind())
    assert bundle.manifest.coverage.video.frames == 30
    assert bundle.manifest.coverage.video.unaccounted == 30
    assert bundle.manifest.coverage.video.share_of_area_covered == pytest.approx(40 * 40 / 19200, abs=0.005)
    assert bundle.manifest.tracks[0].spans[0].end < 2.3


@pytest.mark.parametrize("name", ["Rebecca Johnson", "Ben Johnson"])
def test_personal_word_that_is_still_heard_falls_silent(tmp_path: Path, stages: Stages, name: str) -> None:
    """A name left in the stored audio is silent in every track, and masked in the transcript; other words stay."""
    voice = import_module("hibari").Hibari()
    spoken = np.asarray(voice(f"My name is {name}. The weather is lovely today.", seed=7), np.float32)
    seconds = len(spoken) / SPEAKING_HZ
    first = name.split()[0]
    person = StagedPerson(
        ADA,
        1,
        sounds=[StagedSound(spoken, 0.5)],
        words=[(first, 1.0, 1.6, None), ("lovely", seconds - 0.6, seconds - 0.2, None)],
        stays=[(0, seconds + 1)],
    )
    before = stages.audio.transcriber
    bundle = finished(stage(tmp_path, [person]), stages)
    assert before is stages.audio.transcriber
    text = (bundle.path / "transcript.vtt").read_text()
    assert first not in text
    words = _words(heard(bundle.path / "tracks/p01-microphone.m4a"), stages).split()
    assert "weather" in words
    whole = _words(heard(bundle.path / "recording.mp4"), stages).split()
    plain = {word.strip(".,") for word in (*words, *whole)}
    assert not plain & {first.casefold(), "johnson"}
    assert any(line["event"] == "mended" for line in log_of(bundle.path))


def _words(samples: Samples, stages: Stages) -> str:
    from redaction.audio.listening.listen import Listener

    listener = Listener(track="A", speaker="S", transcriber=stages.audio.transcriber, aligner=None)
    found = [*listener.push(AudioBlock(samples.copy(), 0, 16_000)), *listener.flush()]
    return " ".join(item.text for item in found).casefold()


def test_voice_that_may_be_recognised_is_silent(tmp_path: Path) -> None:
    """When the recording process found a stored voice too close, nothing of that participant is heard."""
    told = Event(EventKind.VERIFY, detail={"check": "voice-not-recognised", "figure": 0.93})
    person = StagedPerson(
        ADA,
        1,
        sounds=[StagedSound(tone_at(2.0, beep=0.5))],
        events=[(told, "microphone")],
    )
    bundle = finished(stage(tmp_path, [person]), deaf_and_blind())
    assert np.abs(heard(bundle.path / "recording.mp4")).max() < 1e-3
    assert np.abs(heard(bundle.path / "tracks/p01-microphone.m4a")).max() < 1e-3
    assert bundle.manifest.notes == ("voice-might-be-recognised-and-is-silent",)


def test_disguise_that_may_be_recognised_is_heard_and_told(tmp_path: Path) -> None:
    """A disguised voice that came too close is stored, since the policy asks for it, and the bundle says so."""
    policy = Policy(voice=VoiceSection(method="disguise"))
    told = Event(EventKind.VERIFY, detail={"check": "voice-not-recognised", "figure": 0.7})
    person = StagedPerson(ADA, 1, sounds=[StagedSound(tone_at(2.0, beep=0.5))], events=[(told, "microphone")])
    bundle = finished(stage(tmp_path, [person], policy=policy), deaf_and_blind(policy))
    assert np.abs(heard(bundle.path / "tracks/p01-microphone.m4a")).max() > 0.1
    assert "speaker.campplus" in {model.name for model in bundle.manifest.models}
    assert bundle.manifest.notes == ("disguised-voice-may-be-recognised",)
    verify_bundle(bundle.path)


def test_reason_that_the_manifest_does_not_know_is_a_loss(tmp_path: Path) -> None:
    """A gap is told in any case, also when its reason is none of the usual words."""
    odd = Event(EventKind.GAP, span=Span(0.5, 1.0), detail={"reason": "RTP reset"})
    bundle = finished(stage(tmp_path, [StagedPerson(ADA, 1, events=[(odd, "camera")])]), deaf_and_blind())
    assert [(entry.track, entry.reason) for entry in bundle.manifest.gaps] == [("P01-camera", "lost")]


def test_nobody_agreed(tmp_path: Path) -> None:
    """A call in which nobody agreed leaves nothing at all, and says so by status 4."""
    call = stage(tmp_path, [])
    with pytest.raises(ConsentRefused):
        finished(call, deaf_and_blind())
    assert list(tmp_path.iterdir()) == []


def test_failure_keeps_the_call_s_folder(tmp_path: Path) -> None:
    """When finishing fails the pieces stay as they were, and finishing again succeeds."""
    call = stage(tmp_path, [StagedPerson(ADA, 1, [StagedPicture(moving(BLUE), 0.0, 1.0)])])
    stopped = Cancellation()
    stopped.cancel()
    with pytest.raises(Exception, match="stopped"):
        finish(call.writer, stages=deaf_and_blind(), run=Run(cancellation=stopped))
    assert (call.folders[ADA] / "camera-0001.mp4").is_file()
    from recorder.bundle.writer import BundleWriter

    again = finish(
        BundleWriter.adopt(call.partial),
        stages=deaf_and_blind(),
        run=Run(),
    )
    assert len(verify_bundle(again.path)) == 5
