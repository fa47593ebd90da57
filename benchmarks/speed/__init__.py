"""`python -m benchmarks.speed`: the whole command against the floor, with privacy and keep in the same row."""
