"""The built-in room: a page, its messages and the source that records it."""
