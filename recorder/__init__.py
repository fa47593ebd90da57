"""Calls, files, storage and the command line around the redaction engine."""

__version__ = "0.1.0"
