"""Who speaks when, and whether two voices are the same."""
