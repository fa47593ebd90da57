"""Faces: detected, confirmed and linked into tracklets."""
