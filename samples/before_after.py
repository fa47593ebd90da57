"""Make the picture on the README's first screen: a frame of the sample call before and after.

python -m samples.before_after [-o docs/images/before-after.jpg]

The sample call is redacted by the real command's code; the frame on the right is taken from the stored recording.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from recorder.commands.display.progress import ProgressMode
from recorder.commands.redact import redact_all
from redaction.errors import RedactionIncomplete
from redaction.policy import Policy
from samples.make import make_call

__all__ = ["before_and_after"]

_AT_S: Final = 15.0
"""Near the middle of the call."""

_WIDTH: Final = 640
_GAP_PX: Final = 12
_QUALITY: Final = 82


def before_and_after() -> NDArray[np.uint8]:
    """Redact the sample call; return a frame of it beside the stored one, uint8 (H, W, 3) BGR.

    Raises:
        RedactionIncomplete: the sample was not published.
    """
    sample = make_call()
    with tempfile.TemporaryDirectory(prefix="offrecord-before-after-") as folder:
        outcomes = redact_all(
            [sample.path],
            Path(folder),
            policy=Policy(),
            force=False,
            delete_source=False,
            mode=ProgressMode.NONE,
        )
        bundle = outcomes[0].bundle
        if bundle is None:
            raise RedactionIncomplete("The sample call was not published.")
        pair = [_frame_at(path, _AT_S) for path in (sample.path, bundle / "recording.mp4")]
    gap = np.full((pair[0].shape[0], _GAP_PX, 3), 255, np.uint8)
    return np.hstack([pair[0], gap, pair[1]])


def _frame_at(path: Path, seconds: float) -> NDArray[np.uint8]:
    """Return the first frame from a time on, made small, uint8 (H, W, 3) BGR."""
    with av.open(str(path)) as container:
        frame = next(one for one in container.decode(video=0) if (one.time or 0.0) >= seconds)
    image = frame.to_ndarray(format="bgr24")
    height = round(image.shape[0] * _WIDTH / image.shape[1])
    return np.asarray(cv2.resize(image, (_WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description="Make the before and after picture of the README.")
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/images/before-after.jpg"))
    output: Path = parser.parse_args().output
    output.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(output), before_and_after(), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])


if __name__ == "__main__":
    main()
