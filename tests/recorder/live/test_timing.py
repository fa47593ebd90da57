"""Sound and picture of one participant stay together on their whole way to the disk, for longer than an hour."""

from __future__ import annotations

import numpy as np

from recorder.call.rtc.tracks import AudioPlacer
from recorder.call.source import TimedAudio
from recorder.live.capture.audio_track import ResampledInput
from tests.recorder.call.rtc.test_clock import Sender

BLOCK_S = 0.12
EVERY = 2500


def test_what_is_stored_of_one_instant_is_together_at_start_and_after_an_hour() -> None:
    """A click lies within 60 ms of the picture of its instant, from the first seconds to past an hour of drift."""
    sender = Sender(ntp_ppm=40, sound_ppm=80, picture_ppm=-60)
    placer, ear = AudioPlacer(48_000), ResampledInput()
    heard: list[float] = []
    seen: list[float] = []
    reported = 2.0
    for step in range(round(3700 / BLOCK_S)):
        now = step * BLOCK_S
        if now >= reported:
            for name in sender.tracks:
                sender.report(name, now + sender.chance.uniform(0, 0.05))
            reported = now + sender.chance.uniform(1, 6)
        count = (sender.rtp("sound", now + BLOCK_S) - sender.rtp("sound", now)) & 0xFFFFFFFF
        samples = np.zeros(count, np.float32)
        click = step % EVERY == 50
        samples[:96] = click
        picture = sender.media("picture", now)
        if click:
            seen.append(picture)
        begin, placed = placer.place(sender.media("sound", now), samples, hole=False)
        for block in ear.take(TimedAudio(placed, 48_000, begin)):
            loud = np.flatnonzero(np.abs(block.samples) > 0.3)
            if len(loud):
                heard.append((block.start + int(loud[0])) / block.sample_rate)
    assert seen[0] < 10
    assert seen[-1] > 3600
    assert len(heard) == len(seen)
    assert max(abs(sound - picture) for sound, picture in zip(heard, seen, strict=True)) < 0.060
