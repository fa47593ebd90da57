"""Which codecs are opened: those that recordings have, and none of the hundreds of others that FFmpeg brings.

Every decoder reads bytes that a stranger made, in this process. Those of games, cameras of the nineties and image
sequences are the least tried, and no recording of a call has them.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import av.codec

from redaction.errors import UnreadableInput

__all__ = ["allowed_decoders", "refuse_codec"]

_VIDEO: Final = frozenset(
    {
        "av1", "dvvideo", "ffv1", "flv1", "g2m", "h261", "h263", "h264", "hevc", "mjpeg", "mpeg1video", "mpeg2video",
        "mpeg4", "msmpeg4v2", "msmpeg4v3", "mss1", "mss2", "prores", "qtrle", "rawvideo", "theora", "tscc", "tscc2",
        "vc1", "vp6", "vp6f", "vp8", "vp9", "wmv1", "wmv2", "wmv3",
    }
)  # fmt: skip
_AUDIO: Final = frozenset(
    {
        "aac", "aac_latm", "ac3", "adpcm_g722", "adpcm_g726", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms",
        "adpcm_swf", "alac", "amr_nb", "amr_wb", "eac3", "flac", "g729", "gsm", "gsm_ms", "ilbc", "mp2", "mp3",
        "nellymoser", "opus", "speex", "vorbis", "wmalossless", "wmapro", "wmav1", "wmav2", "wmavoice",
    }
)  # fmt: skip
_PCM: Final = "pcm_"


@cache
def allowed_decoders() -> str:
    """Return the names of the decoders of these codecs, as libavformat's `codec_whitelist` takes them.

    It keeps libavformat from opening any other one while it looks at a file's streams.
    """
    found: list[str] = []
    for name in sorted(av.codec.codecs_available):
        try:
            decoder = av.codec.Codec(name, "r")
        except ValueError:  # an encoder
            continue
        if decoder.type in ("video", "audio") and _allowed(decoder.type, decoder.canonical_name):
            found.append(decoder.name)
    return ",".join(found)


def _allowed(kind: str, name: str) -> bool:
    return name in (_VIDEO if kind == "video" else _AUDIO) or (kind == "audio" and name.startswith(_PCM))


def refuse_codec(kind: str, name: str) -> None:
    """Refuse a codec that no recording has.

    Args:
        kind: `video` or `audio`.
        name: FFmpeg's name of the codec, which is one of its own and no text of the file.

    Raises:
        UnreadableInput: it names the codec and how to convert it.
    """
    if not _allowed(kind, name):
        raise UnreadableInput(
            f"The input's {kind} is {name}, which recordings of calls do not use and which is not opened; where you "
            "trust the file, convert it first: ffmpeg -i INPUT -c:v libx264 -c:a aac OUTPUT.mp4"
        )
