"""Listening, finding where words are, and speaking again."""
