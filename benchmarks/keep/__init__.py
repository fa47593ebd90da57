"""Privacy and keep side by side, see `__main__`."""
