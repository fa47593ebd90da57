"""Faces and people in pictures: detect, link, decide, cover."""
