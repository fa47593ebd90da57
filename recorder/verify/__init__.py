"""The second look: what was stored is decoded, searched and repaired before it is published."""
