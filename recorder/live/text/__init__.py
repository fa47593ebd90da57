"""The words of a call: what is said and what is typed, raw in memory, and what may be stored of it."""
