"""The sample call goes through the real command, and the result is held against the truth by other means."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from redaction.model import Span
from samples.make import PLANTED
from tests.e2e.conftest import Redacted, run_offrecord

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

RATE = 16_000
CHART = np.s_[180:500, 800:1220]
FILES = {"manifest.json", "recording.mp4", "transcript.vtt", "transcript.json", "log.jsonl", "report.html"}


@dataclass(frozen=True, slots=True)
class Pair:
    """A stored frame beside its source: times, how flat the true face's box is in each, and the chart's likeness."""

    stored: float
    source: float
    face_stored: float
    face_source: float
    chart: float


@pytest.fixture(scope="module")
def pairs(redacted: Redacted) -> list[Pair]:
    """Every stored frame beside its source."""
    films = (_luma(redacted.bundle / "recording.mp4"), _luma(redacted.sample.path))
    pairs = []
    for (time, image), (was, before), truth in zip(*films, redacted.sample.truth.faces, strict=True):
        face = np.s_[truth.box.y1 : truth.box.y2, truth.box.x1 : truth.box.x2]
        kept = np.abs(image[CHART].astype(np.int16) - before[CHART].astype(np.int16)) <= 24
        pairs.append(Pair(time, was, _flat(image[face]), _flat(before[face]), float(kept.mean())))
    return pairs


def _luma(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield time and luma of every frame of a file."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            plane = frame.reformat(format="gray").to_ndarray()
            yield float(frame.time or 0.0), np.asarray(plane, np.uint8)


def _flat(part: NDArray[np.uint8]) -> float:
    """Return the share of pixels that have one tone."""
    wide = part.astype(np.int16)
    return float((np.abs(wide - int(np.median(wide))) <= 4).mean())


def _sound(path: Path) -> NDArray[np.float32]:
    """Return the first sound track, mono at 16 kHz."""
    parts = []
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    return np.concatenate(parts)


def test_bundle_holds_its_files_and_no_other(redacted: Redacted) -> None:
    """The bundle is what docs/bundle.md says, under a name that says nothing."""
    assert {item.name for item in redacted.bundle.rglob("*")} == FILES
    assert re.fullmatch(r"recording-[0-9a-f]{32}\.offrecord", redacted.bundle.name)


def test_verify_passes_and_notices_one_changed_byte(redacted: Redacted, tmp_path: Path) -> None:
    """`offrecord verify` accepts the bundle, and refuses a copy with one byte changed by status 3."""
    assert run_offrecord(["verify", str(redacted.bundle)]).returncode == 0
    copy = tmp_path / redacted.bundle.name
    shutil.copytree(redacted.bundle, copy)
    data = bytearray((copy / "recording.mp4").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "recording.mp4").write_bytes(data)
    assert run_offrecord(["verify", str(copy)]).returncode == 3


def test_source_holds_what_must_vanish(redacted: Redacted) -> None:
    """The sample does hold tags, a chapter, a subtitle, an attachment and every planted word: the tests can fail."""
    data = redacted.sample.path.read_bytes().lower()
    missing = [word for word in PLANTED if word.encode() not in data and word not in ("4155550142",)]
    assert not missing
    with av.open(str(redacted.sample.path)) as container:
        kinds = [stream.type for stream in container.streams]
        assert container.chapters()
    assert {"video", "audio", "subtitle", "attachment"} <= set(kinds)


def test_recording_holds_one_picture_one_sound_and_nothing_else(redacted: Redacted) -> None:
    """No tag, chapter, subtitle, attachment or data stream is left."""
    with av.open(str(redacted.bundle / "recording.mp4")) as container:
        assert [(s.type, s.codec_context.name) for s in container.streams] == [
            ("video", "h264"),
            ("audio", "aac"),
        ]
        assert set(container.metadata) <= {"major_brand", "minor_version", "compatible_brands"}
        assert not container.chapters()
        assert all(set(stream.metadata) <= {"language"} for stream in container.streams)


@pytest.mark.parametrize("word", PLANTED)
def test_planted_words_are_in_no_file(redacted: Redacted, word: str) -> None:
    """No planted word is in any byte of any file, nor in what the command said; pictures in the report excepted."""
    needles = [word.encode(), word.encode("utf-16-le"), word.encode("utf-16-be")]
    for item in redacted.bundle.rglob("*"):
        data = re.sub(rb"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+", b"", item.read_bytes()).lower()
        assert not any(needle in data for needle in needles), f"in {item.name}"
        assert word not in item.name.lower()
    assert word not in redacted.said.lower()


def test_face_is_covered_in_every_frame(pairs: list[Pair]) -> None:
    """At least 95 % of the pixels of the true face box are one flat tone in every stored frame, not the source's."""
    assert [pair.stored for pair in pairs if pair.face_stored < 0.95] == []
    assert [pair.source for pair in pairs if pair.face_source >= 0.5] == []


def test_the_rest_of_the_picture_is_kept(pairs: list[Pair]) -> None:
    """Far from any face the picture is the source's: the chart, which never stands still, is there in every frame."""
    assert min(pair.chart for pair in pairs) > 0.95
    assert np.mean([pair.chart for pair in pairs]) > 0.98


def test_transcript_keeps_the_sense_and_hides_the_people(redacted: Redacted) -> None:
    """Names are consistent pseudonyms, two speakers are told apart, harmless words are all there."""
    text = (redacted.bundle / "transcript.vtt").read_text(encoding="utf-8")
    assert text.startswith("WEBVTT")
    assert text.count("[PERSON 1]") >= 2
    assert "[PERSON 2]" in text
    assert re.search(r"\[PHONE \d\]", text)
    assert "<v Speaker 1>" in text
    for word in ("export", "button", "nothing", "chart", "close", "works", "thank"):
        assert word in text.lower(), word
    document = json.loads((redacted.bundle / "transcript.json").read_text(encoding="utf-8"))
    words = [word for utterance in document["utterances"] for word in utterance["words"]]
    assert not any(re.search(r"\d{3}", word["text"]) for word in words)
    assert {word["entity_type"] for word in words} >= {None, "PERSON", "PHONE"}


def test_picture_and_sound_keep_their_time(redacted: Redacted, pairs: list[Pair]) -> None:
    """Every frame is within 40 ms of its source's time, and picture, sound and source are equally long."""
    assert max(abs(pair.stored - pair.source) for pair in pairs) < 0.04
    seconds = len(_sound(redacted.bundle / "recording.mp4")) / RATE
    assert abs(seconds - redacted.sample.truth.duration) < 0.1
    assert abs(pairs[-1].stored - seconds) < 0.1


def test_no_sample_of_the_original_is_heard(redacted: Redacted) -> None:
    """The stored sound is nowhere the original's, whatever the shift up to 0.3 s, least of all in personal phrases."""
    stored, source = _sound(redacted.bundle / "recording.mp4"), _sound(redacted.sample.path)
    limits = [(span, 0.5) for span in _personal_phrases(redacted)]
    assert len(limits) >= 5
    limits += [(Span(start / 2, start / 2 + 0.5), 0.8) for start in range(len(source) * 2 // RATE - 1)]
    reach = int(0.3 * RATE)
    for span, limit in limits:
        first, end = int(span.start * RATE), int(span.end * RATE)
        original = source[first:end]
        if float(np.abs(original).max()) < 0.02:
            continue
        assert _likeness(stored[max(0, first - reach) : end + reach], original) < limit, (
            f"at {span.start:.1f} s"
        )
        # What the measure would say of an original that was left in place:
        assert _likeness(source[max(0, first - reach) : end + reach], original) > 0.99


def _personal_phrases(redacted: Redacted) -> list[Span]:
    """Return each run of personal words of one speaker as one span."""
    phrases: list[Span] = []
    for word in redacted.sample.truth.personal_words:
        if phrases and word.span.start - phrases[-1].end < 0.5:
            phrases[-1] = Span(phrases[-1].start, word.span.end)
        else:
            phrases.append(word.span)
    return phrases


def _likeness(around: NDArray[np.float32], pattern: NDArray[np.float32]) -> float:
    """Return the largest normalised cross-correlation, 0 to 1, of a pattern with any place of a longer stretch."""
    products = np.correlate(around, pattern, "valid")
    energy = np.convolve(np.square(around), np.ones(len(pattern)), "valid")
    loud = energy > 1e-4 * len(pattern) * float(np.square(pattern).mean())
    if not loud.any():
        return 0.0
    return float((np.abs(products[loud]) / np.sqrt(energy[loud] * np.square(pattern).sum())).max())


def test_report_is_one_page_that_loads_nothing(redacted: Redacted) -> None:
    """The report names no outside address, runs no script, and shows pictures."""
    page = (redacted.bundle / "report.html").read_text(encoding="utf-8")
    assert "data:image/" in page
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", page)
    assert "<script" not in page.lower()


def test_a_second_run_is_refused_and_leaves_the_first_alone(redacted: Redacted) -> None:
    """Without --force an existing bundle is status 2, and stays whole."""
    done = run_offrecord(["redact", str(redacted.sample.path), "-o", str(redacted.bundle.parent)])
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert run_offrecord(["verify", str(redacted.bundle)]).returncode == 0
    assert list(redacted.bundle.parent.iterdir()) == [redacted.bundle]
