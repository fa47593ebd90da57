"""The models of the audio, loaded once and shared by the recordings of a run."""

from __future__ import annotations

from dataclasses import dataclass

from redaction.audio.listening.align import PocketsphinxAligner
from redaction.audio.listening.transcribe import WhisperTranscriber
from redaction.audio.speakers.models import SpeakerModels
from redaction.audio.voice.speak import HibariSynthesizer
from redaction.policy import Policy
from redaction.text.find import PersonalDataFinder

__all__ = ["AudioStages"]


@dataclass(frozen=True, slots=True)
class AudioStages:
    """The models of the sound, loaded once.

    Attributes:
        speakers: tell voices apart and compare them; None where the optional group `speakers` was not fetched.
    """

    transcriber: WhisperTranscriber
    aligner: PocketsphinxAligner
    finder: PersonalDataFinder
    synthesizer: HibariSynthesizer | None
    speakers: SpeakerModels | None = None

    @classmethod
    def load(cls, policy: Policy, *, threads: int = 1) -> AudioStages:
        """Load what the policy needs.

        Raises:
            ModelUnavailable: a model file is missing or altered.
        """
        speech = policy.speech
        return cls(
            transcriber=WhisperTranscriber(speech.model, language=speech.language, threads=threads),
            aligner=PocketsphinxAligner(),
            finder=PersonalDataFinder(speech),
            synthesizer=HibariSynthesizer() if policy.voice.method == "resynthesize" else None,
            speakers=SpeakerModels.load(threads=threads) if SpeakerModels.available() else None,
        )
