"""Redacts mutated recordings one after the other in this process and says what became of each.

python -m tests.fuzz.worker FOLDER FIRST LAST
"""

from __future__ import annotations

import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from recorder.runtime.hardening import harden_process

harden_process()

from recorder.bundle.verify_files import verify_bundle  # noqa: E402
from recorder.bundle.writer import BundleWriter  # noqa: E402
from recorder.offline.session import redact_file  # noqa: E402
from recorder.runtime.context import Run  # noqa: E402
from recorder.sources.recording import open_source  # noqa: E402
from redaction.errors import InternalError, OffrecordError  # noqa: E402
from redaction.policy import Policy  # noqa: E402
from redaction.stages import Stages  # noqa: E402
from tests.media import make_clip  # noqa: E402

PLANTED = "Adaeze Okonkwo"


def flipped(data: bytearray, dice: random.Random) -> bytearray:
    """Flip single bits anywhere."""
    for _ in range(dice.choice((1, 4, 16, 64))):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return data


def header_flipped(data: bytearray, dice: random.Random) -> bytearray:
    """Change bytes near both ends, where containers keep their headers."""
    for _ in range(dice.choice((1, 2, 8))):
        place = dice.randrange(min(2000, len(data)))
        data[place if dice.random() < 0.5 else len(data) - 1 - place] = dice.choice((0, 1, 0x7F, 0x80, 0xFF))
    return data


def cut(data: bytearray, dice: random.Random) -> bytearray:
    """Cut the end off."""
    return data[: dice.randrange(1, len(data))]


def holed(data: bytearray, dice: random.Random) -> bytearray:
    """Take a stretch out of the middle."""
    start = dice.randrange(len(data))
    return data[:start] + data[start + dice.randrange(1, 5000) :]


def noised(data: bytearray, dice: random.Random) -> bytearray:
    """Overwrite a stretch with noise."""
    start = dice.randrange(len(data))
    length = min(dice.randrange(1, 3000), len(data) - start)
    data[start : start + length] = dice.randbytes(length)
    return data


def doubled(data: bytearray, dice: random.Random) -> bytearray:
    """Repeat a stretch."""
    start = dice.randrange(len(data))
    return data[:start] + data[start : start + 4000] + data[start:]


MUTATIONS: tuple[Callable[[bytearray, random.Random], bytearray], ...] = (
    flipped, header_flipped, cut, holed, noised, doubled,
)  # fmt: skip


def sources(folder: Path) -> list[Path]:
    """Make the recordings that are mutated, once."""
    folder.mkdir(exist_ok=True)
    tags = {"title": PLANTED, "artist": PLANTED}
    made = []
    for name, codec, audio in (
        ("a.mp4", "libx264", "aac"),
        ("b.webm", "libvpx", "libopus"),
        ("c.mkv", "libx264", "libopus"),
        ("d.avi", "mjpeg", "pcm_s16le"),
        ("e.wav", None, "pcm_s16le"),
        ("f.mov", "libx264", "aac"),
    ):
        path = folder / name
        if not path.exists():
            pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            make_clip(path, seconds=1, size=(160, 120), codec=codec, audio=audio, pix_fmt=pix_fmt, tags=tags)
        made.append(path)
    return made


def main() -> None:
    """Print one line a seed: seed, status, seconds."""
    folder, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    originals = sources(folder / "sources")
    stages = Stages(Policy())
    for seed in range(first, last):
        dice = random.Random(seed)
        original = dice.choice(originals)
        mutated = folder / f"mutated{original.suffix}"
        mutated.write_bytes(dice.choice(MUTATIONS)(bytearray(original.read_bytes()), dice))
        print(f"{seed} begin", flush=True)
        began = time.monotonic()
        status = outcome(mutated, folder / "out", stages)
        print(f"{seed} {status} {time.monotonic() - began:.1f}", flush=True)
    stages.close()


def outcome(path: Path, out: Path, stages: Stages) -> str:
    """Redact one file; return its exit status, or what is wrong with how it ended."""
    try:
        writer = BundleWriter(out, "fuzz")
        try:
            source = open_source(path)
            published = redact_file(source, writer, stages=stages, run=Run())
        finally:
            writer.discard()
    except InternalError as error:
        return f"internal:{error.sentence}".replace(" ", "_")
    except OffrecordError as error:
        named = PLANTED.split()[0] in error.sentence
        return "leak" if named or list(out.iterdir()) else str(int(error.exit_code))
    verify_bundle(published.path)
    stored = b"".join(item.read_bytes() for item in published.path.rglob("*") if item.is_file())
    shutil.rmtree(published.path)
    return "leak" if PLANTED.encode() in stored else "0"


if __name__ == "__main__":
    main()
