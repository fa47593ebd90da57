"""Zoom meetings by Zoom's real-time media streams: a webhook announces them, sockets bring events and media."""
