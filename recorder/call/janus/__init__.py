"""Joining a Janus VideoRoom."""
