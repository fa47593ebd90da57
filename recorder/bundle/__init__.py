"""The bundle: what is stored of a recording, and how it is checked."""
