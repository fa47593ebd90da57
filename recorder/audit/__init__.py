"""Attacks published recordings with models that do not redact, and says what an attacker learns."""
