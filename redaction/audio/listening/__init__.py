"""From samples to words: speech segments, transcription and alignment."""
