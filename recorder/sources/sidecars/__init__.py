"""Files that accompany a recording: chat, captions, rosters."""
