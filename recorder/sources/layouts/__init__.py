"""How call systems lay out a recording, each in a module of its own."""
