"""Sample calls made on the user's machine: a real face from a package, synthetic speech, invented people."""
