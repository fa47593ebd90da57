"""What speaking anew and disguising cost, and what listening before it costs, in one run.

    python -m benchmarks.speaking

CPU seconds (all threads) per second of recognised speech; goal: listening and resynthesis together at most 0.25.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.audio import CALLS, listen, load
from redaction.audio.listening.align import PocketsphinxAligner
from redaction.audio.listening.segment import RATE
from redaction.audio.listening.transcribe import WhisperTranscriber
from redaction.audio.voice.disguise import Disguiser
from redaction.audio.voice.resynthesize import Resynthesizer
from redaction.audio.voice.speak import HibariSynthesizer
from redaction.model import AudioBlock, Event, RedactedUtterance, Samples, Token, Utterance
from redaction.policy import Policy


def redacted(utterance: Utterance) -> RedactedUtterance:
    """Return an utterance as if nothing in it were personal: the dearest case, every word is spoken."""
    tokens = tuple(Token(word.text, word.span, located=word.located) for word in utterance.words)
    return RedactedUtterance(tokens, utterance.span, utterance.speaker, utterance.track, utterance.language)


def lost_words(events: Sequence[Event]) -> int:
    """Return how many words stayed silent."""
    return sum(int(event.detail.get("words", 0)) for event in events)


def main() -> None:
    """Print the table."""
    started = time.process_time()
    synthesizer = HibariSynthesizer()
    print(f"voice loaded in {time.process_time() - started:.2f} CPU s")
    transcriber, aligner = WhisperTranscriber("speech.whisper_tiny_en"), PocketsphinxAligner()
    print(
        f"{'recording':28} {'speech s':>8} {'listen':>7} {'speak':>7} {'sum':>7} {'disguise':>8}  words, silent words"
    )
    total = np.zeros(4)
    for call, speakers in CALLS.items():
        for speaker in speakers:
            name = f"{call}.{speaker}"
            total += row(name, load(name), synthesizer, transcriber, aligner)
    costs = total[1:] / total[0]
    print(
        f"{'all':28} {total[0]:8.1f} {costs[0]:7.3f} {costs[1]:7.3f} {costs[0] + costs[1]:7.3f} {costs[2]:8.3f}"
    )


def row(
    name: str,
    samples: Samples,
    synthesizer: HibariSynthesizer,
    transcriber: WhisperTranscriber,
    aligner: PocketsphinxAligner,
) -> NDArray[np.float64]:
    """Print one recording's figures; return seconds of speech and CPU seconds of each part."""
    duration = len(samples) / RATE
    start = time.process_time()
    heard = listen(samples, transcriber=transcriber, aligner=aligner)
    listened = time.process_time()
    resynthesizer = Resynthesizer(Policy(), synthesizer)
    for _ in resynthesizer.render([redacted(one) for one in heard.utterances], duration=duration):
        pass
    spoken = time.process_time()
    spans = [one.span for one in heard.utterances]
    blocks = (AudioBlock(samples[at : at + RATE], at, RATE) for at in range(0, len(samples), RATE))
    for _ in Disguiser().render(blocks, spans, duration=duration):
        pass
    disguised = time.process_time()
    speech = max(sum(span.duration for span in spans), 1e-9)
    costs = np.diff([start, listened, spoken]) / speech
    words = sum(len(one.words) for one in heard.utterances)
    print(
        f"{name:28} {speech:8.1f} {costs[0]:7.3f} {costs[1]:7.3f} {costs.sum():7.3f} "
        f"{(disguised - spoken) / speech:8.3f}  {words}, {lost_words(resynthesizer.drain_events())}"
    )
    return np.array([speech, listened - start, spoken - listened, disguised - spoken])


if __name__ == "__main__":
    main()
