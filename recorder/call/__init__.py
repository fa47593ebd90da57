"""Joining calls: peers, tracks, clock, consent and the ways in."""
