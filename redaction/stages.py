"""The models, loaded when they are needed and shared by the recordings of a run."""

from __future__ import annotations

from redaction.audio.stages import AudioStages
from redaction.policy import Policy
from redaction.video.faces.second_detector import SecondLook
from redaction.video.redact import VideoStages
from redaction.weights import require

__all__ = ["AudioStages", "Stages"]


class Stages:
    """The models, loaded when the first recording needs them and shared by the recordings of a run.

    Args:
        policy: what to redact and how.
        threads: of the video detectors.
    """

    def __init__(self, policy: Policy, *, threads: int = 2) -> None:
        self.policy = policy
        self._threads = threads
        self._video: VideoStages | None = None
        self._second_look: SecondLook | None = None
        self._audio: AudioStages | None = None

    @property
    def video(self) -> VideoStages:
        """The stages for video.

        Raises:
            ModelUnavailable: a model file is missing or altered.
        """
        if self._video is None:
            self._video = VideoStages.load(self.policy, threads=self._threads)
        return self._video

    @property
    def second_look(self) -> SecondLook:
        """The detectors of the second look.

        Raises:
            ModelUnavailable: a model file is missing or altered.
        """
        if self._second_look is None:
            self._second_look = SecondLook(threads=self._threads)
        return self._second_look

    @property
    def audio(self) -> AudioStages:
        """The stages for audio.

        Raises:
            ModelUnavailable: a model file is missing or altered.
        """
        if self._audio is None:
            self._audio = AudioStages.load(self.policy)
        return self._audio

    def prepare(self, *, video: bool, audio: bool) -> None:
        """Load what a recording needs first, and see that the rest is there, before anything of it is decoded.

        The audio's models are loaded by who listens, next to who looks, and those of the second look when there is
        something to look at: neither a short recording nor the memory of a long one waits for them.

        Raises:
            ModelUnavailable: a model file is missing, or one of the picture's is altered.
        """
        if video:
            _ = self.video
            require(["face.blazeface"])
        if audio:
            require([self.policy.speech.model, "align.pocketsphinx", "text.rampart"])

    def close(self) -> None:
        """Free what must be freed before the interpreter ends."""
        if self._second_look is not None:
            self._second_look.close()
        if self._video is not None:
            self._video.close()
