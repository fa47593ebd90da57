"""A call that a browser opens: the system's Chromium as a participant whose tracks are handed to the recorder."""
