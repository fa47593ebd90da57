"""A whole call through the real command: what participants planted is searched in every byte that was written."""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from aiortc.codecs import vpx
from numpy.typing import NDArray

from recorder.call.rtc.playback import PLAYING_RATE
from recorder.call.source import Answer
from redaction.video.faces.detect import YuNet
from samples.participants import SampleParticipant, make_participants
from samples.picture import FPS
from samples.room_client import Guest
from samples.speech import SCRIPT
from tests.e2e.conftest import COMMAND, run_offrecord

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NAMES = ("Zephyrine Quollbridge", "Thaddeus Ixworth")
SPOKEN = ("laura", "bennett", "daniel", "carter")
AGREED_HZ, REFUSED_HZ = 4_310, 5_230
_ROOM = re.compile(r"The room is open: (\S+)")


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> SampleParticipant:
    """A participant with a face who says names."""
    return make_participants(tmp_path_factory.mktemp("people"), script=SCRIPT[:4])[0]


def _planted_sound(path: Path | None, hertz: float) -> NDArray[np.float32]:
    """Return what a file says, at 48,000 Hz, with a code of short beeps in it."""
    if path is None:
        said = np.zeros(PLAYING_RATE * 6, np.float32)
    else:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=PLAYING_RATE)
        with av.open(str(path)) as media:
            said = np.concatenate(
                [
                    part.to_ndarray()[0]
                    for frame in media.decode(audio=0)
                    for part in resampler.resample(frame)
                ]
            )
    time = np.arange(len(said)) / PLAYING_RATE
    beeps = 0.25 * np.sin(2 * np.pi * hertz * time) * (time % 1.0 < 0.4)
    return np.asarray(np.clip(said + beeps, -1, 1), np.float32)


def _pattern() -> list[NDArray[np.uint8]]:
    """Return a picture no redacted one looks like: magenta and green stripes."""
    picture = np.zeros((180, 320, 3), np.uint8)
    picture[:, :, 1] = 255
    picture[(np.arange(180) // 12 % 2).astype(bool)] = (255, 0, 255)
    return [picture]


@dataclass
class Recorder:
    """The command as a process, and what it says."""

    process: asyncio.subprocess.Process
    out: Path
    said: list[str] = field(default_factory=list)
    url: str = ""

    async def ready(self) -> None:
        stderr = self.process.stderr
        assert stderr is not None
        while not self.url:
            line = (await stderr.readline()).decode()
            assert line, "".join(self.said)
            self.said.append(line)
            if match := _ROOM.search(line):
                self.url = match[1]

    async def ended(self) -> int:
        out, error = await self.process.communicate()
        self.said += [out.decode(), error.decode()]
        return self.process.returncode or 0


@asynccontextmanager
async def recording(
    out: Path, *flags: str, before: Iterable[str] = (), port: int = 0
) -> AsyncIterator[Recorder]:
    """Start `offrecord join` on the built-in room."""
    process = await asyncio.create_subprocess_exec(
        *before, COMMAND, "join", f"room://127.0.0.1:{port}", "-o", str(out), "--json", *flags,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUTF8": "1"},
    )  # fmt: skip
    recorder = Recorder(process, out)
    try:
        await asyncio.wait_for(recorder.ready(), 120)
        yield recorder
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def guests(url: str, speaker: SampleParticipant) -> AsyncIterator[tuple[Guest, Guest]]:
    """Let in one who agrees and one who does not answer yet; both send at once."""
    vpx.DEFAULT_BITRATE = vpx.MAX_BITRATE  # a good webcam's picture, so that the face is proved an adult's
    agreeing = Guest(
        url, NAMES[0], video=speaker.path, audio=_planted_sound(speaker.path, AGREED_HZ), fps=FPS
    )
    refusing = Guest(url, NAMES[1], video=_pattern(), audio=_planted_sound(None, REFUSED_HZ), fps=10)
    async with agreeing, refusing:
        await agreeing.answer(Answer.YES)
        await agreeing.until(lambda: agreeing.recorded, 30)
        await asyncio.gather(agreeing.send(), refusing.send())
        yield agreeing, refusing


def _written(trace: Path) -> dict[str, bytearray]:
    """Put together what was written to every file, from a trace with hexadecimal strings."""
    files: dict[str, bytearray] = {}
    places: dict[str, int] = {}
    call = re.compile(
        r"^\d+ +(?P<name>write|pwrite64|lseek|openat)\((?P<args>.*?)\)? += (?P<result>-?\d+)(?:<(?P<opened>[^>]*)>)?"
    )
    waiting: dict[str, str] = {}
    with trace.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            number, _, rest = line.partition(" ")
            rest = rest.strip()
            if rest.endswith("<unfinished ...>"):
                waiting[number] = rest.removesuffix("<unfinished ...>")
                continue
            if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", rest):
                rest = waiting.pop(number, "") + resumed[1].lstrip()
            match = call.match(f"{number} {rest}")
            if match is None or int(match["result"]) < 0:
                continue
            _apply(match, files, places)
    return files


def _apply(match: re.Match[str], files: dict[str, bytearray], places: dict[str, int]) -> None:
    if match["name"] == "openat":
        opened = _plain(match["opened"] or "")
        if opened in files and "O_TRUNC" in match["args"]:
            files[f"{opened}#{len(files)}"] = files.pop(opened)
        places[opened] = 0
        return
    target = re.match(r"\d+<([^>]*)>", match["args"])
    path, result = _plain(target[1]) if target else "", int(match["result"])
    if not path.startswith("/"):
        return  # a socket, a pipe
    if match["name"] == "lseek":
        places[path] = result
        return
    text = re.search(r'"((?:\\x[0-9a-f]{2})*)"', match["args"])
    data = bytes.fromhex(text[1].replace("\\x", "")) if text else b""
    content = files.setdefault(path, bytearray())
    at = places.get(path, 0)
    if match["name"] == "pwrite64":
        at = int(match["args"].rsplit(",", 1)[1])
    elif "jsonl" in path:
        at = len(content)
    content[len(content) :] = bytes(max(0, at + len(data) - len(content)))
    content[at : at + len(data)] = data
    if match["name"] == "write":
        places[path] = at + len(data)


def _plain(escaped: str) -> str:
    return bytes.fromhex(escaped.replace("\\x", "")).decode() if escaped.startswith("\\x") else escaped


def _decoded(data: bytes) -> Iterator[av.VideoFrame | av.AudioFrame]:
    """Yield what can be decoded of a file that may be cut off."""
    try:
        with av.open(io.BytesIO(data), "r") as media:
            for packet in media.demux():
                try:
                    yield from packet.decode()  # type: ignore[misc]
                except av.FFmpegError:
                    continue
    except av.FFmpegError:
        return


def _is_media(data: bytes) -> bool:
    return data[4:8] == b"ftyp" or data[4:8] == b"styp"


def _beeps(samples: NDArray[np.float32], rate: int, hertz: float) -> float:
    """Return how far a beep stands out of its neighbourhood, in dB, in the second where it does most."""
    highest = -200.0
    for start in range(0, len(samples) - rate // 4, rate // 8):
        part = samples[start : start + rate // 4]
        if float(np.abs(part).max(initial=0)) < 1e-3:
            continue
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2
        bins = np.fft.rfftfreq(len(part), 1 / rate)
        inside = spectrum[np.abs(bins - hertz) < 10].max()
        around = np.median(spectrum[(np.abs(bins - hertz) > 60) & (np.abs(bins - hertz) < 400)])
        highest = max(highest, 10 * np.log10(inside / max(float(around), 1e-12)))
    return highest


def _search(files: dict[str, bytes], look: YuNet, *, erased: str = "none") -> dict[str, int]:
    """Hold everything that was written against what was planted; return how much was searched.

    Files whose name has `erased` in it may show the pattern: redaction covers faces, and its owner had agreed then.
    Media that was searched before under another name is not decoded again.
    """
    searched = {"files": 0, "media": 0, "pictures": 0, "seconds": 0}
    known: set[tuple[bool, bytes]] = set()
    for name, data in files.items():
        searched["files"] += 1
        low = bytes(data).lower()
        for word in [*SPOKEN, *" ".join(NAMES).lower().split()]:
            for form in (word.encode(), word.encode("utf-16-le"), word.encode().hex().encode()):
                assert form not in low or len(form) < 5, f"{word!r} in {name}"
        patterned = erased in name
        if _is_media(data):
            searched["media"] += 1
            if (patterned, data) not in known:
                _search_media(name, data, look, searched, patterned=patterned)
            known.add((patterned, data))
    return searched


def _search_media(name: str, data: bytes, look: YuNet, searched: dict[str, int], *, patterned: bool) -> None:
    sound: list[NDArray[np.float32]] = []
    rate = 0
    for number, frame in enumerate(_decoded(data)):
        if isinstance(frame, av.AudioFrame):
            rate = frame.sample_rate
            sound.append(frame.to_ndarray().mean(axis=0).astype(np.float32))
            continue
        picture = frame.to_ndarray(format="bgr24")
        searched["pictures"] += 1
        blue, green, red = (float(picture[::4, ::4, part].std()) for part in range(3))
        striped = (
            green > 90
            and blue > 90
            and red > 90
            and float(np.abs(np.diff(picture[::4, 8, 1].astype(int))).mean()) > 40
        )
        assert patterned or not striped, f"the refusing participant's pattern is in {name}"
        if number % 5 == 0:
            surely = [face for face in look.detect(np.asarray(picture, np.uint8)) if face.score > 0.8]
            assert not surely, f"a face is in {name}"
    if sound:
        samples = np.concatenate(sound)
        searched["seconds"] += len(samples) // rate
        for hertz in (AGREED_HZ, REFUSED_HZ):
            assert _beeps(samples, rate, hertz) < 25, f"the code at {hertz} Hz is in {name}"


def _on_disk(folder: Path) -> dict[str, bytes]:
    return {str(item): item.read_bytes() for item in folder.rglob("*") if item.is_file()}


def test_what_was_planted_can_fail_the_search(speaker: SampleParticipant) -> None:
    """The same search finds the face, the names, the pattern and the codes where they are."""
    with pytest.raises(AssertionError, match="a face"):
        _search({"camera": _as_mp4(speaker.path)}, YuNet())
    with pytest.raises(AssertionError, match="laura"):
        _search({"words": b"hello my name is Laura"}, YuNet())
    for sound, hertz in (
        (_planted_sound(speaker.path, AGREED_HZ), AGREED_HZ),
        (_planted_sound(None, REFUSED_HZ), REFUSED_HZ),
    ):
        assert _beeps(sound, PLAYING_RATE, hertz) > 35
    data = io.BytesIO()
    with av.open(data, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for _ in range(5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(_pattern()[0], format="rgb24")))
        out.mux(stream.encode(None))
    with pytest.raises(AssertionError, match="pattern"):
        _search({"pattern": data.getvalue()}, YuNet())


def _as_mp4(path: Path) -> bytes:
    data = io.BytesIO()
    with av.open(str(path)) as source, av.open(data, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for number, frame in enumerate(source.decode(video=0)):
            if number % 10 == 0:
                frame.pts, frame.time_base = number // 10, Fraction(1, FPS)
                out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return data.getvalue()


def test_nothing_planted_is_ever_written(speaker: SampleParticipant, tmp_path: Path) -> None:
    """One agrees, one never answers, then agrees and withdraws: no byte ever written holds what they planted.

    The trace holds every byte that the process wrote to any file, those that were erased meanwhile too.
    """
    trace = tmp_path / "trace"
    before: list[str] = []
    if shutil.which("strace") is not None:
        before = ["strace", "-f", "-y", "-xx", "-s", "1048576", "-o", str(trace), "-e", "signal=none"]
        before += ["-e", "trace=write,pwrite64,lseek,openat", "--seccomp-bpf"]
        done = subprocess.run([*before, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        before = before if done.returncode == 0 else []
    out = tmp_path / "out"

    async def call() -> Recorder:
        async with recording(out, "--alone", "2s", before=before) as recorder:
            async with guests(recorder.url, speaker) as (agreeing, refusing):
                await agreeing.say(f"this is {NAMES[0]} for Laura Bennett and {NAMES[1]}")
                await refusing.say(f"Daniel Carter wrote before {NAMES[1]} agreed")
                await asyncio.sleep(speaker.duration / 2)
                await refusing.answer(Answer.YES)
                await asyncio.sleep(1)
                await refusing.say(f"{NAMES[1]} wrote while agreeing")
                await asyncio.sleep(speaker.duration / 2)
                await refusing.answer(Answer.NO)
                await asyncio.sleep(3)
            assert await recorder.ended() == 0, "".join(recorder.said)
            return recorder

    recorder = asyncio.run(call())
    (bundle,) = out.glob("*.offrecord")
    stored = _on_disk(out)
    written: dict[str, bytes] = {}
    erased = "none"
    if before:
        written = {name: bytes(data) for name, data in _written(trace).items()}
        assert any("camera-0001.mp4" in name for name in written), sorted(written)
        tokens = {token for name in written for token in re.findall(r"/people/([0-9a-f]{16})/camera", name)}
        (kept,) = {name.split("/")[-2] for name in written if name.endswith("/microphone-0001.mp4")}
        (erased,) = tokens - {kept}
        assert sum(_is_media(data) for data in written.values()) >= 4
        allowed = (str(out), "/dev/", "/proc/self/", "/tmp/.org.chromium")
        assert not [name for name in written if not name.startswith(allowed)]
    said = {"what it said": "".join(recorder.said).encode()}
    searched = _search({**stored, **said, **written}, YuNet(), erased=f"/{erased}/")
    assert searched["media"] >= 3, sorted(stored)
    assert searched["pictures"] > 20
    assert searched["seconds"] > 5
    document = json.loads((bundle / "manifest.json").read_text())
    assert {track["id"] for track in document["tracks"]} == {"P01-camera", "P01-microphone"}
    (message,) = json.loads((bundle / "chat.json").read_text())["messages"]
    assert re.fullmatch(r"this is (\[PERSON \d\]) for (\[PERSON \d\]) and (\[PERSON \d\])", message["text"])
    assert run_offrecord(["verify", str(bundle)]).returncode == 0


def test_a_bot_that_was_killed_is_started_again(speaker: SampleParticipant, tmp_path: Path) -> None:
    """After kill -9 a new bot takes the same place and folder, asks everybody anew, and both halves end as bundles."""
    out = tmp_path / "out"

    async def call() -> int:
        async with recording(out, "--alone", "2s") as first:
            port = int(first.url.rstrip("/").rpartition(":")[2])
            async with guests(first.url, speaker):
                await asyncio.sleep(8)
                first.process.send_signal(signal.SIGKILL)
                await first.process.wait()
        async with recording(out, "--alone", "2s", port=port) as second:
            async with Guest(
                second.url, NAMES[1], video=_pattern(), audio=_planted_sound(None, REFUSED_HZ)
            ) as other:
                await other.send()
                async with guests(second.url, speaker):
                    await asyncio.sleep(8)
                assert not other.recorded
            return await second.ended()

    assert asyncio.run(call()) == 0
    (partial,) = out.glob("*.partial")
    assert run_offrecord(["recover", str(partial)]).returncode in (0, 4)
    bundles = list(out.glob("*.offrecord"))
    assert bundles
    for bundle in bundles:
        assert run_offrecord(["verify", str(bundle)]).returncode == 0
    _search(_on_disk(out), YuNet())


MOMENTS = int(os.environ.get("OFFRECORD_KILLS", "1"))


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_killed_at_a_random_moment(speaker: SampleParticipant, tmp_path: Path, seed: int) -> None:
    """After kill -9 the folder holds only redacted media, and `recover` publishes it, or refuses it with its status."""
    out = tmp_path / "out"
    moment = random.Random(seed).uniform(0.3, speaker.duration + 4)

    async def call() -> None:
        async with recording(out, "--alone", "2s") as recorder, guests(recorder.url, speaker):
            await asyncio.sleep(moment)
            recorder.process.send_signal(signal.SIGKILL)
            await recorder.process.wait()

    asyncio.run(call())
    _search(_on_disk(out), YuNet())
    partials = list(out.glob("*.partial"))
    assert len(partials) + len(list(out.glob("*.offrecord"))) == 1
    for partial in partials:
        done = run_offrecord(["recover", str(partial)])
        assert done.returncode in (0, 4), f"killed after {moment:.1f} s: {done.stderr}"
        assert "Traceback" not in done.stderr
    _search(_on_disk(out), YuNet())
    for bundle in out.glob("*.offrecord"):
        assert run_offrecord(["verify", str(bundle)]).returncode == 0
