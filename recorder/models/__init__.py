"""Fetches, converts and verifies the model files that `redaction.weights` lists."""
