"""Recordings of many kinds and lengths, and six that are broken in six ways, for comparing one engine with another."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from tests.media import make_clip

__all__ = ["BROKEN", "make_mixed"]

BROKEN: Final = 6
_KINDS: Final[tuple[tuple[str, Mapping[str, Any]], ...]] = (
    ("mp4", {}),
    ("wav", {"codec": None, "audio": "pcm_s16le"}),
    ("webm", {"codec": "libvpx", "audio": "libopus"}),
    ("mkv", {"audio_tracks": 2}),
    ("mp4", {"audio": None}),
    ("m4a", {"codec": None}),
    ("mov", {"vfr": True}),
    ("avi", {"codec": "mpeg4", "audio": "libmp3lame"}),
    ("ogg", {"codec": None, "audio": "libopus"}),
    ("mp4", {"rotation": 90, "audio_start": 0.4}),
    ("webm", {"codec": "libvpx-vp9", "audio": None}),
    ("mkv", {"layout": "5.1", "sample_rate": 44_100, "full_range": True}),
    ("mov", {"aspect": Fraction(4, 3), "video_start": 0.5}),
    ("mp3", {"codec": None, "audio": "libmp3lame"}),
    ("mkv", {"interlaced": True, "audio": "flac"}),
    ("mp4", {"vfr": True, "audio": None, "cover": True}),
    ("flac", {"codec": None, "audio": "flac", "layout": "stereo"}),
    ("ts", {"codec": "mpeg2video", "audio": "mp2"}),
)
_SIZES: Final = ((160, 120), (320, 240), (240, 320), (426, 240))
_RATES: Final = (10, 15, 25, 12)


def make_mixed(folder: Path, count: int, *, call: Path) -> None:
    """Write `count` recordings of 1 to 4 s, the last six of them broken; names hold a person's.

    Args:
        folder: where to.
        count: at least seven.
        call: a recording with a face and speech, which stands among them.
    """
    folder.mkdir()
    (folder / f"laura-00{call.suffix}").write_bytes(call.read_bytes())
    for number in range(1, count - BROKEN):
        suffix, kind = _KINDS[(number - 1) % len(_KINDS)]
        make_clip(
            folder / f"laura-{number:02d}.{suffix}",
            seconds=1.0 + number * 7 % 13 / 4,
            size=_SIZES[number // 2 % len(_SIZES)],
            fps=_RATES[number // 3 % len(_RATES)],
            flashes=(0.5,) if number % 5 == 0 else (),
            **kind,
        )
    _break(folder, number=count - BROKEN)


def _break(folder: Path, number: int) -> None:
    whole = make_clip(folder / "whole.mp4", seconds=2.0, size=(160, 120), audio=None).path.read_bytes()
    (folder / "whole.mp4").unlink()
    broken = {
        "empty.mp4": b"",
        "text.mkv": b"My name is Laura.\n" * 500,
        "cut.mp4": whole[: len(whole) // 2],
        "codec.mp4": whole.replace(b"avc1", b"zzz1"),
        "encrypted.mp4": whole.replace(b"avc1", b"encv"),
        "playlist.mp4": b"#EXTM3U\n#EXTINF:3,\nlaura-00.mp4\n#EXT-X-ENDLIST\n",
    }
    for more, (name, data) in enumerate(broken.items()):
        (folder / f"laura-{number + more:02d}-{name}").write_bytes(data)
