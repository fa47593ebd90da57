"""WebRTC: connections, tracks, jitter buffers, codecs and clocks."""
