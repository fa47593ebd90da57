"""Callers on channels of their own become tracks; what only repeats or cancels others does not hide or double words."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from recorder.media.file import FileSource
from recorder.runtime.context import Run
from recorder.sources.channels import (
    CHANNELS_CANCEL,
    MIX_LEFT_OUT,
    ArrangedSource,
    ChannelMode,
    arrange_audio,
)
from redaction.errors import UsageError
from redaction.model import Gap, Samples
from tests.media import samples_of
from tests.recorder.live.speech import RATE, spoken

SECONDS = 8
SECOND_LINE = "the contract runs until march and then we talk again"


def line(text: str, *places: float) -> Samples:
    """Return silence with a sentence at each place, float32 (n,) at 48,000 Hz."""
    made = np.zeros(SECONDS * RATE, np.float32)
    for place in places:
        start = round(place * RATE)
        part = spoken(text)[: len(made) - start]
        made[start : start + len(part)] += part
    return made


def first(*places: float) -> Samples:
    """Return what one person says."""
    return line("good morning everybody and welcome to the meeting", *places)


def second(*places: float) -> Samples:
    """Return what another person says."""
    return line(SECOND_LINE, *places)


def noise(level: float = 0.001) -> Samples:
    """Return hiss."""
    return (np.random.default_rng(1).standard_normal(SECONDS * RATE) * level).astype(np.float32)


def wav(path: Path, *channels: Samples) -> FileSource:
    """Write channels as one track of 16-bit samples."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(np.stack(channels, 1), -1, 1) * 32767).astype("<i2").tobytes())
    return FileSource(path)


def mka(path: Path, *tracks: Samples) -> FileSource:
    """Write tracks of AAC."""
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("aac", rate=RATE, layout="mono", options={"b": "96k"}) for _ in tracks]
        for stream, samples in zip(streams, tracks, strict=True):
            for at in range(0, len(samples) - 1023, 1024):
                frame = av.AudioFrame.from_ndarray(samples[None, at : at + 1024].copy(), "fltp", "mono")
                frame.sample_rate, frame.pts, frame.time_base = RATE, at, Fraction(1, RATE)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return FileSource(path)


def arranged(source: FileSource, mode: ChannelMode = "auto", *own: str) -> ArrangedSource:
    """Arrange the audio of a source."""
    return arrange_audio(source, mode=mode, own=own, run=Run())


def tracks(source: ArrangedSource) -> list[str]:
    """Return the ids of the audio tracks."""
    return [track.id for track in source.info().audio]


def level(source: ArrangedSource, track: str, start: float, end: float) -> float:
    """Return the level of a stretch of a track, root mean square."""
    samples = samples_of([item for item in source.audio(track, 16_000) if not isinstance(item, Gap)])
    return float(np.sqrt(np.mean(np.square(samples[round(start * 16_000) : round(end * 16_000)]))))


def test_a_caller_on_each_channel_is_a_track(tmp_path: Path) -> None:
    """Two callers who talk over each other are two tracks, each with their own words alone."""
    left, right = first(0.5, 5.0), second(2.0)
    source = arranged(wav(tmp_path / "a.wav", left, right))
    assert tracks(source) == ["A1", "A2"]
    assert [track.channels for track in source.info().audio] == [1, 1]
    assert source.notes == ()
    assert level(source, "A1", 5.2, 6.5) > 0.02
    assert level(source, "A2", 5.2, 6.5) < 1e-4
    assert level(source, "A2", 2.2, 3.5) > 0.02


def test_callers_with_hiss_and_echo_are_tracks(tmp_path: Path) -> None:
    """Each channel may hold hiss, and the other caller 20 dB down."""
    left, right = first(0.5, 5.0), second(2.0)
    source = arranged(wav(tmp_path / "a.wav", left + 0.1 * right + noise(), right + 0.1 * left + noise()))
    assert tracks(source) == ["A1", "A2"]


def test_modes_of_the_policy(tmp_path: Path) -> None:
    """`mix` makes one track of two callers, `separate` two of one voice, and a participant's own track is one."""
    callers = wav(tmp_path / "a.wav", first(0.5, 5.0), second(2.0))
    same = wav(tmp_path / "b.wav", first(0.5), first(0.5))
    assert tracks(arranged(callers, "mix")) == ["A1"]
    assert tracks(arranged(same, "separate")) == ["A1", "A2"]
    assert tracks(arranged(callers, "auto", "A1")) == ["A1"]


def test_stereo_microphones_are_one_track(tmp_path: Path) -> None:
    """Channels that hear the same, one louder, later or with hiss, are mixed; so is one with a silent neighbour."""
    voice = first(0.5) + second(4.0)
    later = np.roll(voice, 12) * 0.6 + noise()
    panned = first(0.5) * 0.7 + second(4.0)
    for number, right in enumerate((voice, later, np.zeros_like(voice), noise(), panned)):
        source = arranged(wav(tmp_path / f"{number}.wav", voice, right))
        assert tracks(source) == ["A1"], number
        assert source.notes == ()
        assert level(source, "A1", 0.7, 1.7) > 0.01


def test_noise_on_the_other_channel_is_no_caller(tmp_path: Path) -> None:
    """A channel on which something sounds that is no speech is not a track of its own."""
    time = np.arange(SECONDS * RATE) / RATE
    beeps = (0.2 * np.sin(2 * np.pi * 700 * time) * (time % 2 > 1.2)).astype(np.float32)
    assert tracks(arranged(wav(tmp_path / "a.wav", first(0.5), beeps))) == ["A1"]


def test_channels_of_a_recorder_with_four_inputs(tmp_path: Path) -> None:
    """Of four channels, of which two are callers, one repeats one of them and one is silent, two are tracks."""
    left, right = first(0.5, 5.0), second(2.0)
    source = arranged(wav(tmp_path / "a.wav", left, np.zeros_like(left), right, left * 0.8))
    assert len(tracks(source)) == 2
    assert level(source, "A1", 5.2, 6.5) > 0.02
    assert level(source, "A2", 2.2, 3.5) > 0.02


@pytest.mark.parametrize("mode", ["auto", "mix"])
@pytest.mark.parametrize("since", [0.0, 4.0])
def test_an_inverted_channel_does_not_silence_the_other(
    tmp_path: Path, mode: ChannelMode, since: float
) -> None:
    """Channels that cancel each other, throughout or from some time on, are not added up, and a note says so."""
    voice = first(0.5, 5.0)
    right = np.where(np.arange(len(voice)) < since * RATE, voice, -voice).astype(np.float32)
    source = arranged(wav(tmp_path / "a.wav", voice, right), mode)
    assert tracks(source) == ["A1"]
    assert source.notes == (CHANNELS_CANCEL,)
    assert level(source, "A1", 5.2, 6.5) > 0.02


@pytest.mark.parametrize("gains", [(1.0, 1.0), (0.5, 0.9)])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_track_that_mixes_others_is_left_out(
    tmp_path: Path, gains: tuple[float, float], place: int
) -> None:
    """The mix of two tracks is left out wherever it stands and however loud each is in it; the two keep their ids."""
    mine, theirs = first(0.5, 5.0), second(2.0)
    every = [mine, theirs]
    every.insert(place, mine * gains[0] + theirs * gains[1])
    source = arranged(mka(tmp_path / "a.mka", *every))
    assert tracks(source) == [f"A{number}" for number in (1, 2, 3) if number != place + 1]
    assert source.notes == (MIX_LEFT_OUT,)


def test_the_same_track_twice_is_one(tmp_path: Path) -> None:
    """Of two tracks with the same sound, of which one is softer, the second is kept."""
    source = arranged(mka(tmp_path / "a.mka", first(0.5, 5.0), first(0.5, 5.0) * 0.6))
    assert tracks(source) == ["A2"]


def test_tracks_with_words_of_their_own_are_kept(tmp_path: Path) -> None:
    """A track that holds a sentence which no other holds is no mix, and silent tracks explain nothing."""
    mine, theirs = first(0.5), second(2.0)
    extra = mine + theirs + first(5.5)
    source = arranged(mka(tmp_path / "a.mka", extra, mine, theirs, np.zeros_like(mine)))
    assert tracks(source) == ["A1", "A2", "A3", "A4"]
    assert source.notes == ()


def test_a_track_that_is_left_out_cannot_be_read(tmp_path: Path) -> None:
    """Nothing is heard of a track that is not there."""
    source = arranged(mka(tmp_path / "a.mka", first(0.5, 5.0), first(0.5, 5.0)))
    with pytest.raises(UsageError):
        next(iter(source.audio("A1", 16_000)))
