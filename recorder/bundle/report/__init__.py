"""The report of a bundle: one self-contained page."""
