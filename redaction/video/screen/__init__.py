"""Text and codes on the screen: read where something changed, judged, covered and followed."""
