"""The engine: detect, link, decide, cover, verify. Opens no socket and writes no file."""
